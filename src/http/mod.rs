//! HTTP: metrics, health, and what analysts ask about identities and alerts. Read only.
//!
//! There is no authentication: listen on loopback or a network that only operators and Prometheus reach
//! (`http.listen`), or put an authenticating proxy in front.

mod alerts;
mod backend;
mod guard;
mod identities;
mod index;
mod problem;
mod routes;
mod server;
#[cfg(test)]
mod tests;

pub use alerts::{AlertQuery, RecentAlert, RecentAlerts};
pub use backend::{Backend, Health, NotReady};
pub use server::{Error, Server};
