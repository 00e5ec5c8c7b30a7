//! Who acted: from the principal that a log names to a stable identity with kind and class.

pub mod declared;

pub use declared::{Declared, DeclaredChange};

/// Makes a stable identity of the principal that a log names.
///
/// # Errors
/// Where the principal names none.
pub fn resolve<'a>(
    principal: crate::normalize::Principal<'a>,
    event: &crate::activity::Event<'a>,
) -> Result<crate::activity::Identity<'a>, crate::normalize::Error> {
    let _ = (principal, event);
    Err(crate::normalize::Error::NoIdentity(String::new()))
}
