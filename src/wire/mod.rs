//! Public records and binary codecs.

pub mod snapshot;
mod snapshot_identity;
