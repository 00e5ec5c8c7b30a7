//! Everything held about one identity.

use thin_vec::ThinVec;

use crate::activity::{Activity, Class, Classification, Evidence, Kind};
use crate::baseline::Behaviour;
use crate::baseline::last_seen::UseStatus;
use crate::baseline::recent::Recent;
use crate::baseline::usage::Usage;
use crate::detect::incident::Incident;
use crate::identity::Declared;
use crate::term::Term;
use crate::time::{EventTime, ProcessingTime};

/// Log sources remembered per identity. More than that, and its status stays `unknown`: coverage of all cannot be shown.
pub const MAX_SCOPES: usize = 32;

/// Everything held about one identity.
#[derive(Clone, Debug, Default)]
pub struct IdentityState {
    /// Provider's unique id, of the newest event that had one.
    pub unique_id: Option<Term>,
    /// When that unique id was first seen.
    pub unique_id_since: EventTime,
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
    /// Log sources that reported it.
    pub scopes: ThinVec<Term>,
    /// Whether more log sources reported it than are kept.
    pub has_more_scopes: bool,
    /// The incident being built or open.
    pub incident: Option<Box<Incident>>,
    /// The unused finding that is open.
    pub unused: Option<Box<UnusedFinding>>,
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
    /// Whether anything was published at all.
    pub is_published: bool,
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

impl IdentityState {
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

    /// Takes over what an activity says about who acted. The surest word wins, whatever the order.
    pub fn note_who(&mut self, activity: &Activity<'_>, intern: impl Fn(&str) -> Term) -> Recreated {
        let Activity { identity, event } = activity;
        let recreated = self.note_unique_id(activity);
        if recreated != Recreated::No {
            return recreated;
        }
        let surer =
            |new: &Classification, old: &Classification| rank(new, identity.kind) > rank(old, self.kind);
        if self.classification.as_ref().is_none_or(|old| surer(&identity.classification, old)) {
            self.classification = Some(identity.classification);
            self.kind = identity.kind;
        }
        self.was_non_human |= identity.classification.class != Class::Human;
        self.note_scope(&event.scope, &intern);
        Recreated::No
    }

    fn note_unique_id(&mut self, activity: &Activity<'_>) -> Recreated {
        let time = activity.event.time;
        let Some(unique_id) = activity.identity.unique_id.as_deref() else { return Recreated::No };
        match &self.unique_id {
            Some(known) if known.as_str() == unique_id => {
                self.unique_id_since = self.unique_id_since.min(time);
                Recreated::No
            }
            Some(_) if time < self.unique_id_since => Recreated::Predecessor,
            Some(_) => Recreated::Yes,
            None => {
                (self.unique_id, self.unique_id_since) = (Some(Term::unshared(unique_id)), time);
                Recreated::No
            }
        }
    }

    /// Starts over for a new identity under an old name: only the inventory's word and what was published stay.
    pub fn start_over(&mut self) {
        let fresh = Self {
            declared: self.declared.take(),
            published: self.published,
            due: self.due,
            is_dirty: self.is_dirty,
            counted: self.counted,
            ..Self::default()
        };
        *self = fresh;
    }

    fn note_scope(&mut self, scope: &str, intern: &impl Fn(&str) -> Term) {
        if self.scopes.iter().any(|known| known.as_str() == scope) {
            return;
        }
        if self.scopes.len() < MAX_SCOPES {
            self.scopes.reserve_exact(1);
            self.scopes.push(intern(scope));
        } else {
            self.has_more_scopes = true;
        }
    }
}

/// The class that a declared kind implies.
fn class_of(kind: Kind) -> Class {
    if kind == Kind::Human { Class::Human } else { Class::NonHuman }
}

/// Whether a name now stands for another identity than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recreated {
    /// The same.
    No,
    /// It was deleted and made again: the provider's unique id is another.
    Yes,
    /// A late event of the identity that had the name before.
    Predecessor,
}

/// Orders what is known of kind and class: by confidence, then strength of evidence, then kind, so that the order of events does not matter.
fn rank(classification: &Classification, kind: Kind) -> (u8, std::cmp::Reverse<u8>, u8) {
    (classification.confidence, std::cmp::Reverse(strength(classification.evidence)), kind as u8)
}

const fn strength(evidence: Evidence) -> u8 {
    evidence as u8
}
