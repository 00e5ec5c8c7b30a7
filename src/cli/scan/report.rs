//! What a scan found, as a machine reads it. The text for people is made from the same.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::chains::{self, Chain};
use super::incidents::Incidents;
use super::outputs::Outputs;
use crate::activity::Kind;
use crate::baseline::last_seen::UseStatus;
use crate::baseline::{LastSeen, Profile};
use crate::detect::finding::{IncidentReport, Severity};
use crate::files::NotRead;
use crate::monitor::{Monitor, View};
use crate::time::EventTime;
use crate::wire::{Alert, LastSeenRecord};

/// Name and version of the report's form. Keys may be added under it; none changes its meaning or goes away.
const SCHEMA: &str = "nhi.scan/1";
/// A report lists this many unused identities, longest unused first; `--last-seen` has all.
const MAX_UNUSED: usize = 10_000;
/// The most active identities that are listed.
const MAX_TALKERS: usize = 10;

/// How the files were read.
#[derive(Debug)]
pub(in crate::cli) struct Reading {
    /// Files found.
    pub(in crate::cli) files: usize,
    /// Their bytes, unpacked.
    pub(in crate::cli) bytes: u64,
    /// What was not read, or not to its end.
    pub(in crate::cli) not_read: Vec<NotRead>,
    /// Time that it took.
    pub(in crate::cli) elapsed: Duration,
}

/// What became of the records: each is counted once, as an activity, as skipped, or as rejected.
#[derive(Debug, Default, Serialize)]
pub(in crate::cli) struct Counts {
    /// All records.
    pub(in crate::cli) records: u64,
    /// Somebody did something.
    pub(in crate::cli) activities: u64,
    /// Known and of no interest, by reason.
    pub(in crate::cli) skipped: BTreeMap<&'static str, u64>,
    /// Not understood, by reason.
    pub(in crate::cli) rejected: BTreeMap<&'static str, Rejects>,
    /// Event times, RFC 3339; `null` where there was no activity.
    #[serde(serialize_with = "as_text")]
    pub(in crate::cli) first: Option<EventTime>,
    /// See `first`.
    #[serde(serialize_with = "as_text")]
    pub(in crate::cli) last: Option<EventTime>,
}

fn as_text<S: serde::Serializer>(time: &Option<EventTime>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(EventTime::to_rfc3339).serialize(serializer)
}

/// Records that were not understood for one reason.
#[derive(Debug, Default, Serialize)]
pub(in crate::cli) struct Rejects {
    /// How many.
    pub(super) count: u64,
    /// `file:line` of the first.
    pub(super) first: String,
    /// What was wrong with the first.
    pub(super) detail: String,
}

impl Counts {
    pub(super) fn activity(&mut self, time: EventTime) {
        self.activities += 1;
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = self.last.max(Some(time));
    }

    pub(super) fn skipped(&mut self, reason: &'static str) {
        *self.skipped.entry(reason).or_default() += 1;
    }

    /// Counts a record that was not understood; of the first, `example` says where it is and what is wrong.
    pub(super) fn rejected(&mut self, reason: &'static str, example: impl FnOnce() -> (String, String)) {
        let rejects = self.rejected.entry(reason).or_insert_with(|| {
            let (first, detail) = example();
            Rejects { count: 0, first, detail }
        });
        rejects.count += 1;
    }

    /// Whether each record was counted once.
    pub(super) fn are_balanced(&self) -> bool {
        self.records == self.activities + self.skipped_count() + self.rejected_count()
    }

    pub(in crate::cli) fn skipped_count(&self) -> u64 {
        self.skipped.values().sum()
    }

    pub(in crate::cli) fn rejected_count(&self) -> u64 {
        self.rejected.values().map(|rejects| rejects.count).sum()
    }
}

/// What a scan found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema: &'static str,
    /// Files found, and how they were read.
    pub(super) files: Files,
    /// What became of the records.
    pub(super) records: Records,
    /// Incidents, gravest first.
    pub(super) incidents: IncidentList,
    /// Identities that nobody uses, longest first.
    pub(super) unused: UnusedList,
    /// All identities, by kind and status.
    pub(super) identities: Vec<Group>,
    /// The most active identities.
    pub(super) top_talkers: Vec<Talker>,
    #[serde(skip)]
    pub(super) reports: Vec<IncidentReport>,
}

/// Files found, and how they were read.
#[derive(Debug, Serialize)]
pub(super) struct Files {
    /// Files that were opened.
    pub(super) found: usize,
    /// Bytes, unpacked.
    pub(super) bytes: u64,
    /// Seconds that it took.
    pub(super) seconds: f64,
    /// Records a second.
    pub(super) records_per_second: f64,
    /// What was not read, or not to its end, and why.
    pub(super) not_read: Vec<Unread>,
}

/// A file that was not read, or not to its end.
#[derive(Debug, Serialize)]
pub(super) struct Unread {
    pub(super) path: String,
    pub(super) reason: String,
}

/// What became of the records.
#[derive(Debug, Serialize)]
pub(super) struct Records {
    #[serde(flatten)]
    pub(super) counts: Counts,
    /// Activities that had been seen before (same event id).
    pub(super) duplicates: u64,
}

