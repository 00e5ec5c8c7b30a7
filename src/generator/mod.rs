//! Generates the traffic of a made-up company: for the demo, for tests, for benchmarks.
//!
//! ```text
//!  seed ─► Company ─► Emissions (in order of time) ─► Mixer ─► payloads in all transport shapes
//!          members    record + who it was             shapes   + broken, skippable, repeated ones
//!                          └───────────── Truth ────────┘
//! ```
//!
//! The same seed, plan and size give the same bytes on every machine. Memory follows the number of identities,
//! never the length of time.

mod actor;
mod archetype;
mod auth;
mod broken;
mod calendar;
mod calls;
mod campaign;
mod catalog;
mod cause;
mod company;
mod details;
mod climate;
mod drift;
mod emission;
mod habits;
mod incident;
mod inventory;
mod member;
mod mixer;
mod networks;
mod ocsf;
mod pace;
mod playbook;
mod random;
mod record;
mod rhythm;
mod scenario;
mod session;
mod shape;
mod stream;
#[cfg(test)]
mod tests;
mod truth;

pub use auth::AuthLine;
pub use cause::Cause;
pub use company::Company;
pub use emission::{Emission, Record};
pub use incident::Incident;
pub use inventory::{InventoryRecord, inventory};
pub use member::{Fate, Member};
pub use mixer::{Mix, Mixer, Payload, Topic};
pub use networks::{Whereabouts, whereabouts};
pub use record::ApiCall;
pub use scenario::Scenario;
pub use shape::Shape;
pub use stream::{Emissions, Plan};
pub use truth::{Truth, Use};
