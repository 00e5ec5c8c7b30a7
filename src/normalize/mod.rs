//! Records to events: one file per log format.

pub mod client;
mod cloudtrail;
pub mod endpoint;
mod fold;
pub mod linux;
mod loose;
mod ocsf;
pub mod origin;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use fold::fold;
pub use loose::{MAX_TEXT_BYTES, capped};

use crate::activity::{Event, Provenance};
use crate::decode::{Format, RawRecord};
use crate::text::Text;
use crate::time::ProcessingTime;

/// What is known about a record from outside of it.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// When it reached its topic.
    pub received: ProcessingTime,
    /// Where it stood.
    pub provenance: Provenance<'a>,
    /// How far ahead of `received` an event's time may be, in milliseconds.
    pub clock_skew_ms: i64,
}

/// What a record turned out to be.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly every value is the large one, and lives for one call")]
pub enum Normalized<'a> {
    /// Somebody did something.
    Activity(Principal<'a>, Box<Event<'a>>),
    /// Known and of no interest; the label is bounded (`insight`, `session_closed`).
    Skipped(&'static str),
}

/// The principal as the log names it; [`crate::identity`] makes a stable identity of it.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "moved once from its record to its identity")]
pub enum Principal<'a> {
    /// CloudTrail's `userIdentity`.
    Aws(AwsPrincipal<'a>),
    /// An account on a Linux host.
    Linux(linux::LinuxPrincipal<'a>),
}

/// CloudTrail's `userIdentity`, as far as identity and kind depend on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AwsPrincipal<'a> {
    /// `IAMUser`, `AssumedRole`, `AWSService`, …
    pub principal_type: Text<'a>,
    /// `principalId`: `AIDA…`, `AROA…:session`.
    pub principal_id: Option<Text<'a>>,
    /// `arn` (a session's, for roles).
    pub arn: Option<Text<'a>>,
    /// `accountId`.
    pub account: Option<Text<'a>>,
    /// `userName`.
    pub user_name: Option<Text<'a>>,
    /// `invokedBy`.
    pub invoked_by: Option<Text<'a>>,
    /// `sessionContext.sessionIssuer.type`.
    pub issuer_type: Option<Text<'a>>,
    /// `sessionContext.sessionIssuer.arn`.
    pub issuer_arn: Option<Text<'a>>,
    /// `sessionContext.sessionIssuer.principalId`.
    pub issuer_principal_id: Option<Text<'a>>,
    /// `sessionContext.webIdFederationData.federatedProvider` or `identityProvider`.
    pub identity_provider: Option<Text<'a>>,
    /// `onBehalfOf.userId`: the Identity Center user behind the call.
    pub on_behalf_of: Option<Text<'a>>,
    /// `onBehalfOf.identityStoreArn`.
    pub identity_store: Option<Text<'a>>,
}

/// The id of an Identity Center user: `aws-identity-center:<store>:<user id>`, from the store's ARN.
#[must_use]
pub fn identity_center_id(store_arn: &str, user_id: &str) -> String {
    let store = store_arn.rsplit('/').next().unwrap_or(store_arn);
    format!("aws-identity-center:{store}:{user_id}")
}

/// Most that an error quotes of a record: its text goes into logs, and records are hostile.
const MAX_QUOTED_BYTES: usize = 40;

/// Why a record could not be normalised.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not JSON, or a field of the wrong type.
    #[error("record is not valid: {0}")]
    BadJson(String),
    /// A field that every record of the format has is absent.
    #[error("record has no `{0}`")]
    MissingField(&'static str),
    /// The time could not be read.
    #[error("time `{0}` is not understood")]
    BadTime(String),
    /// The principal names no identity.
    #[error("principal of type `{0}` names no identity")]
    NoIdentity(String),
}

impl Error {
    /// A time that is not understood; quotes no more of it than a time is long.
    pub(crate) fn bad_time(text: &Text<'_>) -> Self {
        Self::BadTime(capped(text, MAX_QUOTED_BYTES).to_string())
    }

    /// A principal that names nobody; quotes no more of its type than a type is long.
    pub(crate) fn no_identity(principal_type: &Text<'_>) -> Self {
        Self::NoIdentity(capped(principal_type, MAX_QUOTED_BYTES).to_string())
    }

    /// Bounded label for metrics and dead letters.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::BadJson(_) => "bad_json",
            Self::MissingField(_) => "missing_field",
            Self::BadTime(_) => "bad_time",
            Self::NoIdentity(_) => "no_identity",
        }
    }
}

/// Turns one record into who did what.
///
/// # Errors
/// Where the record does not hold what its format promises.
pub fn normalize<'a>(record: &RawRecord<'a>, context: &Context<'a>) -> Result<Normalized<'a>, Error> {
    match record.format {
        Format::CloudTrail => cloudtrail::normalize(record, context),
        Format::OcsfApiActivity => ocsf::normalize(record, context),
        Format::Syslog | Format::Journald => linux::normalize(record, context),
    }
}
