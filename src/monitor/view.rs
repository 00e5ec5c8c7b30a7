//! Lets readers look at the identities of one partition while its monitor works.

use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::activity::Kind;
use crate::baseline::last_seen::UseStatus;
use crate::baseline::{LastSeen, Profile};
use crate::term::Term;

use super::feedback::Entry;
use super::identity::IdentityState;
use super::state::Shared;
use super::{posture, publish};

/// A reader's handle on one partition. Cheap to clone.
#[derive(Clone)]
pub struct View {
    pub(super) shared: Arc<Shared>,
}

/// Which identities to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only this status.
    pub status: Option<UseStatus>,
    /// Only ids that contain this text.
    pub text: Option<String>,
}

impl View {
    /// Up to `limit` identities with an id greater than `after`, in order of id, as of the partition's time.
    #[must_use]
    pub fn identities(&self, filter: &Filter, after: Option<&str>, limit: usize) -> Vec<LastSeen> {
        let ids = self.matching(filter, after, limit);
        ids.iter()
            .filter_map(|id| self.with(id.as_str(), |state| self.last_seen(id.as_str(), state)))
            .collect()
    }

    /// One identity with its baseline, as of the partition's time.
    #[must_use]
    pub fn identity(&self, id: &str) -> Option<(LastSeen, Profile)> {
        self.with(id, |state| (self.last_seen(id, state), publish::profile(state)))
    }

    /// What analysts said about one identity, oldest first.
    #[must_use]
    pub fn verdicts(&self, id: &str) -> Option<Vec<Entry>> {
        self.with(id, |state| state.feedback.iter().cloned().collect())
    }

    /// All ids, in order: for a walk over everything, which pages would make slow.
    #[must_use]
    pub fn ids(&self) -> Vec<Term> {
        let mut ids: Vec<Term> = self.shared.identities.iter().map(|entry| entry.key().clone()).collect();
        ids.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        ids
    }

    /// How many identities the partition holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.identities.len()
    }

    /// Whether the partition holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.identities.is_empty()
    }

    /// The ids to list. Keeps no more than `limit` at a time, however many match.
    fn matching(&self, filter: &Filter, after: Option<&str>, limit: usize) -> Vec<Term> {
        let mut first: BinaryHeap<OrderedTerm> = BinaryHeap::new();
        for entry in &self.shared.identities {
            let id = entry.key().as_str();
            let is_early = first.len() < limit || first.peek().is_some_and(|last| id < last.0.as_str());
            let is_asked_for = is_early && after.is_none_or(|after| id > after);
            if is_asked_for && filter.matches(id, entry.value()) {
                first.push(OrderedTerm(entry.key().clone()));
                if first.len() > limit {
                    first.pop();
                }
            }
        }
        first.into_sorted_vec().into_iter().map(|ordered| ordered.0).collect()
    }

    pub(super) fn with<R>(&self, id: &str, read: impl FnOnce(&IdentityState) -> R) -> Option<R> {
        self.shared.identities.get(id).map(|state| read(&state))
    }

    fn last_seen(&self, id: &str, state: &IdentityState) -> LastSeen {
        let now = self.shared.now();
        let window_ms = posture::window_ms(state, self.shared.settings.unused_after_days);
        let judged = posture::judge(id, state, &self.shared.coverage(), now, window_ms);
        publish::last_seen(id, state, judged, now)
    }
}

impl Filter {
    fn matches(&self, id: &str, state: &IdentityState) -> bool {
        self.kind.is_none_or(|kind| state.effective_kind() == kind)
            && self.status.is_none_or(|status| state.published.status == status)
            && self.text.as_deref().is_none_or(|text| id.contains(text))
    }
}

/// Orders terms by their text.
#[derive(PartialEq, Eq)]
pub(super) struct OrderedTerm(pub(super) Term);

impl Ord for OrderedTerm {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.as_str().cmp(other.0.as_str())
    }
}

impl PartialOrd for OrderedTerm {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
