//! What the monitor tells about itself: metrics and its own log.

pub mod catalog;
mod families;
mod latency;
pub mod logging;
pub mod metrics;
mod partitions;
mod process;
#[cfg(test)]
mod tests;

pub use metrics::Metrics;
