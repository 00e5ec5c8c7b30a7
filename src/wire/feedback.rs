//! Feedback of analysts, as records of `nhi.feedback` under the key `<identity_id>`.

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::monitor::feedback::{DEFAULT_MUTE_DAYS, Feedback, MAX_MUTE_DAYS, Scope, Verdict};
use crate::text::is_misleading;
use crate::time::{DAY_MS, EventTime, ProcessingTime};

use super::declared::{self, brief, check_size, checked_id};
use super::{MAX_TEXT_CHARS, clip_to};

/// What `schema` says.
pub const SCHEMA: &str = "nhi.feedback/1";

/// Bytes of one record: an identity id of 2 KB and a reason, each character escaped, some times over.
pub const MAX_BYTES: usize = 16 << 10;

/// Characters of who decided: a name or a mail address (at most 254 by RFC 5321). What is beyond is cut.
const MAX_BY_CHARS: usize = 256;

/// Bytes of a detector's id. Those built in are below 40.
const MAX_DETECTOR_BYTES: usize = 128;

/// One analyst's word on one identity. Unknown keys are refused: a misspelt `incident_uid` would widen what is accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedbackRecord {
    /// Always `nhi.feedback/1`.
    pub schema: String,
    /// The identity. The Kafka key, where there is one, must agree.
    pub identity_id: String,
    /// What was decided. Case does not matter.
    #[schemars(with = "Verdict")]
    pub verdict: String,
    /// The incident to accept or to reopen (`finding_info.uid` of its alerts); without it, all of the identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_uid: Option<String>,
    /// The detector to mute or to reopen; without it, all of the identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detector: Option<String>,
    /// End of it, RFC 3339, exclusive. A mute ends after 30 days where absent, and after 400 at most; an acceptance lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Who decided. Cut at 256 characters.
    pub by: String,
    /// Why. Cut at 512 characters.
    pub reason: String,
    /// When it was decided, RFC 3339. Of two records about the same thing, the later one counts.
    pub at: String,
}

/// Why feedback could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The key is not text.
    #[error("the key is not UTF-8 text; feedback has the identity id as its key")]
    BadKey,
    /// The identity id is not one, or something is too large.
    #[error(transparent)]
    Common(#[from] declared::Error),
    /// Not a JSON object, a key that is unknown or missing, or of the wrong type.
    #[error("not feedback: {0}")]
    BadJson(String),
    /// Of another schema.
    #[error("`schema` is `{0}`; this program reads `{SCHEMA}`")]
    UnknownSchema(String),
    /// A verdict that there is not.
    #[error("`verdict` is `{0}`; known are accept, mute, reopen")]
    UnknownVerdict(String),
    /// A text that says nothing.
    #[error("`{0}` is empty; a verdict needs somebody who gave it, and a reason")]
    Empty(&'static str),
    /// Not the uid of an incident.
    #[error("`incident_uid` is `{0}`; it has 32 hexadecimal digits, as `finding_info.uid` of an alert")]
    BadIncident(String),
    /// Not the id of a detector.
    #[error("`detector` is empty, or holds control characters")]
    BadDetector,
    /// A key that this verdict does not take.
    #[error("`{verdict}` takes no `{key}`: {instead}")]
    NotApplicable {
        /// Verdict.
        verdict: &'static str,
        /// Key.
        key: &'static str,
        /// What is meant, perhaps.
        instead: &'static str,
    },
    /// A time that is not understood.
    #[error("`{key}` is `{found}`; write RFC 3339 (`2026-01-31T09:30:00Z`)")]
    BadTime {
        /// Key.
        key: &'static str,
        /// Text found.
        found: String,
    },
    /// An end that is none.
    #[error("`until` is {0}")]
    BadEnd(&'static str),
}

impl Error {
    /// Bounded label for metrics and dead letters.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::BadKey => "bad_key",
            Self::Common(error) => error.kind(),
            Self::BadJson(_) => "bad_json",
            Self::UnknownSchema(_) => "unknown_schema",
            Self::UnknownVerdict(_) => "unknown_word",
            Self::Empty(_) => "empty_text",
            Self::BadIncident(_) => "bad_incident_uid",
            Self::BadDetector => "bad_detector",
            Self::NotApplicable { .. } => "not_applicable",
            Self::BadTime { .. } => "bad_time",
            Self::BadEnd(_) => "bad_until",
        }
    }
}

/// When a record arrived, and how far ahead of that its times may be.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Reception.
    pub received: ProcessingTime,
    /// `limits.clock_skew`, in milliseconds.
    pub skew_ms: i64,
}

/// Reads one record of the feedback topic.
///
/// # Errors
/// Where it cannot be taken.
pub fn parse(key: &[u8], value: &[u8], arrival: Arrival) -> Result<Feedback, Error> {
    let key = std::str::from_utf8(key).map_err(|_| Error::BadKey)?;
    let record = FeedbackRecord::read(value)?;
    if !key.is_empty() && key != record.identity_id {
        let (key, value) = (clip_to(key, 256), clip_to(&record.identity_id, 256));
        return Err(declared::Error::IdMismatch { key, value }.into());
    }
    record.check(arrival)
}

