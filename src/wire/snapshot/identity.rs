//! One identity's state as a snapshot holds it, version 4.
//!
//! First the parts of fixed number, then the log sources, the values by dimension, the keys against duplicates and the hours
//! of the week, whose numbers the first part tells. Fields are only ever added behind a new version: postcard has no names,
//! the order is the format.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use thin_vec::ThinVec;

use crate::activity::{Classification, Kind};
use crate::baseline::cadence::Cadence;
use crate::baseline::fan_out::FanOut;
use crate::baseline::graded::{Failed, Graded, Outcomes};
use crate::baseline::history::History;
use crate::baseline::hours::HourProfile;
use crate::baseline::novelty::Innovation;
use crate::baseline::rate::HourlyRate;
use crate::baseline::recent::{self, Recent};
use crate::baseline::rhythm::Rhythm;
use crate::baseline::sharing::{Sharing, Suspect};
use crate::baseline::terms::TermSets;
use crate::baseline::transfer::Transfer;
use crate::baseline::usage::Usage;
use crate::baseline::volume::Volume;
use crate::baseline::{Behaviour, Dimension};
use crate::detect::rotation::Trouble;
use crate::identity::Declared;
use crate::monitor::Vocabulary;
use crate::monitor::feedback::Verdicts;
use crate::monitor::identity::{
    FoundShortfall, IdentityState, MAX_SCOPES, MissedRun, Published, StaleCredential, Told, UnusedFinding,
};
use crate::monitor::keys::{FoundKey, Keys};
use crate::term::Term;
use crate::time::{EventTime, ProcessingTime};

use super::feedback::EntrySnapshot;
use super::incident::IncidentSnapshot;
use super::{Error, damaged, values};

/// The parts of which there is one each, and the numbers of the others.
#[derive(Serialize, Deserialize)]
struct Head<'a> {
    unique_id: Option<&'a str>,
    unique_id_seen: EventTime,
    kind: Kind,
    classification: Option<Classification>,
    was_non_human: bool,
    declared: Option<Cow<'a, Declared>>,
    #[serde(borrow)]
    usage: UsageSnapshot<'a>,
    #[serde(borrow)]
    behaviour: BehaviourSnapshot<'a>,
    has_more_scopes: bool,
    #[serde(borrow)]
    incident: Option<Box<IncidentSnapshot<'a>>>,
    feedback: Vec<EntrySnapshot>,
    unused: Option<UnusedFinding>,
    published: Published,
    due: Option<ProcessingTime>,
    scopes: u8,
    values: [u16; Dimension::COUNT],
    recent: (u8, u8),
    hours: u16,
    cadence: Cadence,
    missed: Option<MissedRun>,
    shortfalls: Vec<FoundShortfall>,
    #[serde(borrow)]
    graded: Vec<FailedSnapshot<'a>>,
    #[serde(borrow)]
    stale: Vec<StaleSnapshot<'a>>,
    may_have_past: bool,
    #[serde(borrow)]
    made: Vec<(&'a str, EventTime)>,
    #[serde(borrow)]
    found_keys: Vec<FoundKeySnapshot<'a>>,
}

/// A credential that should have been rotated.
#[derive(Serialize, Deserialize)]
struct FoundKeySnapshot<'a> {
    what: Trouble,
    value: &'a str,
    since: EventTime,
    told: Told,
    returns: u8,
}

/// A long-term credential that is not used.
#[derive(Serialize, Deserialize)]
struct StaleSnapshot<'a> {
    value: &'a str,
    last_seen: EventTime,
    window_days: u32,
    is_proven: bool,
    is_raised: bool,
}

/// A service or credential with a use that did not work.
#[derive(Serialize, Deserialize)]
struct FailedSnapshot<'a> {
    dimension: Dimension,
    value: &'a str,
    outcomes: Outcomes,
}

#[derive(Serialize, Deserialize)]
struct UsageSnapshot<'a> {
    seen: (Option<EventTime>, Option<EventTime>),
    last_success: Option<EventTime>,
    last_denied: Option<EventTime>,
    last_human_use: Option<EventTime>,
    last_via_service: Option<EventTime>,
    last_action: Option<&'a str>,
    last_received: Option<ProcessingTime>,
    last_auth_only: Option<EventTime>,
}

