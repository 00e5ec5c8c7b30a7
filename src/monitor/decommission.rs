//! Whether an identity may be decommissioned, and what goes with it: all out of its own state and its judgement.
//!
//! The texts are made of facts that change only when the record does, so that what stands on the topic is what would be said today.

use crate::activity::{Class, Kind};
use crate::baseline::Dimension;
use crate::baseline::decommission::{Decommission, Dependant, Dependants, Grade};
use crate::baseline::last_seen::{ActionUse, UseStatus};
use crate::baseline::terms::TermEntry;
use crate::detect::sensitivity::{Level, sensitivity};
use crate::identity::Declared;
use crate::identity::declared::Criticality;
use crate::time::EventTime;

use super::identity::IdentityState;
use super::posture::Judgement;

/// Callers, and roles assumed, named in one record: whoever decides needs to know whom to ask, and not all of a fleet.
const MAX_DEPENDANTS: usize = 16;

/// Sensitive actions named in one record: a review goes through that many; who uses more is an administrator.
const MAX_SENSITIVE: usize = 32;

/// Shortest window that is taken for proof without a second look, in days: a month and a day, so that whatever runs once a month
/// has had its turn.
const MIN_WINDOW_DAYS: u32 = 32;

/// Whether the identity may be decommissioned.
#[must_use]
pub(super) fn decommission(state: &IdentityState, judged: &Judgement) -> Decommission {
    if state.effective_kind() == Kind::ProviderService {
        let reasons = vec!["it is a service of the provider: there is nothing to decommission".to_owned()];
        return Decommission { grade: Grade::No, reasons };
    }
    if !judged.is_proven_unused() {
        return Decommission { grade: Grade::No, reasons: objections(state, judged) };
    }
    let doubts = doubts(state, judged.window_days);
    let grade = if doubts.is_empty() { Grade::Safe } else { Grade::Caution };
    let found = if doubts.is_empty() { vec![proof(state, judged.window_days)] } else { doubts };
    Decommission { grade, reasons: found.into_iter().chain(retired(state, judged)).collect() }
}

/// Why an identity is not proven unused.
fn objections(state: &IdentityState, judged: &Judgement) -> Vec<String> {
    let window = judged.window_days;
    let Some(last) = state.usage.last_seen else {
        let since = declared(state).and_then(|declared| declared.created_at);
        let never_seen = match since {
            _ if state.may_have_past => {
                "it may have been used: what was known of it is forgotten, since there were more identities than `baseline.max_identities`"
                    .to_owned()
            }
            None => "it was never seen, and the inventory does not say since when it exists".to_owned(),
            Some(since) => format!(
                "it was never seen; that proves something {window} days after it was made on {}, all of them covered by the log sources",
                day(since)
            ),
        };
        return std::iter::once(never_seen).chain(retired(state, judged)).collect();
    };
    let mut reasons = vec![if state.has_more_scopes {
        "more log sources reported it than can be followed, so nothing proves that it is not used".to_owned()
    } else if judged.by_use == UseStatus::Active {
        format!("it was used on {}, and its window is {window} days", day(last))
    } else {
        format!(
            "it was last seen on {}, and its log sources were not covered for all of its window of {window} days",
            day(last)
        )
    }];
    reasons.extend(retired(state, judged));
    reasons.extend(refused(state));
    reasons
}

/// That the inventory has retired it: no proof, and no reason for a second look.
fn retired(state: &IdentityState, judged: &Judgement) -> Option<String> {
    let declared = declared(state).filter(|_| judged.status == UseStatus::Retired)?;
    Some(match declared.retired_at {
        Some(since) => format!("the inventory calls it retired since {}", day(since)),
        None => "the inventory calls it retired".to_owned(),
    })
}

/// What speaks for a second look at an identity that is proven unused.
///
/// Denied attempts and callers within the window need no look: each is a use, and ends the proof.
fn doubts(state: &IdentityState, window_days: u32) -> Vec<String> {
    let class = state.effective_class();
    let criticality = declared(state).map(|declared| declared.criticality).unwrap_or_default();
    let of_class =
        (class != Class::NonHuman).then(|| format!("its class is {}: a person may need it", class.as_str()));
    let of_criticality = (criticality >= Criticality::High)
        .then(|| format!("the inventory calls its criticality {}", criticality.as_str()));
    let of_window = (window_days < MIN_WINDOW_DAYS)
        .then(|| format!("its window is {window_days} days: what runs once a month is silent for longer"));
    [of_class, of_criticality, of_window, refused(state)].into_iter().flatten().collect()
}

