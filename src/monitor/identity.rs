//! Everything held about one identity.

use thin_vec::ThinVec;

use crate::activity::{Activity, Class, Classification, Evidence, Kind};
use crate::baseline::Behaviour;
use crate::baseline::cadence::Cadence;
use crate::baseline::graded::Graded;
use crate::baseline::last_seen::UseStatus;
use crate::baseline::recent::Recent;
use crate::baseline::usage::Usage;
use crate::detect::incident::Incident;
use crate::detect::scope::Who;
use crate::detect::shortfall::Shortfall;
use crate::identity::Declared;
use crate::term::Term;
use crate::time::{EventTime, ProcessingTime};

use super::feedback::Verdicts;
use super::keys::{FoundKey, Keys};

/// Log sources remembered per identity. More than that, and its status stays `unknown`: coverage of all cannot be shown.
pub const MAX_SCOPES: usize = 32;

/// Everything held about one identity.
#[derive(Clone, Debug, Default)]
pub struct IdentityState {
    /// Provider's unique id, of the newest event that had one.
    pub unique_id: Option<Term>,
    /// Newest event with that unique id.
    pub unique_id_seen: EventTime,
    /// Observed kind, before the inventory's word.
    pub kind: Kind,
    /// Observed class, before the inventory's word.
    pub classification: Option<Classification>,
    /// Whether it ever passed for something other than a person.
    pub was_non_human: bool,
    /// What the inventory declares.
    pub declared: Option<Box<Declared>>,
    /// Times of use.
    pub usage: Usage,
    /// What it normally does.
    pub behaviour: Behaviour,
    /// Duplicates memory.
    pub recent: Recent,
    /// Log sources that reported it; of too many those that come first in text order, so that the order of events does not
    /// matter.
    pub scopes: ThinVec<Term>,
    /// Whether more log sources reported it than are kept.
    pub has_more_scopes: bool,
    /// The incident being built or open.
    pub incident: Option<Box<Incident>>,
    /// What analysts said about it.
    pub feedback: Verdicts,
    /// The unused finding that is open.
    pub unused: Option<Box<UnusedFinding>>,
    /// When it usually runs.
    pub cadence: Cadence,
    /// The run that is missed, where one is.
    pub missed: Option<Box<MissedRun>>,
    /// What the inventory lacks about it.
    pub shortfalls: ThinVec<FoundShortfall>,
    /// What came of the uses of its services and credentials.
    pub graded: Graded,
    /// What is known of its long-term credentials beyond their use; most have none.
    pub keys: Option<Box<Keys>>,
    /// Whether it came with a declaration, and may have been used before it was forgotten: only the topic knows.
    pub may_have_past: bool,
    /// What was published last.
    pub published: Published,
    /// When the schedule is to look at it next; `None` where it is not on the schedule.
    pub due: Option<ProcessingTime>,
    /// Whether it changed since the changelog was written.
    pub is_dirty: bool,
    /// Under which kind and status it is counted in the statistics.
    pub counted: Option<(Kind, UseStatus)>,
}

/// What the inventory topic holds of an identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Published {
    /// `last_seen` as published.
    pub last_seen: Option<EventTime>,
    /// Status as published.
    pub status: UseStatus,
    /// Whether it holds everything else.
    pub record: PublishedRecord,
    /// Whether it says that the identity was not used for its window: of one that is retired the status does not.
    pub is_proven_unused: bool,
}

/// Whether the record on the inventory topic says what is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum PublishedRecord {
    /// There is none, or the inventory's word has changed since: a new one is due at once.
    #[default]
    Missing,
    /// It says what is known.
    Current,
    /// Something came since: a new one is due when the identity is quiet.
    Outdated,
}

/// An open finding that an identity is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UnusedFinding {
    /// The last use it was made for; `None` where there was none.
    pub last_seen: Option<EventTime>,
    /// The window it was made for, in days.
    pub window_days: u32,
}

impl UnusedFinding {
    /// What tells this finding from others of the identity: the last use and the window in days.
    #[must_use]
    pub fn key(&self) -> (Option<EventTime>, u32) {
        (self.last_seen, self.window_days)
    }
}