#[derive(Serialize, Deserialize)]
struct BehaviourSnapshot<'a> {
    activities: u64,
    active_days: f32,
    last_day: u32,
    longest_pause_days: u32,
    innovation: [Innovation; Dimension::COUNT],
    volume: VolumeSnapshot,
    error_rate: f32,
    human_since: Option<EventTime>,
    is_human_use_known: bool,
    #[serde(borrow)]
    new_origin: Option<(&'a str, EventTime)>,
    grave_innovation: Innovation,
    history: History,
    #[serde(borrow)]
    sharing: Vec<SuspectSnapshot<'a>>,
}

/// The hours of the week stand at the end of all.
#[derive(Serialize, Deserialize)]
struct VolumeSnapshot {
    rates: (HourlyRate, HourlyRate),
    previous_hour: u32,
    odd_day: u32,
    fan_out: FanOut,
    transfer: Option<Transfer>,
}

#[derive(Serialize, Deserialize)]
struct SuspectSnapshot<'a> {
    credential: [u8; 8],
    strange: &'a str,
    times: (EventTime, EventTime),
    is_strange: bool,
    turns: u8,
}

/// Appends the state to `bytes`.
pub(super) fn write(state: &IdentityState, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
    let mut bytes = append(&Head::of(state), bytes)?;
    for scope in &state.scopes {
        bytes = append(scope.as_str(), bytes)?;
    }
    for entry in Dimension::ALL.iter().flat_map(|dimension| state.behaviour.terms.of(*dimension).iter()) {
        values::write(entry, &mut bytes);
    }
    state.recent.write(&mut bytes);
    bytes.extend_from_slice(state.behaviour.volume.rhythm.hours.as_bytes());
    Ok(bytes)
}

/// Reads a state back.
pub(super) fn read(bytes: &[u8], words: Vocabulary<'_>) -> Result<Box<IdentityState>, Error> {
    let Vocabulary { terms, lately, detectors } = words;
    let mut rest = Reader(bytes);
    let head: Head<'_> = rest.take()?;
    let mut term = |text: &[u8]| lately.term(text, terms).map_err(damaged);
    let mut scopes = ThinVec::with_capacity(usize::from(head.scopes).min(MAX_SCOPES));
    for _ in 0..head.scopes {
        scopes.push(term(rest.take()?)?.0);
    }
    let graded: Vec<Failed> =
        head.graded.iter().map(|failed| failed.restore(&mut term)).collect::<Result<_, _>>()?;
    let keys = read_keys(&head, &mut term)?;
    let values = read_values(&head.values, &mut rest, &mut term)?;
    let incident = head.incident.map(|incident| incident.restore(detectors, &mut term)).transpose()?;
    let recent = rest.bytes(usize::from(head.recent.0) * recent::KEY_BYTES)?;
    let hours = rest.bytes(usize::from(head.hours))?;
    if !rest.0.is_empty() {
        return Err(Error::Damaged(format!("{} bytes too many", rest.0.len())));
    }
    Ok(Box::new(IdentityState {
        unique_id: head.unique_id.map(Term::unshared),
        unique_id_seen: head.unique_id_seen,
        kind: head.kind,
        classification: head.classification,
        was_non_human: head.was_non_human,
        declared: head.declared.map(|declared| Box::new(declared.into_owned())),
        usage: head.usage.restore(&mut term)?,
        behaviour: head.behaviour.restore(values, HourProfile::restored(hours)),
        recent: Recent::restored(recent, head.recent.1),
        scopes,
        has_more_scopes: head.has_more_scopes,
        incident: incident.map(Box::new),
        feedback: Verdicts::restored(head.feedback.into_iter().map(|entry| entry.restore(terms))),
        unused: head.unused.map(Box::new),
        cadence: head.cadence,
        missed: head.missed.map(Box::new),
        shortfalls: head.shortfalls.into_iter().collect(),
        graded: Graded::restored(graded.into_iter()),
        keys,
        may_have_past: head.may_have_past,
        published: head.published,
        due: head.due,
        is_dirty: false,
        counted: None,
    }))
}

fn read_keys(
    head: &Head<'_>,
    mut term: impl FnMut(&[u8]) -> Result<(Term, u64), Error>,
) -> Result<Option<Box<Keys>>, Error> {
    if head.made.is_empty() && head.found_keys.is_empty() && head.stale.is_empty() {
        return Ok(None);
    }
    let made = head.made.iter().map(|(key, at)| Ok((term(key.as_bytes())?.0, *at)));
    let made = made.collect::<Result<_, Error>>()?;
    let found = head.found_keys.iter().map(|one| one.restore(&mut term)).collect::<Result<_, Error>>()?;
    let stale = head.stale.iter().map(|one| one.restore(&mut term)).collect::<Result<_, Error>>()?;
    Ok(Some(Box::new(Keys { made, found, stale })))
}

