//! What is published about an identity, and how it reads.

use crate::activity::CredentialKind;
use crate::baseline::dimension::credential_of;
use crate::baseline::last_seen::{CredentialState, CredentialUse, ServiceUse};
use crate::baseline::profile::{Profile, Runs, TermList, TermUse};
use crate::baseline::terms::{TermEntry, TermSet};
use crate::baseline::{Dimension, LastSeen};
use crate::detect::finding::Subject;
use crate::identity::names;
use crate::time::{DAY_MS, ProcessingTime};

use super::credentials::is_unused;
use super::decommission;
use super::identity::IdentityState;
use super::keys;
use super::posture::Judgement;

/// The last-seen facts of one identity.
#[must_use]
pub fn last_seen(
    identity_id: &str,
    state: &IdentityState,
    judged: Judgement,
    now: ProcessingTime,
) -> LastSeen {
    let usage = &state.usage;
    let credentials = credentials(state, &judged, now);
    LastSeen {
        identity_id: identity_id.to_owned(),
        kind: state.effective_kind(),
        class: state.effective_class(),
        provider: names::provider(identity_id).to_owned(),
        account: names::account(identity_id).map(str::to_owned),
        unique_id: state.unique_id.as_ref().map(ToString::to_string),
        first_seen: usage.first_seen,
        last_seen: usage.last_seen,
        last_success: usage.last_success,
        last_denied: usage.last_denied,
        last_human_use: usage.last_human_use,
        last_via_service: usage.last_via_service,
        last_auth_only: usage.last_auth_only,
        last_activity: usage.last_action.as_ref().map(ToString::to_string),
        active_keys: credentials.iter().filter(|one| one.is_active_key()).count() as u32,
        credentials,
        services: services(state),
        never_used_services: decommission::never_used_services(state),
        sensitive_actions: decommission::sensitive_actions(state),
        dependants: decommission::dependants(state),
        status: judged.status,
        unused_days: judged.unused_days,
        decommission: decommission::decommission(state, &judged),
        coverage: judged.coverage,
        declared: state.declared.as_deref().cloned(),
        updated_at: now,
    }
}

/// Who an alert is about.
#[must_use]
pub fn subject(identity_id: &str, state: &IdentityState) -> Subject {
    let declared = state.declared.as_deref();
    Subject {
        identity_id: identity_id.to_owned(),
        unique_id: state.unique_id.as_ref().map(ToString::to_string),
        provider: names::provider(identity_id).to_owned(),
        account: names::account(identity_id).map(str::to_owned),
        kind: state.effective_kind(),
        class: state.effective_class(),
        owner: declared.and_then(|declared| declared.owner.clone()),
        purpose: declared.and_then(|declared| declared.purpose.clone()),
        environment: declared.and_then(|declared| declared.environment.clone()),
        criticality: declared.map(|declared| declared.criticality).unwrap_or_default(),
        is_declared: declared.is_some(),
    }
}

/// The baseline as a person reads it.
#[must_use]
pub fn profile(state: &IdentityState) -> Profile {
    let behaviour = &state.behaviour;
    let incident = state.incident.as_deref();
    Profile {
        activities: behaviour.activities,
        activities_per_day: per_day(state),
        error_rate: f64::from(behaviour.error_rate),
        hour_of_week: behaviour.volume.rhythm.hours.shares(),
        terms: Dimension::ALL.into_iter().map(|dimension| terms(state, dimension)).collect(),
        runs: state.cadence.rhythm(1, 0).map(Runs::from),
        open_incident: incident
            .filter(|incident| incident.is_open())
            .map(|incident| format!("{:032x}", incident.uid)),
        risk: incident.map_or(0, crate::detect::incident::Incident::risk),
    }
}

/// Activities a day over the identity's observed life, at least one day.
fn per_day(state: &IdentityState) -> f64 {
    let life_ms =
        state.usage.last_seen.zip(state.usage.first_seen).map_or(0, |(last, first)| last.millis_since(first));
    state.behaviour.activities as f64 / (life_ms as f64 / DAY_MS as f64).max(1.0)
}

fn terms(state: &IdentityState, dimension: Dimension) -> TermList {
    let mut values: Vec<TermUse> = state
        .behaviour
        .values(dimension)
        .iter()
        .map(|entry| TermUse {
            value: entry.term.to_string(),
            first_seen: entry.first_seen(),
            last_seen: entry.last_seen(),
            weight: entry.uses as f32,
            quarantined: entry.quarantined_at().is_some(),
        })
        .collect();
    values.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.value.cmp(&b.value)));
    TermList { dimension: dimension.as_str(), values }
}

fn credentials(state: &IdentityState, judged: &Judgement, now: ProcessingTime) -> Vec<CredentialUse> {
    let known = state.behaviour.values(Dimension::Credential);
    let mut credentials: Vec<CredentialUse> = known
        .iter()
        .map(|entry| {
            let (kind, id) = credential_of(entry.term.as_str());
            CredentialUse {
                kind,
                id: id.to_owned(),
                first_seen: entry.first_seen(),
                last_seen: entry.last_seen(),
                created_at: keys::created_at(state, id),
                outcomes: state.graded.of(Dimension::Credential, entry),
                state: if judged.is_proven_unused() || is_unused(state, entry, judged, now) {
                    CredentialState::Unused
                } else if is_superseded(entry, known) {
                    CredentialState::Superseded
                } else {
                    CredentialState::Active
                },
            }
        })
        .collect();
    credentials.sort_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
    credentials
}

/// Whether another long-term credential took the place of this one.
fn is_superseded(entry: &TermEntry, known: TermSet<'_>) -> bool {
    let is_long_term = |entry: &TermEntry| credential_of(entry.term.as_str()).0 == CredentialKind::LongTerm;
    is_long_term(entry)
        && known.iter().any(|other| is_long_term(other) && other.first_seen() > entry.last_seen())
}

fn services(state: &IdentityState) -> Vec<ServiceUse> {
    let mut services: Vec<ServiceUse> = state
        .behaviour
        .values(Dimension::Service)
        .iter()
        .map(|entry| ServiceUse {
            service: entry.term.to_string(),
            last_seen: entry.last_seen(),
            outcomes: state.graded.of(Dimension::Service, entry),
        })
        .collect();
    services.sort_by(|a, b| a.service.cmp(&b.service));
    services
}
