//! What the monitor tells about itself: metrics and its own log.

pub mod catalog;
mod detectors;
mod enrichment;
mod families;
mod ingest;
mod latency;
mod losses;
pub mod logging;
pub mod metrics;
mod process;
mod restore;
mod stages;
mod state;
#[cfg(test)]
mod tests;

pub use metrics::Metrics;
