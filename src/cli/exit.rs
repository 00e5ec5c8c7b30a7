//! How a command ends.

use std::io::{self, ErrorKind};
use std::process::ExitCode;

/// How a command ended that did its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Nothing to say.
    Ok,
    /// A check found something.
    Findings,
    /// What was asked for is there, and somebody wanted to know by the exit code.
    Listed,
}

/// Why a command did not do its work.
#[derive(Debug)]
pub(super) enum Failure {
    /// The command line or the settings are wrong, or nothing could be read.
    Usage(anyhow::Error),
    /// It failed on the way.
    Failed(anyhow::Error),
    /// What was read is too old to go by.
    Stale(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Says what went wrong, and gives the exit code.
pub(super) fn conclude(result: Result<Exit, Failure>) -> ExitCode {
    match result {
        Ok(Exit::Ok) => ExitCode::SUCCESS,
        Ok(Exit::Findings) => ExitCode::from(1),
        Ok(Exit::Listed) => ExitCode::from(3),
        // Whoever read our output has seen enough (`| head`).
        Err(Failure::Failed(error)) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(Failure::Failed(error)) => complain(&error, 1),
        Err(Failure::Usage(error)) => complain(&error, 2),
        Err(Failure::Stale(error)) => complain(&error, 4),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    })
}

fn complain(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("nhi-monitor: {}", chain(error));
    ExitCode::from(code)
}

/// The error and its causes, leaving out what the line says already.
fn chain(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn causes_are_told_once() {
        let error = Err::<(), _>(io::Error::other("disk full")).context("a.txt: disk full").unwrap_err();
        assert_eq!(chain(&error.context("cannot write")), "cannot write: a.txt: disk full");
    }
}
