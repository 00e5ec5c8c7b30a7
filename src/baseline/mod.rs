//! What an identity normally does, and when it was last seen.

pub mod behaviour;
pub mod cadence;
pub mod coverage;
pub mod decommission;
pub mod dimension;
pub mod endpoint;
pub mod fan_out;
pub mod graded;
pub mod history;
pub mod hours;
pub mod last_seen;
pub mod novelty;
pub mod peak;
pub mod peers;
pub mod place;
pub mod profile;
pub mod rate;
pub mod recent;
pub mod rhythm;
pub mod sharing;
pub mod terms;
pub mod transfer;
pub mod usage;
pub mod volume;

pub use behaviour::{Behaviour, Sighting};
pub use coverage::CoverageMap;
pub use dimension::Dimension;
pub use last_seen::LastSeen;
pub use peers::Peers;
pub use profile::Profile;
