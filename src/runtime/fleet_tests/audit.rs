//! What is said, against what happened.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::made::{DAYS, Fleet, GAPS, Gap, Identity, LOST, MISSING, START_MS, UNREADABLE, Use, WITHHELD};
use super::sources::{Pace, SOURCES};
use super::world::World;
use crate::baseline::LastSeen;
use crate::baseline::last_seen::{GapCause, UseStatus};
use crate::time::{DAY_MS, EventTime, HOUR_MS};

/// By how much records may be late before somebody could say that they are missing.
const DELIVERY_MS: i64 = 6 * HOUR_MS;

/// Within so much of an edge it is left open whether a gap or a window is over: identities are looked at daily, and what was lost is
/// widened by a day.
const EDGE_MS: i64 = 32 * HOUR_MS;

/// A source with office hours is known after so many weeks.
const OFFICE_KNOWN_MS: i64 = 40 * DAY_MS;

pub(super) struct Audit<'f> {
    fleet: &'f Fleet,
    by_id: HashMap<String, usize>,
    last: HashMap<usize, LastSeen>,
    compared: BTreeMap<&'static str, usize>,
    claims: usize,
    claimed: BTreeSet<usize>,
    times: usize,
    gaps_named: BTreeMap<GapCause, usize>,
    behind: BTreeSet<usize>,
    closed: [usize; 2],
    faults: Vec<String>,
}

/// What must be said of an identity.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    Status(UseStatus),
    Behind(Gap),
    /// Too close to an edge to say.
    Open,
}

fn since_start(time: Option<EventTime>) -> Option<i64> {
    time.map(|time| time.millis() - START_MS)
}

/// The sources that count for an identity: those that reported it; of one never seen those of its account.
fn sources_of(identity: &Identity, now: i64) -> BTreeSet<usize> {
    let own: BTreeSet<usize> = identity.known(now).map(|used| used.source).collect();
    if own.is_empty() {
        (0..SOURCES.len()).filter(|source| SOURCES[*source].account == identity.account).collect()
    } else {
        own
    }
}

impl Gap {
    fn is_open(self, now: i64) -> bool {
        let known = match self.cause {
            GapCause::Silence => self.from,
            GapCause::Lost | GapCause::Unreadable => self.to + HOUR_MS,
        };
        known <= now && self.closes.is_none_or(|closes| now < closes)
    }

    fn concerns(self, sources: &BTreeSet<usize>) -> bool {
        self.source.is_none_or(|source| sources.contains(&source))
    }

    /// Time common with a window.
    fn common(self, from: i64, to: i64) -> i64 {
        (self.to.min(to) - self.from.max(from)).max(0)
    }
}

fn expected(identity: &Identity, now: i64) -> Expected {
    let last = identity.known(now).map(|used| used.at).max();
    let word = identity.declared.filter(|word| word.arrives < now);
    let window = identity.window_ms(now);
    if word.is_some_and(|word| word.is_retired) {
        return Expected::Status(UseStatus::Retired);
    }
    if last.is_some_and(|last| now - last < window) {
        return Expected::Status(UseStatus::Active);
    }
    let sources = sources_of(identity, now);
    let is_office = sources.iter().any(|source| SOURCES[*source].pace == Pace::Office);
    if is_office && now < OFFICE_KNOWN_MS {
        return Expected::Open;
    }
    let from = now - window;
    let before = Gap { source: None, from: i64::MIN / 2, to: 0, cause: GapCause::Silence, closes: None };
    let gaps: Vec<Gap> =
        GAPS.into_iter().chain([before]).filter(|gap| gap.is_open(now) && gap.concerns(&sources)).collect();
    if let Some(gap) = gaps.iter().find(|gap| gap.common(from, now - EDGE_MS) > HOUR_MS) {
        return Expected::Behind(*gap);
    }
    let closes = |gap: &Gap| gap.closes.is_some_and(|closes| (closes..closes + EDGE_MS).contains(&now));
    let is_near = gaps.iter().any(|gap| gap.to + EDGE_MS > from && gap.from < now) || GAPS.iter().any(closes);
    let Some(idle_since) = last.or(word.map(|word| word.created)) else { return Expected::Open };
    match now - idle_since {
        _ if is_near => Expected::Open,
        idle if idle < window => Expected::Status(UseStatus::Unknown),
        // Over a weekend nobody tells how far a source with office hours has come.
        idle if idle < window + if is_office { 4 * DAY_MS } else { EDGE_MS } => Expected::Open,
        _ if last.is_some() => Expected::Status(UseStatus::Unused),
        _ => Expected::Status(UseStatus::NeverSeen),
    }
}