/// A silence of an identity that ran on a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MissedRun {
    /// The last use before it.
    pub last_seen: EventTime,
    /// Whether that is an open finding, and not only counted.
    pub is_raised: bool,
}

/// What time alone changes of an identity.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    reports: Option<u32>,
    unused: Option<UnusedFinding>,
    is_run_missed: bool,
    shortfalls: ThinVec<FoundShortfall>,
    found_keys: ThinVec<FoundKey>,
    published: Published,
}

/// Something that the inventory lacks about an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FoundShortfall {
    /// What it lacks.
    pub what: Shortfall,
    /// Since when; of an identity that expired its end, else when the monitor came to know.
    pub since: EventTime,
    /// What was told of it.
    pub told: Told,
}

/// What was told of a shortfall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Told {
    /// Nothing yet.
    Pending,
    /// It was counted.
    Counted,
    /// It is an open finding.
    Raised,
}

/// A long-term credential that is not used, of an identity that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleCredential {
    /// Its value in the baseline.
    pub value: Term,
    /// Its last use.
    pub last_seen: EventTime,
    /// The window it was found for, in days.
    pub window_days: u32,
    /// Whether it was proven when it was looked at last: a gap may have shown since.
    pub is_proven: bool,
    /// Whether that is an open finding, and not only counted.
    pub is_raised: bool,
}

impl IdentityState {
    /// Its credentials that are not used, while it is.
    #[must_use]
    pub fn stale(&self) -> &[StaleCredential] {
        self.keys.as_deref().map_or(&[], |keys| &keys.stale)
    }

    /// The same, taken out.
    pub fn take_stale(&mut self) -> ThinVec<StaleCredential> {
        self.keys.as_deref_mut().map(|keys| std::mem::take(&mut keys.stale)).unwrap_or_default()
    }

    /// Kind, after the inventory's word.
    #[must_use]
    pub fn effective_kind(&self) -> Kind {
        self.declared.as_ref().and_then(|declared| declared.kind).unwrap_or(self.kind)
    }

    /// Class, after the inventory's word.
    #[must_use]
    pub fn effective_class(&self) -> Class {
        self.declared_class().or(self.classification.map(|known| known.class)).unwrap_or_default()
    }

    /// Who it is to the scopes and exceptions of detectors.
    #[must_use]
    pub fn who<'a>(&'a self, id: &'a str) -> Who<'a> {
        let declared = self.declared.as_deref();
        Who {
            id,
            kind: self.effective_kind(),
            class: self.effective_class(),
            environment: declared.and_then(|declared| declared.environment.as_deref()),
            criticality: declared.map(|declared| declared.criticality).unwrap_or_default(),
        }
    }

