//! The credentials that join an incident with those of other identities.
//!
//! The alert about who gave a credential out and the alert about who used it both hold its public id, at the same place: one
//! equality joins them.

use crate::detect::chain::Opened;
use crate::detect::finding::{EventEvidence, IncidentReport, Signal};
use crate::time::EventTime;

use super::super::ocsf::RelatedEvent;
use super::clip;

/// What the incident gave out, oldest first, then what its signals were made with.
pub(super) fn related_events(report: &IncidentReport) -> Vec<RelatedEvent> {
    let mut related: Vec<RelatedEvent> = report.opened.iter().map(issued).collect();
    for signal in &report.signals {
        let event = &signal.evidence;
        // Findings about the absence of events name credentials that were not used.
        let Some(credential) = event.credential.as_deref().filter(|_| !event.operation.is_empty()) else {
            continue;
        };
        let known = related.iter_mut().find(|known| known.kind == USED && known.uid == clip(credential));
        match known {
            Some(known) if known.first_seen_time <= signal.time.millis() => {}
            Some(known) => set_time(known, signal.time),
            None => related.push(used(credential, signal)),
        }
    }
    related
}

const ISSUED: &str = "credential_issued";
const USED: &str = "credential_used";

fn issued(opened: &Opened) -> RelatedEvent {
    let session = opened.session.as_deref().map(|name| format!(" for session {name}")).unwrap_or_default();
    let target = opened.target.as_deref().map(|target| format!(" of {target}")).unwrap_or_default();
    related(
        (&opened.credential, ISSUED),
        format!("{} gave it out{session}{target}", opened.action),
        opened.time,
    )
}

fn used(credential: &str, signal: &Signal) -> RelatedEvent {
    let EventEvidence { session, caller, .. } = &signal.evidence;
    let session = session.as_deref().map(|name| format!(" in session {name}")).unwrap_or_default();
    let caller = caller.as_deref().map(|caller| format!(", taken on by {caller}")).unwrap_or_default();
    related((credential, USED), format!("Signals were raised with it{session}{caller}"), signal.time)
}

fn related((uid, kind): (&str, &str), title: String, time: EventTime) -> RelatedEvent {
    let mut related = RelatedEvent {
        uid: clip(uid),
        kind: kind.to_owned(),
        title: clip(&title),
        ..RelatedEvent::default()
    };
    set_time(&mut related, time);
    related
}

fn set_time(related: &mut RelatedEvent, time: EventTime) {
    related.first_seen_time = time.millis();
    related.first_seen_time_dt = time.to_rfc3339();
}
