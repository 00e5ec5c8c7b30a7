//! State records as a copy into other partitions sees them: identities, which move as they are, and what every
//! partition was told (log sources, progress of the inputs, losses), which is merged. See `docs/adr/0007-repartition.md`.

use std::collections::{BTreeMap, BTreeSet};

use crate::baseline::coverage::losses::Losses;
use crate::baseline::coverage::source::ScopeCoverage;
use crate::monitor::Inputs;
use crate::term::partition_of;
use crate::time::EventTime;

use super::{
    BUDGET_KEY, Change, Error, FORGOTTEN_KEY, IDENTITY_PREFIX, INPUTS_KEY, LOSSES_KEY, SCOPE_PREFIX, damaged,
    decode, encode, key, versioned,
};

/// What a state record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// The identity of this id.
    Identity(&'a str),
    /// A log source, the inputs, what was lost or forgotten: the same in every partition, or merged so that it holds for each.
    Shared,
    /// The alert budget of a partition, which starts anew.
    Budget,
}

impl<'a> Subject<'a> {
    /// What the record of this key is about.
    ///
    /// # Errors
    /// Where it is not the key of a state record.
    pub fn of(key: &'a [u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(key).map_err(damaged)?;
        if let Some(id) = text.strip_prefix(IDENTITY_PREFIX) {
            return Ok(Self::Identity(id));
        }
        if text == BUDGET_KEY {
            return Ok(Self::Budget);
        }
        let is_shared = [INPUTS_KEY, LOSSES_KEY, FORGOTTEN_KEY].contains(&text);
        if is_shared || text.starts_with(SCOPE_PREFIX) {
            return Ok(Self::Shared);
        }
        Err(Error::Damaged(format!("unknown key `{}`", text.chars().take(80).collect::<String>())))
    }
}

/// Whether this program may copy a value as it is; a tombstone it may.
///
/// # Errors
/// Where another version wrote it, or it has none.
pub fn check_version(value: Option<&[u8]>) -> Result<(), Error> {
    value.map_or(Ok(()), |value| versioned(value).map(drop))
}

/// What one partition was told of log sources, inputs and losses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    scopes: BTreeMap<String, ScopeCoverage>,
    inputs: Option<Inputs>,
    losses: Losses,
    forgotten_until: Option<EventTime>,
}

impl Facts {
    /// Takes in one record of [`Subject::Shared`]; the newest of a key counts.
    ///
    /// # Errors
    /// Where the record was written by another version or is damaged.
    pub fn take(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Error> {
        let key = std::str::from_utf8(key).map_err(damaged)?;
        match (key.strip_prefix(SCOPE_PREFIX), value) {
            (Some(scope), Some(value)) => drop(self.scopes.insert(scope.to_owned(), decode(value)?)),
            (Some(scope), None) => drop(self.scopes.remove(scope)),
            (None, value) if key == LOSSES_KEY => {
                self.losses = value.map(decode).transpose()?.unwrap_or_default();
            }
            (None, value) if key == FORGOTTEN_KEY => {
                self.forgotten_until = value.map(decode).transpose()?.unwrap_or_default();
            }
            (None, value) => self.inputs = value.map(decode).transpose()?,
        }
        Ok(())
    }

    /// Forgets findings about log sources that another partition judges: only that one knows whether they ended. This partition is `number`
    /// (from 0) of so many.
    pub fn keep_own_findings(&mut self, number: usize, partitions: usize) {
        let others = self.scopes.iter_mut().filter(|(scope, _)| partition_of(scope, partitions) != number);
        others.for_each(|(_, coverage)| coverage.forget_missed());
    }

    /// How many log sources are known.
    #[must_use]
    pub fn scopes(&self) -> usize {
        self.scopes.len()
    }

    /// As changelog records, which every partition gets alike.
    ///
    /// # Errors
    /// Where a value cannot be written down, which no input brings about.
    pub fn changes(&self) -> Result<Vec<Change>, Error> {
        let mut changes = Vec::with_capacity(self.scopes.len() + 2);
        for (scope, coverage) in &self.scopes {
            changes.push(Change { key: key(SCOPE_PREFIX, scope), value: Some(encode(coverage)?) });
        }
        if let Some(inputs) = &self.inputs {
            changes.push(Change { key: INPUTS_KEY.into(), value: Some(encode(inputs)?) });
        }
        if !self.losses.is_empty() {
            changes.push(Change { key: LOSSES_KEY.into(), value: Some(encode(&self.losses)?) });
        }
        if self.forgotten_until.is_some() {
            changes.push(Change { key: FORGOTTEN_KEY.into(), value: Some(encode(&self.forgotten_until)?) });
        }
        Ok(changes)
    }
}

/// The facts of several partitions in one, which claims no more than each of them.
#[derive(Clone, Debug, Default)]
pub struct Merged {
    common: Option<Facts>,
    left_out: BTreeSet<String>,
}

impl Merged {
    /// Takes in the facts of one more partition.
    pub fn add(&mut self, facts: Facts) {
        let Some(common) = self.common.take() else {
            self.common = Some(facts);
            return;
        };
        let agreed = |(scope, ours): (&String, &ScopeCoverage)| {
            Some((scope.clone(), ours.common(facts.scopes.get(scope)?)?))
        };
        let scopes: BTreeMap<_, _> = common.scopes.iter().filter_map(agreed).collect();
        let known = common.scopes.keys().chain(facts.scopes.keys());
        self.left_out.extend(known.filter(|scope| !scopes.contains_key(*scope)).cloned());
        let inputs = match (common.inputs, facts.inputs) {
            (Some(ours), Some(theirs)) => Some(ours.least(&theirs)),
            (ours, theirs) => ours.or(theirs),
        };
        // What only one of them lost may have been any identity's.
        let losses = common.losses.and(&facts.losses);
        // Its identities may come to any partition.
        let forgotten_until = common.forgotten_until.max(facts.forgotten_until);
        self.common = Some(Facts { scopes, inputs, losses, forgotten_until });
    }

