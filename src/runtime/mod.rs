//! Edge.

pub mod clock;