    /// Whether behaviour detectors run on it: people are followed only as far as last-seen goes, and the provider's own
    /// services do whatever their customers start.
    ///
    /// Signs of a person on an identity that machines used do not end the watch: they are what it watches for. Only a
    /// word that an attacker cannot bring about does, of the inventory or the provider.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        if self.effective_kind() == Kind::ProviderService {
            return false;
        }
        self.effective_class() != Class::Human || (self.was_non_human && !self.is_human_for_certain())
    }

    fn declared_class(&self) -> Option<Class> {
        self.declared.as_ref().and_then(|declared| declared.class.or(declared.kind.map(class_of)))
    }

    fn is_human_for_certain(&self) -> bool {
        let is_declared = self.declared_class() == Some(Class::Human);
        let by_type =
            |known: Classification| matches!(known.evidence, Evidence::Inventory | Evidence::PrincipalType);
        is_declared || self.classification.is_some_and(by_type)
    }

    /// What time alone changes: reports of the incident, the finding that is open, what was published. With an effect, or (an
    /// incident forgotten, a finding that is not alerted) without: what is not booked comes back with a restore.
    ///
    /// That it was looked at is not part of it: a million identities, each looked at once a day, would be as many records for nothing.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing {
            reports: self.incident.as_ref().map(|incident| incident.sequence),
            unused: self.unused.as_deref().copied(),
            is_run_missed: self.missed.is_some(),
            shortfalls: self.shortfalls.clone(),
            found_keys: self.keys.as_deref().map(|keys| keys.found.clone()).unwrap_or_default(),
            published: self.published,
        }
    }

    /// Whether an activity is of this identity, of one that had the name before, or of one that has it now.
    ///
    /// The unique id used last has the name (of two at one instant, the greater in text order): so a straggler of a deleted
    /// identity changes nothing, in whatever order events come.
    #[must_use]
    pub fn whose(&self, activity: &Activity<'_>) -> Whose {
        let Some(unique_id) = activity.identity.unique_id.as_deref() else { return Whose::Own };
        match self.unique_id.as_ref().map(Term::as_str) {
            Some(known) if known == unique_id => Whose::Own,
            Some(known) if (self.unique_id_seen, known) < (activity.event.time, unique_id) => {
                Whose::Successor
            }
            Some(_) => Whose::Predecessor,
            None => Whose::Own,
        }
    }

    /// Takes over what an activity of this identity says about who acted and which log source saw it. The surest word wins,
    /// whatever the order. Says whether anything changed.
    pub fn note_who(&mut self, activity: &Activity<'_>, intern: impl Fn(&str) -> Term) -> bool {
        let Activity { identity, event } = activity;
        let mut is_changed = self.note_unique_id(identity.unique_id.as_deref(), event.time);
        let surer =
            |new: &Classification, old: &Classification| rank(new, identity.kind) > rank(old, self.kind);
        if self.classification.as_ref().is_none_or(|old| surer(&identity.classification, old)) {
            self.classification = Some(identity.classification);
            self.kind = identity.kind;
            is_changed = true;
        }
        let was_non_human = self.was_non_human;
        self.was_non_human |= identity.classification.class != Class::Human;
        is_changed |= self.was_non_human != was_non_human;
        self.note_scope(&event.scope, &intern) || is_changed
    }

    fn note_unique_id(&mut self, id: Option<&str>, time: EventTime) -> bool {
        let Some(id) = id else { return false };
        self.unique_id_seen = self.unique_id_seen.max(time);
        let is_new = self.unique_id.is_none();
        if is_new {
            self.unique_id = Some(Term::unshared(id));
        }
        is_new
    }

    /// Starts over for a new identity under an old name, used first at `since`: only the inventory's word and what was
    /// published stay.
    ///
    /// Uses later than that came without a unique id. They may be either's, so the times stay: `last_seen` never goes back.
    pub fn start_over(&mut self, since: EventTime) {
        let has_later_use = self.usage.last_seen > Some(since);
        let fresh = Self {
            declared: self.declared.take(),
            usage: if has_later_use { std::mem::take(&mut self.usage) } else { Usage::default() },
            shortfalls: std::mem::take(&mut self.shortfalls),
            published: self.published,
            due: self.due,
            is_dirty: self.is_dirty,
            counted: self.counted,
            ..Self::default()
        };
        *self = fresh;
    }

    fn note_scope(&mut self, scope: &str, intern: &impl Fn(&str) -> Term) -> bool {
        if self.scopes.iter().any(|known| known.as_str() == scope) {
            return false;
        }
        if self.scopes.len() < MAX_SCOPES {
            self.scopes.reserve_exact(1);
            self.scopes.push(intern(scope));
            return true;
        }
        let had_more = std::mem::replace(&mut self.has_more_scopes, true);
        let last = self.scopes.iter_mut().max_by(|a, b| a.as_str().cmp(b.as_str()));
        match last.filter(|last| last.as_str() > scope) {
            Some(last) => {
                *last = intern(scope);
                true
            }
            None => !had_more,
        }
    }
}

/// The class that a declared kind implies.
fn class_of(kind: Kind) -> Class {
    if kind == Kind::Human { Class::Human } else { Class::NonHuman }
}

/// Whose an activity under a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Of the identity that is known.
    Own,
    /// Of one made anew under the name: the provider's unique id is another.
    Successor,
    /// Late, of one that had the name before.
    Predecessor,
}

/// Orders what is known of kind and class: by confidence, then strength of evidence, then the words themselves, so that the
/// order of events does not matter.
fn rank(classification: &Classification, kind: Kind) -> (u8, std::cmp::Reverse<u8>, u8, Class) {
    let Classification { class, confidence, evidence } = *classification;
    (confidence, std::cmp::Reverse(strength(evidence)), kind as u8, class)
}

const fn strength(evidence: Evidence) -> u8 {
    evidence as u8
}
