//! Generates traffic.
