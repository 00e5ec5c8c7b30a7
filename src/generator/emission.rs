//! What comes out: one log record with the truth about it.

use std::sync::Arc;

use super::auth::AuthLine;
use super::cause::Cause;
use super::record::ApiCall;
use crate::time::EventTime;

/// One log record, with the truth about it.
#[derive(Clone, Debug)]
pub struct Emission {
    /// When it happened, in whole seconds.
    pub time: EventTime,
    /// Id of the identity that acted, as the monitor names it.
    pub identity: Arc<str>,
    /// Index of the incident that it belongs to.
    pub incident: Option<usize>,
    /// The benign change that explains what is unusual about it, if anything does.
    pub cause: Cause,
    /// The record.
    pub record: Record,
}

/// A record, before it is written in a transport shape.
#[derive(Clone, Debug)]
pub enum Record {
    /// CloudTrail.
    CloudTrail(Box<ApiCall>),
    /// Linux auth log.
    Auth(AuthLine),
}

impl Record {
    /// Whether it was refused for lack of rights.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        match self {
            Self::CloudTrail(call) => call.is_denied(),
            Self::Auth(line) => line.is_denied,
        }
    }

    /// Whether it worked.
    #[must_use]
    pub fn is_success(&self) -> bool {
        match self {
            Self::CloudTrail(call) => call.error_code.is_none(),
            Self::Auth(line) => !line.is_denied,
        }
    }
}
