//! Whether an identity is in use, as far as the log sources can prove it.

use crate::activity::{Class, Kind};
use crate::baseline::CoverageMap;
use crate::baseline::coverage::late::TIMELY_HOURS;
use crate::baseline::last_seen::{Coverage, UseStatus};
use crate::identity::declared::DeclaredStatus;
use crate::identity::names;
use crate::time::{DAY_MS, EventTime, HOUR_MS, ProcessingTime};

use super::identity::IdentityState;

/// How late records may be while others of their source are there already: what happened at the end of a window may be on its way for so
/// long. Whole hours are compared, so that what happened at the start of one is in time for an hour longer.
pub(super) const DELIVERY_MS: i64 = (TIMELY_HOURS as i64 + 1) * HOUR_MS;

/// A judgement with its grounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The status.
    pub status: UseStatus,
    /// What its use alone says, whatever the inventory calls it.
    pub by_use: UseStatus,
    /// Whole days without use, where that is proven.
    pub unused_days: Option<u32>,
    /// How well the log sources were covered over the window.
    pub coverage: Coverage,
    /// The identity's window, in days.
    pub window_days: u32,
}

impl Judgement {
    /// Whether it is proven that the identity was not used for its window, whatever the inventory calls it.
    #[must_use]
    pub const fn is_proven_unused(&self) -> bool {
        self.unused_days.is_some()
    }
}

/// Time without use after which this identity counts as unused, in milliseconds.
#[must_use]
pub fn window_ms(state: &IdentityState, default_days: u32) -> i64 {
    let declared = state.declared.as_ref().and_then(|declared| declared.unused_after_days);
    i64::from(declared.unwrap_or(default_days).max(1)) * DAY_MS
}

/// The status alone, where the time of the last use decides it; cheap enough for every event.
#[must_use]
pub fn is_in_use(state: &IdentityState, now: ProcessingTime, window_ms: i64) -> bool {
    state.usage.last_seen.is_some_and(|last| now.millis() - last.millis() < window_ms)
}

/// Whether findings about being unused are made for it: not for people, nor for the provider's own services, nor for what
/// the inventory has retired already.
#[must_use]
pub fn is_reported(state: &IdentityState) -> bool {
    let is_retired =
        state.declared.as_ref().is_some_and(|declared| declared.status == DeclaredStatus::Retired);
    !is_retired && state.effective_class() != Class::Human && state.effective_kind() != Kind::ProviderService
}

/// Whether it is told when an identity that ran on a clock does not any more: as above, and not for what the inventory calls expired.
#[must_use]
pub fn is_expected(state: &IdentityState, now: ProcessingTime) -> bool {
    let expires_at = state.declared.as_ref().and_then(|declared| declared.expires_at);
    is_reported(state) && expires_at.is_none_or(|expires_at| expires_at.millis() > now.millis())
}

/// Whether the inventory calls it retired by `now`.
#[must_use]
pub fn is_retired(state: &IdentityState, now: ProcessingTime) -> bool {
    let now = EventTime::from_millis(now.millis());
    state.declared.as_ref().is_some_and(|declared| declared.is_retired_at(now))
}

/// Judges one identity at `now`.
///
/// `unused` and `never_seen` take proof: every log source that reported the identity (or could have) was
/// covered for the whole window up to now. Without it the status is `unknown`, and the coverage names the gap. What the inventory
/// calls retired is `retired`, with the days without use where they are proven.
#[must_use]
pub fn judge(
    identity_id: &str,
    state: &IdentityState,
    coverage: &CoverageMap,
    now: ProcessingTime,
    window_ms: i64,
) -> Judgement {
    let judged = judge_use(identity_id, state, coverage, now, window_ms);
    if is_retired(state, now) { Judgement { status: UseStatus::Retired, ..judged } } else { judged }
}

fn judge_use(
    identity_id: &str,
    state: &IdentityState,
    coverage: &CoverageMap,
    now: ProcessingTime,
    window_ms: i64,
) -> Judgement {
    let end = EventTime::from_millis(now.millis());
    let window_days = (window_ms / DAY_MS) as u32;
    let without_days =
        |status, coverage| Judgement { status, by_use: status, unused_days: None, coverage, window_days };
    let over = |span_ms| match state.usage.last_seen {
        Some(_) => coverage.over(state.scopes.iter().map(crate::term::Term::as_str), end, span_ms),
        None => declared_coverage(identity_id, coverage, end, span_ms),
    };
    let proof = over(window_ms);
    if is_in_use(state, now, window_ms) {
        return without_days(UseStatus::Active, proof);
    }
    let idle_since = state.usage.last_seen.or_else(|| state.declared.as_ref().and_then(|d| d.created_at));
    let idle = idle_since.zip(proof.until.map(|until| until.min(end)));
    let is_known = !state.may_have_past || state.usage.last_seen.is_some();
    let is_proven = proof.gaps.is_empty() && !state.has_more_scopes && is_known;
    match idle {
        Some((since, until)) if is_proven && until.millis_since(since) >= window_ms + DELIVERY_MS => {
            let status =
                if state.usage.last_seen.is_some() { UseStatus::Unused } else { UseStatus::NeverSeen };
            // Before its window there may be a gap: of the time before that nothing is proven.
            let gap = over(end.millis_since(since)).gaps.first().map(|gap| gap.until);
            let proven_ms = until.millis_since(gap.map_or(since, |gap| gap.max(since)));
            let unused_days = Some((proven_ms / DAY_MS) as u32);
            Judgement { unused_days, ..without_days(status, proof) }
        }
        // Silent for its window, and the newest report of its log source is a little older than now: the proof is on its way.
        Some(_) if is_proven && state.usage.last_seen.is_some() => without_days(UseStatus::Active, proof),
        _ => without_days(UseStatus::Unknown, proof),
    }
}

/// Coverage of every source that could have reported an identity that was never seen.
fn declared_coverage(identity_id: &str, coverage: &CoverageMap, now: EventTime, window_ms: i64) -> Coverage {
    names::scope_prefix(identity_id)
        .map(|prefix| coverage.over(coverage.scopes_of(&prefix), now, window_ms))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::coverage::late::is_late;

    #[test]
    fn whatever_is_in_time_is_waited_for() {
        let hour = |ms: i64| EventTime::from_millis(ms).hour();
        let latest = DELIVERY_MS - 1;
        assert!(!is_late(hour(0), hour(latest)) && is_late(hour(0), hour(latest + 1)));
        assert!((0..HOUR_MS).step_by(60_000).all(|at| is_late(hour(at), hour(at + DELIVERY_MS))));
    }
}