fn read_values(
    counts: &[u16; Dimension::COUNT],
    rest: &mut Reader<'_>,
    mut term: impl FnMut(&[u8]) -> Result<(Term, u64), Error>,
) -> Result<TermSets, Error> {
    let total: usize = counts.iter().copied().map(usize::from).sum();
    if total > usize::from(u16::MAX) || total > rest.0.len() {
        return Err(Error::Damaged(format!("{total} values in {} bytes", rest.0.len())));
    }
    TermSets::restored(
        counts,
        std::iter::repeat_with(|| {
            let (value, left) = values::read(rest.0, &mut term)?;
            rest.0 = left;
            Ok(value)
        }),
    )
}

fn append<T: Serialize + ?Sized>(value: &T, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
    postcard::to_extend(value, bytes).map_err(damaged)
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<T: Deserialize<'a>>(&mut self) -> Result<T, Error> {
        let (value, rest) = postcard::take_from_bytes(self.0).map_err(damaged)?;
        self.0 = rest;
        Ok(value)
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or_else(|| damaged("cut short"))?;
        self.0 = rest;
        Ok(bytes)
    }
}

impl<'a> Head<'a> {
    fn of(state: &'a IdentityState) -> Self {
        Self {
            unique_id: state.unique_id.as_ref().map(Term::as_str),
            unique_id_seen: state.unique_id_seen,
            kind: state.kind,
            classification: state.classification,
            was_non_human: state.was_non_human,
            declared: state.declared.as_deref().map(Cow::Borrowed),
            usage: UsageSnapshot::of(&state.usage),
            behaviour: BehaviourSnapshot::of(&state.behaviour),
            has_more_scopes: state.has_more_scopes,
            incident: state.incident.as_deref().map(|incident| Box::new(IncidentSnapshot::of(incident))),
            feedback: state.feedback.iter().map(EntrySnapshot::of).collect(),
            unused: state.unused.as_deref().copied(),
            published: state.published,
            due: state.due,
            scopes: state.scopes.len() as u8,
            values: Dimension::ALL.map(|dimension| state.behaviour.terms.of(dimension).len() as u16),
            recent: (state.recent.len(), state.recent.next()),
            hours: state.behaviour.volume.rhythm.hours.as_bytes().len() as u16,
            cadence: state.cadence,
            missed: state.missed.as_deref().copied(),
            shortfalls: state.shortfalls.to_vec(),
            graded: state.graded.iter().map(FailedSnapshot::of).collect(),
            stale: state.stale().iter().map(StaleSnapshot::of).collect(),
            may_have_past: state.may_have_past,
            made: state
                .keys
                .iter()
                .flat_map(|keys| &keys.made)
                .map(|(key, at)| (key.as_str(), *at))
                .collect(),
            found_keys: state.keys.iter().flat_map(|keys| &keys.found).map(FoundKeySnapshot::of).collect(),
        }
    }
}

impl<'a> UsageSnapshot<'a> {
    fn of(usage: &'a Usage) -> Self {
        Self {
            seen: (usage.first_seen, usage.last_seen),
            last_success: usage.last_success,
            last_denied: usage.last_denied,
            last_human_use: usage.last_human_use,
            last_via_service: usage.last_via_service,
            last_action: usage.last_action.as_ref().map(Term::as_str),
            last_received: usage.last_received,
            last_auth_only: usage.last_auth_only,
        }
    }

    fn restore(self, term: impl FnMut(&[u8]) -> Result<(Term, u64), Error>) -> Result<Usage, Error> {
        let last_action = self.last_action.map(str::as_bytes).map(term).transpose()?;
        Ok(Usage {
            first_seen: self.seen.0,
            last_seen: self.seen.1,
            last_success: self.last_success,
            last_denied: self.last_denied,
            last_human_use: self.last_human_use,
            last_via_service: self.last_via_service,
            last_action: last_action.map(|(action, _)| action),
            last_received: self.last_received,
            last_auth_only: self.last_auth_only,
        })
    }
}

