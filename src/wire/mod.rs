//! Public records and binary codecs.

pub mod snapshot;
