//! What is true about generated traffic, for tests and for the demo's honest summary.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::company::Company;
use super::emission::Emission;
use super::incident::Incident;
use super::member::Fate;
use crate::activity::Kind;
use crate::time::EventTime;

/// The truth about the records of one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Truth {
    /// Seed of the run.
    pub seed: u64,
    /// Distinct records that are activities.
    pub activities: u64,
    /// Records delivered: activities, repeated ones, skippable ones, broken ones.
    pub records: u64,
    /// Payloads (messages) delivered.
    pub payloads: u64,
    /// Activities that were delivered a second time.
    pub repeated: u64,
    /// Records that are known and of no interest, by what they are.
    pub skippable: BTreeMap<&'static str, u64>,
    /// Records that cannot be understood, by what is wrong with them.
    pub broken: BTreeMap<&'static str, u64>,
    /// Identities seen, by id.
    pub identities: BTreeMap<String, Use>,
    /// Declared identities that were never used.
    pub never_used: Vec<String>,
    /// Identities that fell silent for good, by id; the last use is in `identities`.
    pub forgotten: Vec<String>,
    /// Incidents injected.
    pub incidents: Vec<Incident>,
}

/// The use of one identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Use {
    /// Records.
    pub events: u64,
    /// First record.
    #[serde(serialize_with = "rfc3339_option")]
    pub first_seen: Option<EventTime>,
    /// Last record.
    #[serde(serialize_with = "rfc3339_option")]
    pub last_seen: Option<EventTime>,
    /// Last record of something that worked.
    #[serde(serialize_with = "rfc3339_option")]
    pub last_success: Option<EventTime>,
    /// Last record of something refused.
    #[serde(serialize_with = "rfc3339_option")]
    pub last_denied: Option<EventTime>,
}

impl Truth {
    /// The truth about a company before its traffic.
    #[must_use]
    pub fn new(company: &Company, incidents: &[Incident]) -> Self {
        let of_fate = |wanted: fn(Fate) -> bool| {
            let members = company.members().iter().filter(|member| wanted(member.fate));
            members.map(|member| member.id.clone()).collect::<Vec<_>>()
        };
        let declared = |ids: Vec<String>| {
            let is_declared =
                |id: &String| company.members().iter().any(|member| member.id == *id && member.is_declared);
            ids.into_iter().filter(is_declared).collect()
        };
        Self {
            seed: company.seed(),
            never_used: declared(of_fate(|fate| fate == Fate::NeverUsed)),
            forgotten: of_fate(|fate| matches!(fate, Fate::Forgotten(_))),
            incidents: incidents.to_vec(),
            ..Self::default()
        }
    }

    /// Takes one record in.
    pub fn observe(&mut self, emission: &Emission) {
        self.activities += 1;
        let entry = match self.identities.get_mut(&*emission.identity) {
            Some(entry) => entry,
            None => self.identities.entry(emission.identity.to_string()).or_default(),
        };
        entry.events += 1;
        entry.first_seen = Some(entry.first_seen.map_or(emission.time, |time| time.min(emission.time)));
        entry.last_seen = entry.last_seen.max(Some(emission.time));
        if emission.record.is_success() {
            entry.last_success = entry.last_success.max(Some(emission.time));
        }
        if emission.record.is_denied() {
            entry.last_denied = entry.last_denied.max(Some(emission.time));
        }
    }

    /// Records that can be understood and are of no interest.
    #[must_use]
    pub fn skippable_total(&self) -> u64 {
        self.skippable.values().sum()
    }

    /// Records that cannot be understood.
    #[must_use]
    pub fn broken_total(&self) -> u64 {
        self.broken.values().sum()
    }

    /// Declared kinds, by identity id.
    #[must_use]
    pub fn kinds(company: &Company) -> BTreeMap<String, Kind> {
        company.members().iter().map(|member| (member.id.clone(), member.kind)).collect()
    }
}

/// An event time as RFC 3339 text.
pub(super) fn rfc3339<S: Serializer>(time: &EventTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339())
}

fn rfc3339_option<S: Serializer>(time: &Option<EventTime>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => rfc3339(time, serializer),
        None => serializer.serialize_none(),
    }
}
