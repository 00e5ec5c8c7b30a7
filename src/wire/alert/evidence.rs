//! The events behind an incident, and the things that they touch.

use std::net::IpAddr;

use crate::activity::{Class, Kind};
use crate::detect::finding::{EventEvidence, IncidentReport, Signal};

use super::super::ocsf::{
    Actor, Api, AutonomousSystem, Endpoint, Evidence, EvidenceData, Location, Observable, Resource, Response,
    Service, Session, User,
};
use super::finding::distinct;
use super::{Alert, account, clip, is_about_log_source, short_name};

/// What the subject is, in one word: the identity's kind, or `log_source`.
pub(super) fn subject_type(report: &IncidentReport) -> &'static str {
    if is_about_log_source(report) { "log_source" } else { report.subject.kind.as_str() }
}

/// The identity (or log source) first, then its credentials, those that it gave out, and what it acted on.
pub(super) fn resources(report: &IncidentReport) -> Vec<Resource> {
    let texts = |part: fn(&EventEvidence) -> Option<&String>| {
        distinct(report.signals.iter().filter_map(|signal| part(&signal.evidence)), |known, new| known == new)
    };
    let credentials = texts(|event| event.credential.as_ref());
    let targets = texts(|event| event.resource.as_ref());
    let mut resources = vec![subject(report)];
    resources.extend(credentials.into_iter().map(|id| resource(id, "credential")));
    resources.extend(report.opened.iter().map(|opened| resource(&opened.credential, "issued_credential")));
    resources.extend(targets.into_iter().map(|id| resource(id, "target")));
    resources
}

fn resource(uid: &str, kind: &str) -> Resource {
    Resource { uid: clip(uid), kind: kind.to_owned(), ..Resource::default() }
}

fn subject(report: &IncidentReport) -> Resource {
    let subject = &report.subject;
    let mut labels = Vec::new();
    if !is_about_log_source(report) {
        labels.push(format!("class:{}", subject.class.as_str()));
        labels.extend(subject.environment.as_ref().map(|environment| format!("environment:{environment}")));
    }
    Resource {
        uid: subject.identity_id.clone(),
        uid_alt: subject.unique_id.clone(),
        name: Some(clip(short_name(&subject.identity_id))),
        kind: subject_type(report).to_owned(),
        criticality: subject.is_declared.then(|| subject.criticality.as_str().to_owned()),
        labels,
    }
}

/// One entry for each event, in the order of its weightiest signal.
pub(super) fn evidences(report: &IncidentReport) -> Vec<Evidence> {
    let mut evidences: Vec<Evidence> = Vec::new();
    for signal in report.signals.iter().filter(|signal| is_event(&signal.evidence)) {
        match evidences.iter_mut().find(|known| is_same_event(known, &signal.evidence)) {
            Some(known) => add_reason(&mut known.data, signal),
            None => evidences.push(evidence(report, signal)),
        }
    }
    evidences
}

/// Findings about the absence of events carry none.
fn is_event(event: &EventEvidence) -> bool {
    !event.operation.is_empty()
}

fn is_same_event(known: &Evidence, event: &EventEvidence) -> bool {
    let place = &known.data;
    known.uid == event.event_id.as_deref().map(clip)
        && place.source == event.source
        && (place.partition, place.offset, place.index) == (event.partition, event.offset, event.index)
}

fn add_reason(data: &mut EvidenceData, signal: &Signal) {
    if !data.detectors.contains(&signal.detector.id) {
        data.detectors.push(signal.detector.id.clone());
    }
    data.reasons.push(clip(&signal.reason));
}

fn evidence(report: &IncidentReport, signal: &Signal) -> Evidence {
    let event = &signal.evidence;
    Evidence {
        uid: event.event_id.as_deref().map(clip),
        name: Some(clip(&format!("{}:{}", event.service, event.operation))),
        actor: Some(actor(report, event)),
        api: Some(api(event)),
        src_endpoint: endpoint(event),
        data: EvidenceData {
            time: signal.time.to_rfc3339(),
            detectors: vec![signal.detector.id.clone()],
            reasons: vec![clip(&signal.reason)],
            resource: event.resource.as_deref().map(clip),
            network: event.network.as_deref().map(clip),
            network_class: event.network_class.map(|class| class.as_str().to_owned()),
            network_list: event.network_list.as_deref().map(clip),
            region: event.region.as_deref().map(clip),
            source: event.source.clone(),
            partition: event.partition,
            offset: event.offset,
            index: event.index,
        },
    }
}