impl FeedbackRecord {
    /// Reads a record without a look at what it says.
    ///
    /// # Errors
    /// Where it is not a JSON object of this form.
    pub fn read(value: &[u8]) -> Result<Self, Error> {
        check_size("feedback in bytes", value.len(), MAX_BYTES)?;
        let text =
            simdutf8::basic::from_utf8(value).map_err(|_| Error::BadJson("not UTF-8 text".into()))?.trim();
        // Serde would also read a JSON array into the struct, field by field.
        if !text.starts_with('{') {
            return Err(Error::BadJson("not a JSON object".into()));
        }
        let mut json = serde_json::Deserializer::from_str(text);
        let record =
            serde_path_to_error::deserialize(&mut json).map_err(|error| Error::BadJson(why(&error)))?;
        json.end().map_err(|_| Error::BadJson("more text after the JSON object".into()))?;
        Ok(record)
    }

    /// What it says, as the monitor takes it. A decision of the future counts as of its arrival.
    ///
    /// # Errors
    /// Where it says nothing that could be taken.
    pub fn check(&self, arrival: Arrival) -> Result<Feedback, Error> {
        if self.schema != SCHEMA {
            return Err(Error::UnknownSchema(clip_to(&self.schema, 64)));
        }
        let verdict = self.verdict()?;
        let (at, _) = time("at", &self.at)?.clamped(arrival.received, arrival.skew_ms);
        Ok(Feedback {
            identity_id: checked_id(&self.identity_id)?.to_owned(),
            scope: self.scope(verdict)?,
            until: self.end(verdict, at)?,
            by: line("by", &self.by, MAX_BY_CHARS)?,
            reason: line("reason", &self.reason, MAX_TEXT_CHARS)?,
            verdict,
            at,
        })
    }

    /// The JSON, on one line without its end.
    ///
    /// # Errors
    /// Never in practice: every part has a JSON form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    fn verdict(&self) -> Result<Verdict, Error> {
        let named = |verdict: &Verdict| self.verdict.trim().eq_ignore_ascii_case(verdict.as_str());
        let unknown = || Error::UnknownVerdict(clip_to(&self.verdict, 64));
        Verdict::ALL.into_iter().find(named).ok_or_else(unknown)
    }

    fn scope(&self, verdict: Verdict) -> Result<Scope, Error> {
        let refused = |key, instead| Err(Error::NotApplicable { verdict: verdict.as_str(), key, instead });
        match (verdict, &self.incident_uid, &self.detector) {
            (_, None, None) => Ok(Scope::Identity),
            (Verdict::Accept, _, Some(_)) => refused("detector", "a detector is muted"),
            (Verdict::Mute, Some(_), _) => {
                refused("incident_uid", "a detector is muted, or all of the identity")
            }
            (_, Some(_), Some(_)) => refused("detector", "one of incident and detector is enough"),
            (_, Some(uid), None) => incident(uid).map(Scope::Incident),
            (_, None, Some(detector)) => detector_id(detector).map(Scope::Detector),
        }
    }

    fn end(&self, verdict: Verdict, at: EventTime) -> Result<Option<EventTime>, Error> {
        let until = self.until.as_deref().map(|until| time("until", until)).transpose()?;
        let after = |days: i64| at.plus_millis(days * DAY_MS);
        match (verdict, until) {
            (Verdict::Reopen, Some(_)) => {
                let instead = "what is reopened stays so";
                Err(Error::NotApplicable { verdict: verdict.as_str(), key: "until", instead })
            }
            (_, Some(until)) if until <= at => Err(Error::BadEnd("not after `at`")),
            (Verdict::Mute, Some(until)) if until > after(MAX_MUTE_DAYS) => {
                Err(Error::BadEnd("more than 400 days after `at`, the longest that a mute may last"))
            }
            (Verdict::Mute, until) => Ok(Some(until.unwrap_or(after(DEFAULT_MUTE_DAYS)))),
            (_, until) => Ok(until),
        }
    }
}

/// Where and what is wrong, and which key where that is the trouble; no value.
fn why(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let said = error.inner().to_string();
    let names_a_key = said.starts_with("unknown field") || said.starts_with("missing field");
    if names_a_key { clip_to(&said, 256) } else { brief(error) }
}

fn incident(uid: &str) -> Result<u128, Error> {
    let is_hex = uid.len() == 32 && uid.bytes().all(|digit| digit.is_ascii_hexdigit());
    let bad = || Error::BadIncident(clip_to(uid, 64));
    if is_hex { u128::from_str_radix(uid, 16).map_err(|_| bad()) } else { Err(bad()) }
}

fn detector_id(id: &str) -> Result<String, Error> {
    check_size("detector in bytes", id.len(), MAX_DETECTOR_BYTES)?;
    let is_text = !id.trim().is_empty() && !id.chars().any(is_misleading);
    if is_text { Ok(id.trim().to_owned()) } else { Err(Error::BadDetector) }
}

fn time(key: &'static str, found: &str) -> Result<EventTime, Error> {
    let bad = || Error::BadTime { key, found: clip_to(found, 64) };
    EventTime::parse_rfc3339(found.trim()).ok_or_else(bad)
}

/// The text on one line, cut: alerts and terminals show it.
fn line(key: &'static str, text: &str, max_chars: usize) -> Result<String, Error> {
    let text: String =
        text.chars().map(|character| if is_misleading(character) { ' ' } else { character }).collect();
    let text = clip_to(text.trim(), max_chars);
    if text.is_empty() { Err(Error::Empty(key)) } else { Ok(text) }
}