impl<'f> Audit<'f> {
    pub(super) fn new(fleet: &'f Fleet) -> Self {
        Self {
            fleet,
            by_id: fleet
                .identities
                .iter()
                .enumerate()
                .map(|(index, identity)| (identity.id(), index))
                .collect(),
            last: HashMap::new(),
            compared: BTreeMap::new(),
            claims: 0,
            claimed: BTreeSet::new(),
            times: 0,
            gaps_named: BTreeMap::new(),
            behind: BTreeSet::new(),
            closed: [0, 0],
            faults: Vec::new(),
        }
    }

    fn fault(&mut self, what: &str, now: i64, facts: &LastSeen) {
        let index = self.by_id[&facts.identity_id];
        let last = since_start(facts.last_seen).map(|last| last as f64 / DAY_MS as f64);
        let window = self.fleet.identities[index].window_ms(now) / DAY_MS;
        self.faults.push(format!(
            "day {:.3}: {what}: {} {} last {last:?} window {window} {:?}",
            now as f64 / DAY_MS as f64,
            facts.identity_id,
            facts.status.as_str(),
            facts.coverage
        ));
    }

    /// Looks at a record as it is published: last uses are true and never go back, and what is called unused is.
    pub(super) fn published(&mut self, facts: &LastSeen) {
        let now = facts.updated_at.millis() - START_MS;
        let index = self.by_id[&facts.identity_id];
        let identity = &self.fleet.identities[index];
        let last = since_start(facts.last_seen);
        let before = self.last.insert(index, facts.clone());
        let times =
            |facts: &LastSeen| [facts.last_seen, facts.last_success, facts.last_denied].map(since_start);
        if before.is_some_and(|before| times(&before).iter().zip(times(facts)).any(|(old, new)| *old > new)) {
            self.fault("a last use goes back", now, facts);
        }
        if last.is_some_and(|last| identity.uses.iter().all(|used| used.at != last)) {
            self.fault("a last use that never was", now, facts);
        }
        if facts.unused_days.is_some() {
            self.claimed(index, facts, now);
        }
    }

    fn claimed(&mut self, index: usize, facts: &LastSeen, now: i64) {
        let identity = &self.fleet.identities[index];
        self.claims += 1;
        self.claimed.insert(index);
        let window = identity.window_ms(now);
        let last = since_start(facts.last_seen);
        let since = last.or(identity.declared.map(|word| word.created)).unwrap();
        // Of what happened lately the record may be on its way; of a use in a whole window after the last one it must be waited for.
        let is_use = |used: &&Use| {
            used.at > since.max(now - window) && (used.at < since + window || used.at <= now - DELIVERY_MS)
        };
        if let Some(used) = identity.uses.iter().find(is_use) {
            let what = format!("called unused, but used on day {:.3}", used.at as f64 / DAY_MS as f64);
            self.fault(&what, now, facts);
        }
        let until = since_start(facts.coverage.until).unwrap();
        let unused_since = until - i64::from(facts.unused_days.unwrap()) * DAY_MS;
        if identity.uses.iter().any(|used| (unused_since + 1..=now - DELIVERY_MS).contains(&used.at)) {
            self.fault("more days without use than there were", now, facts);
        }
        if now - since < window || !facts.coverage.gaps.is_empty() {
            self.fault("called unused without proof", now, facts);
        }
        let sources = sources_of(identity, now);
        let gaps = GAPS.iter().filter(|gap| gap.is_open(now) && gap.concerns(&sources));
        let is_inside =
            |gap: &&Gap| gap.common(now - window, until) > 0 || gap.common(now - window, now) > DAY_MS;
        if let Some(gap) = gaps.clone().find(is_inside) {
            self.fault(&format!("called unused inside a gap: {gap:?}"), now, facts);
        }
    }

    /// Compares all identities with the truth.
    pub(super) fn compare(&mut self, world: &World, now: i64) {
        let is_held = (LOST.from..LOST.to + HOUR_MS).contains(&now);
        for (index, identity) in self.fleet.identities.iter().enumerate() {
            let Some(facts) = world.shown(&identity.id()) else {
                assert!(
                    identity.known(now).next().is_none()
                        && identity.declared.is_none_or(|word| word.arrives >= now)
                );
                continue;
            };
            self.compare_times(identity, &facts, now);
            if !is_held {
                self.compare_status(index, &facts, now);
            }
        }
    }