fn actor(report: &IncidentReport, event: &EventEvidence) -> Actor {
    let subject = &report.subject;
    let (type_id, kind) = user_type(subject.kind, subject.class);
    let account_uid = event.account.as_ref().or(subject.account.as_ref());
    Actor {
        user: User {
            uid: subject.identity_id.clone(),
            uid_alt: subject.unique_id.clone(),
            name: clip(short_name(&subject.identity_id)),
            type_id,
            kind: kind.to_owned(),
            account: account_uid.map(|uid| account(&subject.provider, uid)),
            credential_uid: event.credential.as_deref().map(clip),
        },
        session: event.session.as_deref().map(|name| Session { uid: clip(name) }),
        app_name: event.client.as_deref().map(clip),
    }
}

/// OCSF 1.5 has no user types for machines but `System`; 99 lets the caption say what it is.
const fn user_type(kind: Kind, class: Class) -> (u8, &'static str) {
    match (kind, class) {
        (Kind::Human, _) | (_, Class::Human) => (1, "User"),
        (Kind::ProviderService, _) => (3, "System"),
        (Kind::Unknown, _) => (0, "Unknown"),
        (kind, _) => (99, kind.as_str()),
    }
}

fn api(event: &EventEvidence) -> Api {
    let service = Service {
        name: clip(&event.service),
        uid: clip(&event.service),
        // Logs do not tell, and the widespread py-ocsf-models refuses a service without one.
        version: "unknown".to_owned(),
    };
    let response = Response { message: text(&event.outcome), error: event.error_code.as_deref().map(clip) };
    Api {
        operation: clip(&event.operation),
        service: (!event.service.is_empty()).then_some(service),
        response: Some(response),
    }
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| clip(text))
}

/// Where it came from: an address, or what the log gives in its place, such as a provider's service; `None` where it
/// gives nothing.
fn endpoint(event: &EventEvidence) -> Option<Endpoint> {
    let from = event.ip.as_deref().or(event.network.as_deref())?;
    let is_address = from.parse::<IpAddr>().is_ok();
    Some(Endpoint {
        ip: is_address.then(|| from.to_owned()),
        name: (!is_address).then(|| clip(from)),
        location: event.country.as_deref().map(|country| Location { country: clip(country) }),
        autonomous_system: autonomous_system(event),
    })
}

fn autonomous_system(event: &EventEvidence) -> Option<AutonomousSystem> {
    let number = event.asn.as_deref()?.strip_prefix("AS")?.parse().ok()?;
    Some(AutonomousSystem { number, name: event.as_name.as_deref().map(clip) })
}

/// Topics or files that the events came from.
pub(super) fn sources(report: &IncidentReport) -> Vec<String> {
    let sources = report.signals.iter().map(|signal| &signal.evidence.source);
    let named = sources.filter(|source| !source.is_empty()).cloned();
    distinct(named, |known, new| known == new)
}

/// Values to search for elsewhere: addresses, then resources.
pub(super) fn observables(alert: &Alert) -> Vec<Observable> {
    let ips = alert.evidences.iter().filter_map(|evidence| evidence.src_endpoint.as_ref()?.ip.as_ref());
    let ips = distinct(ips, |known, new| known == new).into_iter();
    let ips = ips.map(|ip| observable("evidences.src_endpoint.ip", 2, "IP Address", ip));
    let uids = alert.resources.iter().map(|resource| &resource.uid);
    ips.chain(uids.map(|uid| observable("resources.uid", 10, "Resource UID", uid))).collect()
}

fn observable(name: &str, type_id: u8, kind: &str, value: &str) -> Observable {
    Observable { name: name.to_owned(), type_id, kind: kind.to_owned(), value: value.to_owned() }
}
