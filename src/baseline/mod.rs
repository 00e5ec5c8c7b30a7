//! What an identity normally does, and when it was last seen.

pub mod last_seen;
pub mod profile;

pub use last_seen::LastSeen;
pub use profile::Profile;
