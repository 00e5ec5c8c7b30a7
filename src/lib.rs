//! Watches what non-human identities do.
//!
//! ```text
//!  bytes ─► decode ─► normalize ─► identity ─► Activity ─► baseline ─► detect ─► Effects
//!           transport  one file     resolve,               what is     signals,   alerts,
//!           shapes     per format   classify               usual       incidents  last-seen
//!           └───────────── ingest ─────────────┘           └──────── monitor ────────┘
//! ```
//!
//! The modules stand in the order in which data flows; each imports only from those above it. The
//! upper part is the pure core: no clock, no environment, no files, no network. It builds without the
//! `edges` feature. The lower part wires the core to Kafka, files, HTTP and the terminal.

// -- pure core --
pub mod activity;
pub mod baseline;
pub mod config;
pub mod decode;
pub mod detect;
pub mod generator;
pub mod identity;
pub mod ingest;
pub mod monitor;
pub mod normalize;
pub mod term;
pub mod text;
pub mod time;
pub mod wire;

// -- edges --
#[cfg(feature = "edges")]
pub mod cli;
#[cfg(feature = "edges")]
pub mod files;
#[cfg(feature = "edges")]
pub mod http;
#[cfg(feature = "edges")]
pub mod kafka;
#[cfg(feature = "edges")]
pub mod runtime;
#[cfg(feature = "edges")]
pub mod telemetry;