    fn compare_times(&mut self, identity: &Identity, facts: &LastSeen, now: i64) {
        let newest = |is_wanted: fn(&Use) -> bool| {
            identity.known(now).filter(|used| is_wanted(used)).map(|used| used.at).max()
        };
        let truth = [
            identity.known(now).map(|used| used.at).min(),
            newest(|_| true),
            newest(|used| !used.is_denied),
            newest(|used| used.is_denied),
        ];
        self.times += 1;
        let said =
            [facts.first_seen, facts.last_seen, facts.last_success, facts.last_denied].map(since_start);
        if said != truth {
            self.fault(&format!("times {said:?}, in truth {truth:?}"), now, facts);
        }
    }

    fn compare_status(&mut self, index: usize, facts: &LastSeen, now: i64) {
        let identity = &self.fleet.identities[index];
        let expected = expected(identity, now);
        let status = match expected {
            Expected::Open => return,
            Expected::Status(status) => status,
            Expected::Behind(_) => UseStatus::Unknown,
        };
        *self.compared.entry(status.as_str()).or_default() += 1;
        if facts.status != status {
            self.fault(&format!("should be {}", status.as_str()), now, facts);
        }
        let published = self.last.get(&index).map(|facts| facts.status);
        if published != Some(status) && self::expected(identity, now - EDGE_MS) == expected {
            self.fault(
                &format!("should be {}, and {published:?} was published", status.as_str()),
                now,
                facts,
            );
        }
        if let Expected::Behind(gap) = expected {
            self.behind(index, gap, facts, now);
        } else if self.behind.remove(&index) && !WITHHELD.is_open(now) {
            self.came_late(index, facts, now);
        }
    }

    /// An identity behind a gap: it is named.
    fn behind(&mut self, index: usize, gap: Gap, facts: &LastSeen, now: i64) {
        let is_named = facts.coverage.gaps.iter().any(|named| {
            let (from, to) = (named.since.millis() - START_MS, named.until.millis() - START_MS);
            named.cause == gap.cause && gap.common(from, to) > 0
        });
        let is_before = gap.to == 0;
        if is_named || (is_before && facts.coverage.since.is_some()) {
            *self.gaps_named.entry(gap.cause).or_default() += 1;
        } else {
            self.fault(&format!("does not name {gap:?}"), now, facts);
        }
        if gap == WITHHELD {
            self.behind.insert(index);
        }
    }

    /// What was withheld has come: the gap is gone.
    fn came_late(&mut self, index: usize, facts: &LastSeen, now: i64) {
        if !facts.coverage.gaps.is_empty() {
            self.fault("the gap is still named", now, facts);
        }
        let is_used = self.fleet.identities[index]
            .known(now)
            .any(|used| (WITHHELD.from..WITHHELD.to).contains(&used.at));
        self.closed[usize::from(is_used)] += 1;
    }

    pub(super) fn figures(&self) -> String {
        let Fleet { identities, messages } = self.fleet;
        format!(
            "{} identities, {} messages over {DAYS} days; {} comparisons of all times of an identity, of statuses {:?}; {} claims of unused for {} identities; \
             gaps named {:?}; closed by late records for {} identities, {} of them used meanwhile",
            identities.len(),
            messages.len(),
            self.times,
            self.compared,
            self.claims,
            self.claimed.len(),
            self.gaps_named,
            self.closed[0] + self.closed[1],
            self.closed[1],
        )
    }

    /// Everything was true, and everything was there.
    pub(super) fn hold(&self) {
        assert!(
            self.faults.is_empty(),
            "{} faults: {:#?}",
            self.faults.len(),
            &self.faults[..self.faults.len().min(40)]
        );
        assert!(self.claims > 50 && self.closed[0] > 0 && self.closed[1] > 0, "{}", self.figures());
        for cause in [GapCause::Silence, GapCause::Lost, GapCause::Unreadable] {
            assert!(self.gaps_named.contains_key(&cause), "{}", self.figures());
        }
        let has_missing = self
            .fleet
            .identities
            .iter()
            .any(|identity| expected(identity, DAYS * DAY_MS) == Expected::Behind(MISSING));
        assert!(has_missing && UNREADABLE.closes.is_none());
    }
}
