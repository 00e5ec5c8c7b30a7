//! Parts of an archive that could not be read: of which log source they may be, and of when.
//!
//! What is said to be covered must not hold them. Where nobody can tell, they may be of any log source, and of any time.

use std::path::Path;
use std::time::UNIX_EPOCH;

use super::covered::Run;
use super::merge::DELIVERY_MS;
use crate::files::walk::delivered_at;
use crate::time::EventTime;

/// What is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unread {
    /// The only log source that it can be of; `None` where it can be of any.
    pub(super) scope: Option<String>,
    /// The hours that it can be of.
    pub(super) hours: Run,
}

/// What the name of a file says of its records.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// Their log source.
    pub(super) scope: String,
    /// When they were delivered.
    delivered: EventTime,
}

impl Named {
    /// What CloudTrail says by the names of its files: `111122223333_CloudTrail_eu-west-1_20260131T0905Z_….json.gz`.
    pub(super) fn by(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy();
        let mut parts = name.split('_');
        let (account, product, region) = (parts.next()?, parts.next()?, parts.next()?);
        let delivered = delivered_at(path).filter(|_| product == "CloudTrail")?;
        Some(Self { scope: format!("aws:{account}:{region}"), delivered })
    }
}

/// What was read of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    /// Earliest and latest time of its records, as far as they tell it.
    pub(super) span: Option<(EventTime, EventTime)>,
    /// Whether a record is of another log source than its name says.
    pub(super) has_others: bool,
    /// Whether its times go back by more than a delivery takes: what is missing of it may be older than all that was read.
    pub(super) goes_back: bool,
    /// Whether something that could not be read comes before all that tells a time.
    pub(super) begins_unread: bool,
}

impl Part {
    /// Notes the time of a record.
    pub(super) fn note(&mut self, time: EventTime) {
        let (first, last) = self.span.unwrap_or((time, time));
        self.goes_back |= last.millis_since(time) > DELIVERY_MS;
        self.span = Some((first.min(time), last.max(time)));
    }

    /// Notes something that could not be read.
    pub(super) fn note_unread(&mut self) {
        self.begins_unread |= self.span.is_none();
    }
}

impl Unread {
    /// A file or folder of which nothing was read.
    pub(super) fn all_of(path: &Path) -> Self {
        Self::rest_of(path, &Part::default())
    }

    /// A file of which this was read.
    pub(super) fn rest_of(path: &Path, part: &Part) -> Self {
        let before = |time: EventTime| time.plus_millis(-DELIVERY_MS).hour();
        if let Some(Named { scope, delivered }) = Named::by(path) {
            let (first, last) = part.span.unwrap_or((delivered, delivered));
            let hours = (before(first.min(delivered)), last.max(delivered).hour());
            return Self { scope: Some(scope).filter(|_| !part.has_others), hours };
        }
        let grows = !part.begins_unread && !part.goes_back;
        let since = part.span.filter(|_| grows).map_or(0, |(first, _)| before(first));
        let until = part.span.and_then(|(_, last)| written_until(path, last));
        Self { scope: None, hours: (since, until.map_or(u32::MAX, EventTime::hour)) }
    }
}

/// When a file was written to last, where that can be believed: copies keep that time or are later, but some archivers set it to a constant,
/// and then it is earlier than its records.
fn written_until(path: &Path, newest: EventTime) -> Option<EventTime> {
    let since_1970 = path.metadata().ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let modified = EventTime::from_millis(i64::try_from(since_1970.as_millis()).ok()?);
    (modified >= newest).then_some(modified)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NAMED: &str = "111122223333_CloudTrail_eu-west-1_20260131T0905Z_x.json.gz";

    fn at(text: &str) -> EventTime {
        EventTime::parse_rfc3339(text).unwrap()
    }

    fn part(first: &str, last: &str) -> Part {
        let mut part = Part::default();
        [first, last].iter().for_each(|time| part.note(at(time)));
        part
    }

    fn hours(first: &str, last: &str) -> Run {
        (at(first).hour(), at(last).hour())
    }

    #[test]
    fn a_name_tells_the_log_source_and_about_when() {
        let unread = Unread::all_of(Path::new(NAMED));
        assert_eq!(unread.scope.as_deref(), Some("aws:111122223333:eu-west-1"));
        assert_eq!(unread.hours, hours("2026-01-31T08:00:00Z", "2026-01-31T09:00:00Z"));
        let late = Unread::rest_of(Path::new(NAMED), &part("2026-01-30T22:30:00Z", "2026-01-31T10:00:00Z"));
        assert_eq!(
            late.hours,
            hours("2026-01-30T21:00:00Z", "2026-01-31T10:00:00Z"),
            "what was read tells more"
        );
        let others = Part { has_others: true, ..Part::default() };
        assert_eq!(Unread::rest_of(Path::new(NAMED), &others), Unread { scope: None, ..unread });
    }

    #[test]
    fn without_one_it_may_be_anybodys_and_of_any_time() {
        let anything = Unread { scope: None, hours: (0, u32::MAX) };
        for name in ["logs/auth.log", "logs", "1_Other_eu_20260131T0905Z_x.json", "1_CloudTrail_eu_x.json"] {
            assert_eq!(Unread::all_of(Path::new(name)), anything, "{name}");
        }
    }

    #[test]
    fn what_was_read_of_a_file_and_when_it_was_written_bound_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.log");
        let written = |time: &str| {
            let file = std::fs::File::create(&path).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_millis(at(time).millis() as u64)).unwrap();
        };
        let read = part("2026-01-31T09:30:00Z", "2026-01-31T11:00:00Z");
        let rest = |part: &Part| Unread::rest_of(&path, part).hours;
        written("2026-02-01T06:10:00Z");
        assert_eq!(rest(&read), hours("2026-01-31T08:00:00Z", "2026-02-01T06:00:00Z"));
        assert_eq!(rest(&Part { begins_unread: true, ..read.clone() }).0, 0);
        let backward = ["2026-01-31T11:00:00Z", "2026-01-31T10:00:00Z", "2026-01-31T09:59:59Z"].map(at);
        let rest_after = |times: &[EventTime]| {
            let mut part = Part::default();
            times.iter().for_each(|time| part.note(*time));
            rest(&part).0
        };
        assert_eq!(
            rest_after(&backward[..2]),
            at("2026-01-31T09:00:00Z").hour(),
            "no delivery is that orderly"
        );
        assert_eq!(rest_after(&backward), 0, "it may be sorted newest first");
        written("1980-01-01T00:00:00Z");
        assert_eq!(rest(&read), (at("2026-01-31T08:00:00Z").hour(), u32::MAX), "a constant");
    }
}
