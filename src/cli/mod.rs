//! Edge.

pub mod demo;
pub mod generate;
