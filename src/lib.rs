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
pub mod config;
pub mod time;
pub mod text;
pub mod term;
pub mod activity;
pub mod decode;
pub mod normalize;
pub mod identity;
pub mod enrich;
pub mod ingest;
pub mod baseline;
pub mod detect;
pub mod monitor;
pub mod wire;
pub mod generator;
pub mod evaluation;

// -- edges --
#[cfg(feature = "edges")]
pub mod kafka;
#[cfg(feature = "edges")]
pub mod files;
#[cfg(feature = "edges")]
pub mod http;
#[cfg(feature = "edges")]
pub mod telemetry;
#[cfg(feature = "edges")]
pub mod runtime;
#[cfg(feature = "edges")]
pub mod cli;
