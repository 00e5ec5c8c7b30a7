//! Kafka: the real log behind the stages, its topics, and the embedded broker of the demo.

pub mod backfill;
pub mod client;
mod context;
pub mod embedded;
mod failure;
pub mod feedback;
mod lag;
mod log;
mod losses;
pub mod repartition;
mod restore;
pub mod topics;
mod transaction;

pub(crate) use failure::words;
pub use log::{KafkaLog, Worker};
