//! Credentials in two hands, and outside of what they were given to.

use crate::activity::CredentialKind;
use crate::baseline::Dimension;
use crate::baseline::place::Place;
use crate::normalize::endpoint::Endpoint;
use crate::time::MINUTE_MS;

use super::super::detector::Rule;
use super::super::explain;
use super::{Match, Subject, settled};

/// A credential at work in two places by turns.
pub(super) fn shared_credential(rule: &Rule, subject: Subject<'_>) -> Option<Match> {
    let Rule::SharedCredential { credential, min_turns, min_minutes, bits } = rule else { return None };
    let Subject { event, sighting, behaviour, .. } = settled(subject)?;
    let (turn, shown) = (sighting.sharing.turn.as_ref()?, event.credential.as_ref()?);
    let is_meant = shown.kind == *credential
        && turn.turns >= *min_turns
        && turn.lasting_ms >= i64::from(*min_minutes) * MINUTE_MS;
    let strange = explain::shortened(turn.strange.as_str());
    let minutes = (turn.lasting_ms / MINUTE_MS).max(1);
    is_meant.then(|| Match {
        peak: 0.0,
        extra: *bits,
        harmless: 0.0,
        reason: format!(
            "one {} ({}) is at work in two places by turns: {strange} and a usual one, {} times to and fro within {minutes} \
             minutes, now from {}",
            if shown.kind == CredentialKind::Temporary { "session's credential" } else { "key" },
            explain::shortened(&shown.id),
            turn.turns,
            explain::origin(event)
        ),
        expected: explain::usual(&[Dimension::Network], event, behaviour),
        observed: format!("{} from {strange} and from a usual network", explain::shortened(&shown.id)),
    })
}

/// A call through a VPC endpoint of an account of which the identity used none.
pub(super) fn foreign_endpoint(bits: f32, subject: Subject<'_>) -> Option<Match> {
    let Subject { event, sighting, behaviour, .. } = settled(subject)?;
    let endpoint = Endpoint::of(event.origin.network.as_deref().filter(|_| sighting.is_strangers_endpoint)?)?;
    let account = explain::shortened(endpoint.foreign_account?);
    Some(Match {
        peak: 0.0,
        extra: bits,
        harmless: 0.0,
        reason: format!(
            "comes through a VPC endpoint of account {account}: {}",
            explain::shortened(endpoint.id)
        ),
        expected: explain::usual(&[Dimension::Network], event, behaviour),
        observed: format!("a VPC endpoint of account {account}"),
    })
}

/// Whether the credential of one known machine is used where that machine cannot be: in a region of the provider in which the
/// identity never was, or behind the VPC endpoint of strangers. A new machine may start anywhere.
pub(super) fn is_off_its_machine(subject: Subject<'_>) -> bool {
    let Subject { event, sighting, behaviour, .. } = subject;
    let is_machine = event.workload.as_deref().is_some_and(|workload| workload.starts_with("ec2:i-"));
    if !is_machine || sighting.is_new(Dimension::Workload) {
        return false;
    }
    let Some(Place::Aws(region)) = event.origin.network.as_deref().and_then(Place::of) else {
        return sighting.is_strangers_endpoint;
    };
    let networks = behaviour.values(Dimension::Network);
    let own = event.origin.network.as_deref();
    let known = networks.iter().filter(|entry| entry.is_learned() && Some(entry.term.as_str()) != own);
    let regions = known.filter_map(|entry| match Place::of(entry.term.as_str()) {
        Some(Place::Aws(region)) => Some(region),
        _ => None,
    });
    let regions: Vec<&str> = regions.collect();
    !regions.is_empty() && !regions.contains(&region)
}
