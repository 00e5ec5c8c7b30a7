//! Declared identities, as the inventory's owner writes them: records of `nhi.inventory` under the key
//! `identity:<identity_id>`, or lines of a JSONL file.

#[cfg(test)]
mod tests;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Deserialize;
use thin_vec::ThinVec;

use crate::activity::{Class, Kind};
use crate::identity::allowed::{self, NotANetwork};
use crate::identity::declared::{Criticality, Declared, DeclaredChange, DeclaredStatus};
use crate::identity::schedule::NotASchedule;
use crate::identity::{AllowedNetwork, AllowedSchedule};
use crate::time::EventTime;

use super::clip_to;

/// Keys of declared identities start with this.
pub const KEY_PREFIX: &str = "identity:";

/// Bytes of one declaration. It is held in memory for every identity and passed on with each last-seen record, so a
/// million of them must fit; the ones known are below 1 KiB.
pub const MAX_BYTES: usize = 16 << 10;

/// Bytes of an identity id. AWS's own cap for an ARN is 2,048.
pub const MAX_ID_BYTES: usize = 2_048;

/// Characters of one text (owner, purpose, …), since alerts repeat them.
const MAX_TEXT_CHARS: usize = 512;

/// Allowed services or networks of one identity: above this, it is no allow list any more.
const MAX_ALLOWED: usize = 256;

/// Credentials of one identity: an IAM user has two, a host's account a key for each machine that logs in.
const MAX_CREDENTIALS: usize = 64;

/// Nesting of one declaration, of which readers of last-seen records must make sense too. JSON libraries give up
/// somewhere between 100 and 1,000 levels.
const MAX_DEPTH: usize = 32;

/// Days that `unused_after_days` may span: ten years.
const MAX_UNUSED_AFTER_DAYS: u32 = 3_650;

/// A declared identity, as its owner writes it. Every key is optional; unknown keys are kept and passed on.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
pub struct DeclaredRecord {
    /// The identity. Required in JSONL files; in Kafka the key names it, and this, where present, must agree.
    #[serde(default)]
    pub identity_id: Option<String>,
    /// Overrides the observed kind. Case does not matter.
    #[serde(default)]
    #[schemars(with = "Option<Kind>")]
    pub kind: Option<String>,
    /// Overrides the observed class. Case does not matter.
    #[serde(default)]
    #[schemars(with = "Option<Class>")]
    pub class: Option<String>,
    /// Technical owner.
    #[serde(default)]
    pub owner: Option<String>,
    /// Business owner.
    #[serde(default)]
    pub business_owner: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub purpose: Option<String>,
    /// `prod`, `staging`, …
    #[serde(default)]
    pub environment: Option<String>,
    /// How much depends on it; `medium` where absent. Case does not matter.
    #[serde(default)]
    #[schemars(with = "Option<Criticality>")]
    pub criticality: Option<String>,
    /// Whether it is meant to be in use; `active` where absent. Case does not matter.
    #[serde(default)]
    #[schemars(with = "Option<DeclaredStatus>")]
    pub status: Option<String>,
    /// When it was made: RFC 3339, or a date, which means its first moment in UTC.
    #[serde(default)]
    pub created_at: Option<String>,
    /// When it is to end, in the same forms.
    #[serde(default)]
    pub expires_at: Option<String>,
    /// When it was retired, in the same forms.
    #[serde(default)]
    pub retired_at: Option<String>,
    /// Days without use after which it counts as unused, 1 to 3650.
    #[serde(default)]
    pub unused_after_days: Option<u32>,
    /// What it is meant to do.
    #[serde(default)]
    pub allowed: Option<Allowed>,
    /// Its long-term credentials.
    #[serde(default)]
    pub credentials: Vec<DeclaredCredential>,
}

/// A long-term credential of an identity.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
pub struct DeclaredCredential {
    /// Public identifier: access key id, fingerprint. Never the secret.
    pub id: String,
    /// When it was made: RFC 3339, or a date.
    #[serde(default)]
    pub created_at: Option<String>,
}

