//! Who acted: from the principal that a log names to a stable identity with kind and class.

pub mod allowed;
pub mod classify;
pub mod declared;
pub mod names;
mod resolve;
pub mod schedule;
mod words;

pub use allowed::AllowedNetwork;
pub use classify::classify;
pub use declared::{Declared, DeclaredChange};
pub use resolve::resolve;
pub use schedule::AllowedSchedule;
