//! Arguments to exit code; everything else is the library's.

use std::process::ExitCode;

use clap::Parser;

/// Faster than the system's for many small allocations on many threads, and it gives memory back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    nhi_monitor::cli::main(nhi_monitor::cli::Cli::parse())
}