impl<'a> BehaviourSnapshot<'a> {
    fn of(behaviour: &'a Behaviour) -> Self {
        Self {
            activities: behaviour.activities,
            active_days: behaviour.active_days,
            last_day: behaviour.last_day,
            longest_pause_days: behaviour.longest_pause_days,
            innovation: behaviour.innovation,
            volume: VolumeSnapshot::of(&behaviour.volume),
            error_rate: behaviour.error_rate,
            human_since: behaviour.human_since,
            is_human_use_known: behaviour.is_human_use_known,
            new_origin: behaviour.new_origin.as_deref().map(|(term, since)| (term.as_str(), *since)),
            grave_innovation: behaviour.grave_innovation,
            history: behaviour.history,
            sharing: behaviour.sharing.iter().map(SuspectSnapshot::of).collect(),
        }
    }

    fn restore(self, terms: TermSets, hours: HourProfile) -> Behaviour {
        Behaviour {
            activities: self.activities,
            active_days: self.active_days,
            last_day: self.last_day,
            longest_pause_days: self.longest_pause_days,
            history: self.history,
            terms,
            innovation: self.innovation,
            grave_innovation: self.grave_innovation,
            volume: self.volume.restore(hours),
            error_rate: self.error_rate,
            human_since: self.human_since,
            is_human_use_known: self.is_human_use_known,
            new_origin: self.new_origin.map(|(network, since)| Box::new((Term::unshared(network), since))),
            sharing: Sharing::restored(self.sharing.iter().map(SuspectSnapshot::restore)),
        }
    }
}

impl<'a> FailedSnapshot<'a> {
    fn of(failed: &'a Failed) -> Self {
        Self { dimension: failed.dimension, value: failed.value.as_str(), outcomes: failed.outcomes }
    }

    fn restore(&self, term: impl FnOnce(&[u8]) -> Result<(Term, u64), Error>) -> Result<Failed, Error> {
        let (value, _) = term(self.value.as_bytes())?;
        Ok(Failed { dimension: self.dimension, value, outcomes: self.outcomes })
    }
}

impl<'a> StaleSnapshot<'a> {
    fn of(one: &'a StaleCredential) -> Self {
        let StaleCredential { value, last_seen, window_days, is_proven, is_raised } = one;
        Self {
            value: value.as_str(),
            last_seen: *last_seen,
            window_days: *window_days,
            is_proven: *is_proven,
            is_raised: *is_raised,
        }
    }

    fn restore(
        &self,
        term: impl FnOnce(&[u8]) -> Result<(Term, u64), Error>,
    ) -> Result<StaleCredential, Error> {
        let Self { last_seen, window_days, is_proven, is_raised, .. } = *self;
        let (value, _) = term(self.value.as_bytes())?;
        Ok(StaleCredential { value, last_seen, window_days, is_proven, is_raised })
    }
}

impl<'a> FoundKeySnapshot<'a> {
    fn of(one: &'a FoundKey) -> Self {
        let FoundKey { what, value, since, told, returns } = one;
        Self { what: *what, value: value.as_str(), since: *since, told: *told, returns: *returns }
    }

    fn restore(&self, term: impl FnOnce(&[u8]) -> Result<(Term, u64), Error>) -> Result<FoundKey, Error> {
        let Self { what, since, told, returns, .. } = *self;
        let (value, _) = term(self.value.as_bytes())?;
        Ok(FoundKey { what, value, since, told, returns })
    }
}

impl VolumeSnapshot {
    fn of(volume: &Volume) -> Self {
        let Volume { rhythm, denied, fan_out, transfer } = volume;
        Self {
            rates: (rhythm.rate, *denied),
            previous_hour: rhythm.previous_hour,
            odd_day: rhythm.odd_day,
            fan_out: *fan_out,
            transfer: transfer.as_deref().copied(),
        }
    }

    fn restore(self, hours: HourProfile) -> Volume {
        let Self { rates: (rate, denied), previous_hour, odd_day, fan_out, transfer } = self;
        let rhythm = Rhythm { rate, hours, previous_hour, odd_day };
        Volume { rhythm, denied, fan_out, transfer: transfer.map(Box::new) }
    }
}

impl<'a> SuspectSnapshot<'a> {
    fn of(suspect: &'a Suspect) -> Self {
        Self {
            credential: suspect.credential.to_le_bytes(),
            strange: suspect.strange.as_str(),
            times: (suspect.since, suspect.until),
            is_strange: suspect.is_strange,
            turns: suspect.turns,
        }
    }

    fn restore(&self) -> Suspect {
        Suspect {
            credential: u64::from_le_bytes(self.credential),
            strange: Term::unshared(self.strange),
            since: self.times.0,
            until: self.times.1,
            is_strange: self.is_strange,
            turns: self.turns,
        }
    }
}
