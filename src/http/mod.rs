//! HTTP: metrics, health, and what analysts ask about identities, incidents, alerts and detectors. Read only, unless the operator lets
//! it take feedback (`http.feedback`).
//!
//! There is no authentication: listen on loopback or a network that only operators and Prometheus reach
//! (`http.listen`), or put an authenticating proxy in front.

mod alerts;
mod backend;
mod detectors;
mod feedback;
mod guard;
mod identities;
mod incidents;
mod index;
mod problem;
mod routes;
mod server;
#[cfg(test)]
mod tests;

pub use alerts::{AlertQuery, RecentAlert, RecentAlerts};
pub use backend::{Backend, FeedbackTaker, Health, NotReady};
pub use server::{Error, Server};
