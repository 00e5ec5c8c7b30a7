//! Logs in files: which of them to read in what order, unpacked as a stream, cut into payloads.
//!
//! Nothing here grows with a file's size: a line, or one record of a large document, is held at a time.

pub mod chunks;
pub mod detectors;
pub mod enrichment;
pub mod open;
mod scanner;
pub mod walk;
mod whole;
mod window;

pub use chunks::{Chunk, Chunks};
pub use open::open;
pub use walk::{Found, LogFile, NotRead, walk};
