//! Looking after limits.

use crate::term::Term;
use crate::time::{EventTime, ProcessingTime};

use super::{Monitor, is_open};

/// Share of the identities that goes when there are too many: enough that it is rare, too few to hurt.
const EVICTED_SHARE: usize = 100;

impl Monitor {
    /// Looks after limits: drops terms that nobody holds, and the identities unseen for longest where there are too many.
    pub(super) fn upkeep(&mut self, now: ProcessingTime) {
        self.stats.silent_scopes = self.shared.coverage().silent(EventTime::from_millis(now.millis())) as u64;
        let count = self.shared.identities.len();
        if count > self.shared.settings.max_identities {
            let surplus = count - self.shared.settings.max_identities
                + self.shared.settings.max_identities / EVICTED_SHARE;
            self.evict(surplus);
        }
        self.terms.sweep();
    }

    pub(super) fn evict(&mut self, surplus: usize) {
        let mut oldest: Vec<(Option<EventTime>, Term)> =
            self.shared.identities.iter().map(|state| (state.usage.last_seen, state.key().clone())).collect();
        oldest.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.as_str().cmp(b.1.as_str())));
        for (_, id) in oldest.into_iter().take(surplus) {
            if let Some((id, state)) = self.shared.identities.remove(&id) {
                self.stats.recount(state.counted, None);
                self.stats.open_incidents -= u64::from(is_open(&state));
                self.stats.count_evictions("identities", 1);
                self.changes.dropped.push(id);
            }
        }
    }
}