/// What an identity is meant to do.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
pub struct Allowed {
    /// Services it is meant to use: `s3`, `sshd`. Empty means any. Case, and `.amazonaws.com` at the end, do not matter.
    #[serde(default)]
    pub services: Vec<String>,
    /// Networks it is meant to come from: `203.0.113.0/24`, `2001:db8::/32`, an address, an autonomous system (`AS64500`), a country
    /// (`DE`). Empty means any.
    #[serde(default)]
    pub networks: Vec<String>,
    /// When it is meant to work: `Mon-Fri 06:00-20:00; Sat 08:00-12:00 Europe/Berlin`. Days, hours or both; several windows with semicolons; at the
    /// end a time zone of the IANA database, UTC where there is none. Absent means any time.
    #[serde(default)]
    pub schedule: Option<String>,
}

/// What a record of the inventory topic turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum InventoryRecord {
    /// A declaration or its withdrawal.
    Declared(Box<DeclaredChange>),
    /// Not a declaration, such as the monitor's own last-seen records; the label is bounded.
    Skipped(&'static str),
}

/// Why a declaration could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The key is not text.
    #[error("the key is not UTF-8 text; declared identities have the key `identity:<identity_id>`")]
    BadKey,
    /// The id is empty, too long, or holds control characters.
    #[error("identity id is {0}")]
    BadId(&'static str),
    /// Neither key nor value names the identity.
    #[error("`identity_id` is missing")]
    MissingId,
    /// Key and value name different identities.
    #[error("the key names `{key}`, but `identity_id` is `{value}`")]
    IdMismatch {
        /// The id in the key.
        key: String,
        /// The id in the value.
        value: String,
    },
    /// More than a cap allows.
    #[error("{what} is {found}, the most is {most}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        found: usize,
        /// How large it may be.
        most: usize,
    },
    /// Not a JSON object, or a key of the wrong type.
    #[error("not a declaration: {0}")]
    BadJson(String),
    /// A word that is none of those known.
    #[error("`{key}` is `{found}`; known are {known}")]
    UnknownWord {
        /// Key.
        key: &'static str,
        /// Word found.
        found: String,
        /// Words known.
        known: String,
    },
    /// A time that is not understood.
    #[error("`{key}` is `{found}`; write RFC 3339 (`2026-01-31T09:30:00Z`) or a date (`2026-01-31`)")]
    BadTime {
        /// Key.
        key: &'static str,
        /// Text found.
        found: String,
    },
    /// A network that is not understood.
    #[error("`allowed.networks` has `{0}`: {NotANetwork}")]
    BadNetwork(String),
    /// Hours that are not understood.
    #[error("`allowed.schedule` is `{0}`: {NotASchedule}")]
    BadSchedule(String),
    /// A number outside of its range.
    #[error("`unused_after_days` is {0}; it must be 1 to {MAX_UNUSED_AFTER_DAYS}")]
    BadDays(u32),
}

impl Error {
    /// Bounded label for metrics and dead letters.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::BadKey => "bad_key",
            Self::BadId(_) => "bad_identity_id",
            Self::MissingId => "missing_identity_id",
            Self::IdMismatch { .. } => "identity_id_mismatch",
            Self::TooLarge { .. } => "too_large",
            Self::BadJson(_) => "bad_json",
            Self::UnknownWord { .. } => "unknown_word",
            Self::BadTime { .. } => "bad_time",
            Self::BadNetwork(_) => "bad_network",
            Self::BadSchedule(_) => "bad_schedule",
            Self::BadDays(_) => "bad_number",
        }
    }
}

/// The Kafka key of an identity's declaration.
#[must_use]
pub fn key(identity_id: &str) -> String {
    format!("{KEY_PREFIX}{identity_id}")
}

/// Reads one record of the inventory topic. A `value` of `None` or of no bytes is a tombstone.
///
/// # Errors
/// Where the key says that it is a declaration, and it cannot be taken.
pub fn parse(key: &[u8], value: Option<&[u8]>) -> Result<InventoryRecord, Error> {
    let key = std::str::from_utf8(key).map_err(|_| Error::BadKey)?;
    let Some(id) = key.strip_prefix(KEY_PREFIX) else {
        let is_ours = key.starts_with(super::last_seen::KEY_PREFIX);
        return Ok(InventoryRecord::Skipped(if is_ours {
            "last_seen_record"
        } else {
            "other_inventory_record"
        }));
    };
    let change = match value.filter(|value| !value.is_empty()) {
        Some(value) => parse_value(Some(id), value)?,
        None => DeclaredChange { identity_id: checked_id(id)?.to_owned(), declared: None },
    };
    Ok(InventoryRecord::Declared(Box::new(change)))
}