/// Incidents.
#[derive(Debug, Serialize)]
pub(super) struct IncidentList {
    /// How many in all.
    pub(super) total: u64,
    /// How many of each severity.
    pub(super) by_severity: BTreeMap<&'static str, u64>,
    /// Those that are one attack through several identities.
    pub(super) chains: Vec<Chain>,
    /// The newest alert on each, as OCSF Detection Findings.
    pub(super) alerts: Vec<Alert>,
}

/// Identities that nobody uses.
#[derive(Debug, Serialize)]
pub(super) struct UnusedList {
    /// How many in all.
    pub(super) total: u64,
    /// Their last-seen records.
    pub(super) identities: Vec<LastSeenRecord>,
    #[serde(skip)]
    pub(super) facts: Vec<LastSeen>,
}

/// Identities of one kind and status.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    pub(super) kind: Kind,
    pub(super) status: UseStatus,
    pub(super) count: u64,
}

/// An active identity.
#[derive(Debug, Serialize)]
pub(super) struct Talker {
    pub(super) identity_id: String,
    pub(super) kind: Kind,
    pub(super) activities: u64,
    /// Decayed.
    pub(super) activities_per_day: f64,
    /// Decayed share of activities that were denied or failed.
    pub(super) error_rate: f64,
}

impl Report {
    /// Sums up; writes the last-seen record of every identity on the way.
    pub(super) fn new(
        monitor: &Monitor,
        reading: Reading,
        (counts, incidents): (Counts, Incidents),
        outputs: &mut Outputs,
    ) -> std::io::Result<Self> {
        let mut census = Census::default();
        census.take(&monitor.view(), outputs)?;
        let by_severity = |severity: &Severity| (severity.as_str(), incidents.of_severity(*severity));
        let by_severity = Severity::ALL.iter().map(by_severity).collect();
        let total = incidents.opened();
        let reports = incidents.into_sorted();
        let alerts = reports.iter().map(Alert::from_report).collect();
        Ok(Self {
            schema: SCHEMA,
            files: Files::new(reading, counts.records),
            records: Records { counts, duplicates: monitor.stats().duplicates },
            incidents: IncidentList { total, by_severity, chains: chains::of(&reports), alerts },
            unused: census.unused(),
            identities: census.groups(),
            top_talkers: census.talkers,
            reports,
        })
    }

    /// Whether no record was understood.
    pub(super) fn is_empty(&self) -> bool {
        self.records.counts.activities + self.records.counts.skipped_count() == 0
    }
}

impl Files {
    fn new(reading: Reading, records: u64) -> Self {
        let seconds = reading.elapsed.as_secs_f64();
        let unread = |file: NotRead| Unread { path: file.path.display().to_string(), reason: file.reason };
        Self {
            found: reading.files,
            bytes: reading.bytes,
            seconds,
            records_per_second: records as f64 / seconds.max(0.001),
            not_read: reading.not_read.into_iter().map(unread).collect(),
        }
    }
}

/// What a walk over all identities gathers.
#[derive(Default)]
struct Census {
    groups: BTreeMap<(Kind, &'static str), (UseStatus, u64)>,
    unused: Vec<LastSeen>,
    unused_total: u64,
    talkers: Vec<Talker>,
}

impl Census {
    fn take(&mut self, view: &View, outputs: &mut Outputs) -> std::io::Result<()> {
        for id in view.ids() {
            if let Some((identity, profile)) = view.identity(id.as_str()) {
                self.talker(&identity, &profile);
                self.identity(identity, outputs)?;
            }
        }
        Ok(())
    }

    fn identity(&mut self, identity: LastSeen, outputs: &mut Outputs) -> std::io::Result<()> {
        let group = self.groups.entry((identity.kind, identity.status.as_str()));
        group.or_insert((identity.status, 0)).1 += 1;
        if matches!(identity.status, UseStatus::Unused | UseStatus::NeverSeen) {
            self.unused_total += 1;
            outputs.last_seen(&identity)?;
            self.unused.push(identity);
            if self.unused.len() > 2 * MAX_UNUSED {
                self.sort_unused();
            }
            return Ok(());
        }
        outputs.last_seen(&identity)
    }

    fn talker(&mut self, identity: &LastSeen, profile: &Profile) {
        let place = self.talkers.partition_point(|talker| talker.activities >= profile.activities);
        if place < MAX_TALKERS && profile.activities > 0 {
            self.talkers.truncate(MAX_TALKERS - 1);
            let talker = Talker {
                identity_id: identity.identity_id.clone(),
                kind: identity.kind,
                activities: profile.activities,
                activities_per_day: profile.activities_per_day,
                error_rate: profile.error_rate,
            };
            self.talkers.insert(place, talker);
        }
    }

    fn sort_unused(&mut self) {
        let key =
            |identity: &LastSeen| (std::cmp::Reverse(identity.unused_days), identity.identity_id.clone());
        self.unused.sort_by_cached_key(key);
        self.unused.truncate(MAX_UNUSED);
    }

    fn unused(&mut self) -> UnusedList {
        self.sort_unused();
        let facts = std::mem::take(&mut self.unused);
        let identities = facts.iter().map(LastSeenRecord::from).collect();
        UnusedList { total: self.unused_total, identities, facts }
    }

    fn groups(&self) -> Vec<Group> {
        let group = |((kind, _), (status, count)): (&(Kind, &str), &(UseStatus, u64))| Group {
            kind: *kind,
            status: *status,
            count: *count,
        };
        self.groups.iter().map(group).collect()
    }
}