/// That its last attempt was denied: whoever made it may still hold its credential.
fn refused(state: &IdentityState) -> Option<String> {
    let denied = state.usage.last_denied.filter(|denied| Some(*denied) == state.usage.last_seen)?;
    let worked = match state.usage.last_success {
        Some(worked) if worked < denied => format!("the last that worked was on {}", day(worked)),
        Some(_) => return None,
        None => "none is known that worked".to_owned(),
    };
    Some(format!(
        "its last attempt, on {}, was denied, and {worked}: somebody may still try to use it",
        day(denied)
    ))
}

/// The proof that nobody uses it.
fn proof(state: &IdentityState, window_days: u32) -> String {
    let created = declared(state).and_then(|declared| declared.created_at);
    let since = match (state.usage.last_seen, created) {
        (Some(last), _) => format!("no attempt, not even a denied one, since {}", day(last)),
        (None, Some(created)) => format!("never seen since it was made on {}", day(created)),
        (None, None) => "never seen".to_owned(),
    };
    format!("{since}, and its log sources were covered for all of its window of {window_days} days")
}

fn declared(state: &IdentityState) -> Option<&Declared> {
    state.declared.as_deref()
}

fn day(time: EventTime) -> String {
    time.to_utc().format("%Y-%m-%d").to_string()
}

/// Who assumed the identity, and which roles it assumed.
#[must_use]
pub(super) fn dependants(state: &IdentityState) -> Dependants {
    let of = |dimension| {
        let values = newest(state, dimension, MAX_DEPENDANTS, |_| true);
        values.map(|entry| Dependant { id: entry.term.to_string(), last_seen: entry.last_seen() }).collect()
    };
    Dependants { callers: of(Dimension::Caller), assumes: of(Dimension::Role) }
}

/// The actions it used that are worth a look whoever is new to them.
#[must_use]
pub(super) fn sensitive_actions(state: &IdentityState) -> Vec<ActionUse> {
    let values = newest(state, Dimension::Action, MAX_SENSITIVE, is_sensitive);
    values.map(|entry| ActionUse { action: entry.term.to_string(), last_seen: entry.last_seen() }).collect()
}

/// Services that the inventory allows and of which no use was seen. None where it uses so many that some may be forgotten.
#[must_use]
pub(super) fn never_used_services(state: &IdentityState) -> Vec<String> {
    let used = state.behaviour.values(Dimension::Service);
    if used.len() >= Dimension::Service.capacity() {
        return Vec::new();
    }
    let allowed = declared(state).map(|declared| declared.allowed_services.as_slice()).unwrap_or_default();
    let is_used = |service: &str| used.iter().any(|entry| entry.term.as_str() == service);
    let mut never: Vec<String> = allowed.iter().filter(|service| !is_used(service)).cloned().collect();
    never.sort_unstable();
    never.dedup();
    never
}

fn is_sensitive(action: &str) -> bool {
    let known = action.split_once(':').and_then(|(service, operation)| sensitivity(service, operation));
    known.is_some_and(|known| known.level >= Level::Medium)
}

/// The values used last, in text order.
fn newest(
    state: &IdentityState,
    dimension: Dimension,
    count: usize,
    is_wanted: impl Fn(&str) -> bool,
) -> impl Iterator<Item = &TermEntry> {
    let values = state.behaviour.values(dimension);
    let mut values: Vec<&TermEntry> = values.iter().filter(|entry| is_wanted(entry.term.as_str())).collect();
    values
        .sort_by(|a, b| b.last_seen().cmp(&a.last_seen()).then_with(|| b.term.as_str().cmp(a.term.as_str())));
    values.truncate(count);
    values.sort_by(|a, b| a.term.as_str().cmp(b.term.as_str()));
    values.into_iter()
}

#[cfg(test)]
mod tests;