/// Reads one line of a JSONL file of declared identities.
///
/// # Errors
/// Where the line is not a declaration that names its identity.
pub fn parse_line(line: &[u8]) -> Result<DeclaredChange, Error> {
    parse_value(None, line)
}

fn parse_value(key_id: Option<&str>, value: &[u8]) -> Result<DeclaredChange, Error> {
    check_size("declaration in bytes", value.len(), MAX_BYTES)?;
    let text = simdutf8::basic::from_utf8(value).map_err(|_| Error::BadJson("not UTF-8 text".into()))?.trim();
    let record = read(text)?;
    let identity_id = resolve_id(key_id, record.identity_id.as_deref())?;
    let original = minify(text);
    check_size("nesting", depth(&original), MAX_DEPTH)?;
    let declared = declared(record, original)?;
    Ok(DeclaredChange { identity_id, declared: Some(declared) })
}

fn read(text: &str) -> Result<DeclaredRecord, Error> {
    // Serde would also read a JSON array into the struct, field by field.
    if !text.starts_with('{') {
        return Err(Error::BadJson("not a JSON object".into()));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let record =
        serde_path_to_error::deserialize(&mut json).map_err(|error| Error::BadJson(brief(&error)))?;
    json.end().map_err(|_| Error::BadJson("more text after the JSON object".into()))?;
    Ok(record)
}

/// Where and what, without the text that was found there: it may be a secret that somebody pasted.
pub(super) fn brief(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    use serde_json::error::Category;
    let what = match error.inner().classify() {
        Category::Data => "wrong type, or given twice",
        Category::Syntax => "not valid JSON",
        Category::Eof | Category::Io => "JSON ends early",
    };
    let (path, inner) = (error.path().to_string(), error.inner());
    let place = if path == "." { String::new() } else { format!("`{}`: ", clip_to(&path, 64)) };
    format!("{place}{what} (line {}, column {})", inner.line(), inner.column())
}

fn resolve_id(key_id: Option<&str>, value_id: Option<&str>) -> Result<String, Error> {
    match (key_id, value_id) {
        (Some(key), Some(value)) if key != value => {
            Err(Error::IdMismatch { key: clip_to(key, 256), value: clip_to(value, 256) })
        }
        (Some(id), _) | (None, Some(id)) => checked_id(id).map(str::to_owned),
        (None, None) => Err(Error::MissingId),
    }
}

pub(super) fn checked_id(id: &str) -> Result<&str, Error> {
    check_size("identity id in bytes", id.len(), MAX_ID_BYTES)?;
    if id.trim().is_empty() {
        return Err(Error::BadId("empty"));
    }
    if id.chars().any(char::is_control) {
        return Err(Error::BadId("not plain text: it holds control characters"));
    }
    Ok(id)
}

pub(super) fn check_size(what: &'static str, found: usize, most: usize) -> Result<(), Error> {
    if found > most { Err(Error::TooLarge { what, found, most }) } else { Ok(()) }
}

fn declared(record: DeclaredRecord, original: String) -> Result<Declared, Error> {
    let allowed = record.allowed.unwrap_or_default();
    Ok(Declared {
        kind: word("kind", record.kind, &Kind::ALL, Kind::as_str)?,
        class: word("class", record.class, &Class::ALL, Class::as_str)?,
        owner: text("owner", record.owner)?,
        business_owner: text("business_owner", record.business_owner)?,
        purpose: text("purpose", record.purpose)?,
        environment: text("environment", record.environment)?,
        criticality: word("criticality", record.criticality, &Criticality::ALL, Criticality::as_str)?
            .unwrap_or_default(),
        status: word("status", record.status, &DeclaredStatus::ALL, DeclaredStatus::as_str)?
            .unwrap_or_default(),
        created_at: time("created_at", record.created_at)?,
        expires_at: time("expires_at", record.expires_at)?,
        retired_at: time("retired_at", record.retired_at)?,
        unused_after_days: record.unused_after_days.map(days).transpose()?,
        allowed_services: services(allowed.services)?,
        allowed_networks: networks(allowed.networks)?,
        original,
        allowed_schedule: schedule(allowed.schedule)?,
        key_dates: key_dates(record.credentials)?,
    })
}

/// The known value that `found` names; case, spaces and dashes do not matter.
fn word<T: Copy>(
    key: &'static str,
    found: Option<String>,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<Option<T>, Error> {
    let Some(found) = found else { return Ok(None) };
    let normal = found.trim().to_ascii_lowercase().replace(['-', ' '], "_");
    if let Some(known) = all.iter().find(|known| name(**known) == normal) {
        return Ok(Some(*known));
    }
    let known: Vec<&str> = all.iter().map(|known| name(*known)).collect();
    Err(Error::UnknownWord { key, found: clip_to(&found, 64), known: known.join(", ") })
}

/// The text without surrounding space; an empty one says nothing.
fn text(key: &'static str, found: Option<String>) -> Result<Option<String>, Error> {
    let Some(found) = found else { return Ok(None) };
    let trimmed = found.trim();
    check_size(key, trimmed.chars().count(), MAX_TEXT_CHARS)?;
    Ok((!trimmed.is_empty()).then(|| trimmed.to_owned()))
}

fn time(key: &'static str, found: Option<String>) -> Result<Option<EventTime>, Error> {
    let Some(found) = found else { return Ok(None) };
    let time = EventTime::parse_rfc3339(found.trim()).or_else(|| date(found.trim()));
    time.map(Some).ok_or_else(|| Error::BadTime { key, found: clip_to(&found, 64) })
}

fn date(text: &str) -> Option<EventTime> {
    let midnight = text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?;
    Some(EventTime::from_millis(midnight.and_utc().timestamp_millis()))
}

fn days(days: u32) -> Result<u32, Error> {
    if (1..=MAX_UNUSED_AFTER_DAYS).contains(&days) { Ok(days) } else { Err(Error::BadDays(days)) }
}

fn list(key: &'static str, entries: Vec<String>) -> Result<Vec<String>, Error> {
    check_size(key, entries.len(), MAX_ALLOWED)?;
    let entries = entries.into_iter().map(|entry| text(key, Some(entry)));
    entries.filter_map(Result::transpose).collect()
}

fn services(entries: Vec<String>) -> Result<Vec<String>, Error> {
    let entries = list("allowed.services", entries)?;
    Ok(entries.iter().map(|entry| allowed::service(entry)).collect())
}

fn networks(entries: Vec<String>) -> Result<Vec<AllowedNetwork>, Error> {
    let bad = |entry: &str| Error::BadNetwork(clip_to(entry, 64));
    let entries = list("allowed.networks", entries)?.into_iter();
    entries.map(|entry| AllowedNetwork::try_from(entry.clone()).map_err(|_| bad(&entry))).collect()
}

fn key_dates(credentials: Vec<DeclaredCredential>) -> Result<ThinVec<(String, EventTime)>, Error> {
    check_size("credentials", credentials.len(), MAX_CREDENTIALS)?;
    let mut dates = ThinVec::new();
    for DeclaredCredential { id, created_at } in credentials {
        if let (Some(id), Some(at)) =
            (text("credentials.id", Some(id))?, time("credentials.created_at", created_at)?)
        {
            dates.push((id, at));
        }
    }
    Ok(dates)
}

fn schedule(found: Option<String>) -> Result<Option<Box<AllowedSchedule>>, Error> {
    let Some(text) = text("allowed.schedule", found)? else { return Ok(None) };
    let read = AllowedSchedule::try_from(text.clone());
    read.map(|schedule| Some(Box::new(schedule))).map_err(|_| Error::BadSchedule(clip_to(&text, 64)))
}

/// Valid JSON without the space between its parts, so that it fits on one line. Numbers and key order stay as they are.
fn minify(json: &str) -> String {
    let mut scanner = StringScanner::default();
    json.chars()
        .filter(|character| scanner.is_in_string(*character) || !character.is_ascii_whitespace())
        .collect()
}

/// How deep valid JSON is nested: 1 for an object of plain values.
fn depth(json: &str) -> usize {
    let (mut scanner, mut depth, mut deepest) = (StringScanner::default(), 0_usize, 0);
    for character in json.chars() {
        match (scanner.is_in_string(character), character) {
            (false, '{' | '[') => depth += 1,
            (false, '}' | ']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Tells, character by character, which part of valid JSON is inside strings.
#[derive(Default)]
struct StringScanner {
    is_open: bool,
    is_escaped: bool,
}

impl StringScanner {
    /// Whether this next character belongs to a string; its quotes do.
    fn is_in_string(&mut self, character: char) -> bool {
        let was_open = self.is_open;
        if !self.is_escaped && character == '"' {
            self.is_open = !was_open;
        }
        self.is_escaped = was_open && !self.is_escaped && character == '\\';
        was_open || self.is_open
    }
}
