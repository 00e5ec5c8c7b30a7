//! Detection: detectors raise signals, signals add up to risk, risk opens incidents.

pub mod detector;
pub mod finding;
pub mod testing;