    /// The merged facts, and how many log sources some partition knows and another does not.
    #[must_use]
    pub fn finish(self) -> (Facts, usize) {
        (self.common.unwrap_or_default(), self.left_out.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::coverage::cadence::Limits;
    use crate::baseline::coverage::{CoverageMap, Settings};
    use crate::monitor::{InputProgress, fixture};
    use crate::time::{HOUR_MS, ProcessingTime};
    use crate::wire::snapshot::{self, VERSION};

    const SETTINGS: Settings =
        Settings { limits: Limits { silence: 1, weekly: 1 }, tolerated_unreadable: 0, accepted_before: 0 };

    fn facts(scopes: &[(&str, &[u32])], read_ms: i64) -> Facts {
        let mut facts = Facts::default();
        for (scope, hours) in scopes {
            let mut map = CoverageMap::new(SETTINGS);
            map.note(scope, hours, EventTime::from_millis(0));
            let value = encode(map.get(scope).unwrap()).unwrap();
            facts.take(&key(SCOPE_PREFIX, scope), Some(&value)).unwrap();
        }
        let mut inputs = Inputs::default();
        let until = ProcessingTime::from_millis(read_ms);
        inputs.note(&[InputProgress { topic: "cloudtrail".into(), partition: 0, until }]);
        facts.take(INPUTS_KEY.as_bytes(), Some(&encode(&inputs).unwrap())).unwrap();
        facts
    }

    fn losing(mut facts: Facts, hours: &[(u32, u32)]) -> Facts {
        let mut map = CoverageMap::new(SETTINGS);
        let start = |hour: u32| EventTime::from_millis(i64::from(hour) * HOUR_MS);
        for (first, last) in hours {
            map.note_loss(Some(start(*first)), start(*last));
        }
        facts.take(LOSSES_KEY.as_bytes(), Some(&encode(map.losses()).unwrap())).unwrap();
        facts
    }

    fn merged(all: &[Facts]) -> (Facts, usize) {
        let mut merged = Merged::default();
        all.iter().for_each(|facts| merged.add(facts.clone()));
        merged.finish()
    }

    #[test]
    fn merging_claims_no_more_than_each_partition_knows() {
        let all = facts(&[("linux:a", &[1, 2, 3]), ("linux:b", &[1]), ("linux:c", &[1])], 900);
        let less = facts(&[("linux:a", &[2, 3, 4]), ("linux:c", &[5])], 700);
        let expected = facts(&[("linux:a", &[2, 3])], 700);
        assert_eq!(merged(&[all.clone(), less.clone(), all.clone()]), (expected, 2));
        assert_eq!(merged(&[all.clone(), all.clone()]), (all.clone(), 0), "drained partitions agree");
        assert_eq!(merged(&[all, Facts::default()]).0.scopes(), 0, "one that knows nothing leaves nothing");
    }

    #[test]
    fn what_one_partition_lost_is_lost_to_all() {
        let one = losing(facts(&[("linux:a", &[1])], 900), &[(1, 3), (20, 21)]);
        let other = losing(facts(&[("linux:a", &[1])], 900), &[(3, 5)]);
        let expected = losing(facts(&[("linux:a", &[1])], 900), &[(1, 5), (20, 21)]);
        assert_eq!(merged(&[one, other, facts(&[("linux:a", &[1])], 900)]), (expected, 0));
    }

    #[test]
    fn what_one_partition_forgot_may_be_of_each() {
        let until = |day: i64| Some(EventTime::from_millis(day * 24 * HOUR_MS));
        let forgetting = |day| Facts { forgotten_until: until(day), ..facts(&[("linux:a", &[1])], 900) };
        let (all, _) = merged(&[forgetting(3), forgetting(5), facts(&[("linux:a", &[1])], 900)]);
        assert_eq!(all, forgetting(5));
        let mut read = Facts::default();
        all.changes()
            .unwrap()
            .iter()
            .for_each(|change| read.take(&change.key, change.value.as_deref()).unwrap());
        assert_eq!(read, all);
    }

    #[test]
    fn of_a_finding_about_a_source_only_the_partition_that_judges_it_is_believed() {
        let scope = "linux:a";
        let mut map = CoverageMap::new(SETTINGS);
        map.note(scope, &[1], EventTime::from_millis(0));
        map.note_missed(scope, Some(EventTime::from_millis(0)));
        let (ended, open) = (facts(&[(scope, &[1])], 900), {
            let mut open = facts(&[], 900);
            let value = encode(map.get(scope).unwrap()).unwrap();
            open.take(&key(SCOPE_PREFIX, scope), Some(&value)).unwrap();
            open
        });
        let judge = partition_of(scope, 2);
        let of = |number: usize, facts: &Facts| {
            let mut facts = facts.clone();
            facts.keep_own_findings(number, 2);
            facts
        };
        let stale = merged(&[of(judge, &ended), of(1 - judge, &open)]);
        assert_eq!(stale, (ended.clone(), 0), "it ended, and the other partition had not heard of it");
        assert_eq!(merged(&[of(judge, &open), of(1 - judge, &ended)]), (open, 0));
    }

    #[test]
    fn what_was_written_is_what_is_taken_in_again_and_a_tombstone_takes_it_out() {
        let written = losing(facts(&[("linux:a", &[1, 2]), ("linux:b", &[1])], 900), &[(1, 3)]);
        let mut read = Facts::default();
        for change in written.changes().unwrap() {
            assert_eq!(Subject::of(&change.key), Ok(Subject::Shared));
            read.take(&change.key, change.value.as_deref()).unwrap();
        }
        assert_eq!(read, written);
        read.take(b"scope:linux:b", None).unwrap();
        assert_eq!(read.scopes(), 1);
    }

    #[test]
    fn every_record_that_a_monitor_writes_is_known() {
        let mut monitor = fixture::busy_monitor(20);
        monitor.lost_records(ProcessingTime::from_millis(HOUR_MS), true);
        let changes = snapshot::take_changes(&mut monitor).unwrap();
        assert!(changes.iter().any(|change| change.key == LOSSES_KEY.as_bytes()));
        let (mut identities, mut budgets) = (0, 0);
        for change in &changes {
            check_version(change.value.as_deref()).unwrap();
            match Subject::of(&change.key).unwrap() {
                Subject::Identity(id) => {
                    assert!(change.key.ends_with(id.as_bytes()));
                    identities += 1;
                }
                Subject::Shared => Facts::default().take(&change.key, change.value.as_deref()).unwrap(),
                Subject::Budget => budgets += 1,
            }
        }
        assert!(identities > 0 && identities < changes.len() && budgets == 1);
        assert!(Subject::of(b"other:key").is_err() && Subject::of(b"\xff").is_err());
    }

    #[test]
    fn what_another_version_wrote_is_not_copied() {
        assert_eq!(check_version(Some(&[VERSION + 1])), Err(Error::TooNew { found: VERSION + 1 }));
        assert!(matches!(check_version(Some(&[])), Err(Error::Damaged(_))));
        assert_eq!(check_version(Some(&[VERSION - 1])), Err(Error::TooOld { found: VERSION - 1 }));
        assert_eq!((check_version(None), check_version(Some(&[VERSION]))), (Ok(()), Ok(())));
    }
}
