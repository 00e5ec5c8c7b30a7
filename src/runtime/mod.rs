//! The stages wired to Kafka.

pub mod clock;
pub mod observer;
