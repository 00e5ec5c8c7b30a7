//! Linux auth logs.

use super::{Context, Error, Normalized};
use crate::decode::RawRecord;
use crate::text::Text;

/// An account on a Linux host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinuxPrincipal<'a> {
    /// Host that reported it.
    pub host: Text<'a>,
    /// Account name.
    pub account: Text<'a>,
    /// Numeric user id, where logged.
    pub uid: Option<u32>,
}

/// Turns one record into who did what.
pub(super) fn normalize<'a>(
    _record: &RawRecord<'a>,
    _context: &Context<'a>,
) -> Result<Normalized<'a>, Error> {
    Err(Error::MissingField("message"))
}
