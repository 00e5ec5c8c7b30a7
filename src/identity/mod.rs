//! Who acted: from the principal that a log names to a stable identity with kind and class.

pub mod declared;
pub mod names;

pub use declared::{Declared, DeclaredChange};
