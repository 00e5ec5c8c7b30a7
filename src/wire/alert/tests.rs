use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::activity::{Class, Kind, NetworkClass};
use crate::detect::Detector;
use crate::detect::chain::Opened;
use crate::detect::detector::{Rule, Status, Technique};
use crate::detect::finding::{EventEvidence, MAX_REPORTED_SIGNALS, Signal, Subject};
use crate::detect::scope::Scope;
use crate::identity::declared::Criticality;
use crate::time::{EventTime, HOUR_MS, MINUTE_MS, ProcessingTime};

const ROLE: &str = "arn:aws:iam::111122223333:role/payments/settlement";

fn at(minutes: i64) -> EventTime {
    EventTime::parse_rfc3339("2026-01-31T02:14:00Z").unwrap().plus_millis(minutes * MINUTE_MS)
}

fn detector(id: &str, title: &str, severity: Severity, attack: Vec<Technique>) -> Arc<Detector> {
    Arc::new(Detector {
        id: id.into(),
        title: title.into(),
        version: 3,
        status: Status::Enabled,
        description: "The identity uses what it has never used before.".into(),
        rationale: "A stolen credential is used for other things than its owner's.".into(),
        scope: Scope::default(),
        exceptions: vec![],
        severity,
        rule: match id {
            "unused-identity" => Rule::Unused {},
            "source-silent" => Rule::SourceSilent { times_usual: 1.5, min_history_days: 14 },
            _ => Rule::HumanUse { bits: 8.0, usual_network_bits: 4.0, named_bits: 4.0 },
        },
        attack,
        owasp_nhi: vec!["NHI5:2025".into()],
        blind_spots: vec![],
        false_positives: vec!["a release that added a feature".into()],
        response: vec![
            "Ask the owner whether a release explains it.".into(),
            "If not, revoke the sessions.".into(),
        ],
        runbook: None,
        tests: vec![],
    })
}

fn technique(technique: &str, name: &str) -> Technique {
    Technique {
        tactic: "TA0003".into(),
        tactic_name: "Persistence".into(),
        technique: technique.into(),
        technique_name: name.into(),
    }
}

fn new_service() -> Arc<Detector> {
    let attack = vec![technique("T1098.001", "Account Manipulation: Additional Cloud Credentials")];
    detector("new-action", "Action never used before", Severity::Medium, attack)
}

fn new_origin() -> Arc<Detector> {
    detector(
        "new-origin",
        "New network and client",
        Severity::High,
        vec![technique("T1078", "Valid Accounts")],
    )
}

fn event(offset: i64, service: &str, operation: &str) -> EventEvidence {
    EventEvidence {
        event_id: Some(format!("7c1b4ad2-0000-4000-8000-{offset:012}")),
        service: service.into(),
        operation: operation.into(),
        outcome: "success".into(),
        error_code: None,
        resource: Some("arn:aws:iam::111122223333:user/helper".into()),
        ip: Some("203.0.113.77".into()),
        network: Some("203.0.113.0/24".into()),
        country: Some("NL".into()),
        asn: Some("AS64500".into()),
        as_name: Some("Example Hosting".into()),
        network_class: Some(NetworkClass::Hosting),
        network_list: Some("rented".into()),
        client: Some("aws-cli 2.15.0".into()),
        region: Some("us-east-1".into()),
        account: Some("111122223333".into()),
        credential: Some("ASIAEXAMPLE0000000001".into()),
        session: Some("i-0123456789abcdef0".into()),
        caller: None,
        source: "cloudtrail".into(),
        partition: 4,
        offset,
        index: 0,
    }
}

fn signal(detector: Arc<Detector>, minutes: i64, bits: f32, evidence: EventEvidence) -> Signal {
    Signal {
        reason: format!("{}:{} for the first time in 212 days.", evidence.service, evidence.operation),
        expected: "dynamodb, s3, sqs".into(),
        observed: evidence.service.clone(),
        size: 0,
        detector,
        bits,
        peak: bits,
        harmless: 0.0,
        time: at(minutes),
        evidence,
    }
}

fn subject() -> Subject {
    Subject {
        identity_id: ROLE.into(),
        unique_id: Some("AROAEXAMPLE".into()),
        provider: "aws".into(),
        account: Some("111122223333".into()),
        kind: Kind::Workload,
        class: Class::NonHuman,
        owner: Some("team-payments".into()),
        purpose: Some("nightly settlement of card payments".into()),
        environment: Some("prod".into()),
        criticality: Criticality::High,
        is_declared: true,
    }
}

/// An incident just opened, from two signals on one event.
fn create() -> IncidentReport {
    let evidence = event(9_001, "iam", "CreateAccessKey");
    let mut origin = signal(new_origin(), 0, 11.25, evidence.clone());
    origin.reason = "From 203.0.113.0/24 with aws-cli, neither of which it used before.".into();
    origin.expected = "192.0.2.0/24 with Boto3".into();
    origin.observed = "203.0.113.0/24 with aws-cli".into();
    IncidentReport {
        uid: "inc-5f0c2f6f9d3e4b71".into(),
        stage: Stage::Create,
        sequence: 1,
        subject: subject(),
        found_at: ProcessingTime::parse_rfc3339("2026-01-31T02:16:30.500Z").unwrap(),
        first_seen: at(0),
        last_seen: at(0),
        signals: vec![origin, signal(new_service(), 0, 9.5, evidence)],
        signal_count: 2,
        opened: vec![],
        risk: 78,
        severity: Severity::High,
        confidence: 70,
        message: "settlement made an access key for the user helper, from a network and with a client that it never \
                  used before."
            .into(),
        settlement: None,
    }
}

/// The same incident with a denied call on top.
fn update() -> IncidentReport {
    let mut denied = event(9_044, "kms", "Decrypt");
    denied.outcome = "denied".into();
    denied.error_code = Some("AccessDenied".into());
    let mut report = create();
    report.stage = Stage::Update;
    report.sequence = 2;
    report.found_at = report.found_at.plus_millis(HOUR_MS);
    report.last_seen = at(58);
    report.signals.push(signal(new_service(), 58, 8.0, denied));
    report.signal_count = 3;
    report.opened = vec![Opened {
        credential: "ASIAEXAMPLE0000000002".into(),
        session: Some("step-2".into()),
        target: Some("arn:aws:iam::111122223333:role/admin".into()),
        action: "sts:AssumeRole".into(),
        time: at(57),
        is_signal: true,
    }];
    report.risk = 91;
    report.severity = Severity::Critical;
    report
}

/// A finding without events: nothing was used.
fn posture() -> IncidentReport {
    let unused = detector("unused-identity", "Unused identity", Severity::Low, vec![]);
    let none = EventEvidence { credential: Some("AKIAEXAMPLE000000001".into()), ..EventEvidence::default() };
    let mut unused = signal(unused, 0, 0.0, none);
    unused.reason = "Not used for 120 days; its log source was covered for all of them.".into();
    unused.expected = "a use within 90 days".into();
    unused.observed = "no use for 120 days".into();
    IncidentReport {
        uid: "inc-00c2f6f9d3e4b715".into(),
        subject: Subject {
            identity_id: "linux:web:deploy".into(),
            provider: "linux".into(),
            kind: Kind::ServiceAccount,
            ..Subject::default()
        },
        signals: vec![unused],
        signal_count: 1,
        risk: 30,
        severity: Severity::Low,
        confidence: 95,
        message: "deploy on web was not used for 120 days.".into(),
        ..create()
    }
}

/// Compares with the file that the independent validator also reads; `NHI_UPDATE_GOLDEN=1` writes it.
fn check_golden(name: &str, report: &IncidentReport) {
    let mut alert = Alert::from_report(report);
    alert.metadata.product.version = "0.0.0".into();
    let found = serde_json::to_string_pretty(&alert).unwrap() + "\n";
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/ocsf/alerts").join(name);
    if std::env::var_os("NHI_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == golden, "{} is out of date; NHI_UPDATE_GOLDEN=1 writes it:\n{found}", path.display());
}

#[test]
fn an_opened_incident() {
    check_golden("create.json", &create());
}

#[test]
fn a_grown_incident() {
    check_golden("update.json", &update());
}

#[test]
fn an_ended_incident() {
    check_golden("close.json", &IncidentReport { stage: Stage::Close, sequence: 3, ..update() });
    let settlement = Some("accepted by ana: the helper of change 4711".into());
    check_golden(
        "accepted.json",
        &IncidentReport { stage: Stage::Close, sequence: 3, settlement, ..update() },
    );
}

#[test]
fn a_posture_finding() {
    check_golden("posture.json", &posture());
}

#[test]
fn a_finding_about_a_log_source() {
    let mut report = posture();
    report.subject = Subject {
        identity_id: "aws:111122223333:eu-west-1".into(),
        provider: "aws".into(),
        account: Some("111122223333".into()),
        ..Subject::default()
    };
    report.signals[0].detector = detector("source-silent", "Silent log source", Severity::High, vec![]);
    report.signals[0].evidence = EventEvidence::default();
    report.message = "aws:111122223333:eu-west-1 has sent nothing for 25 hours.".into();
    check_golden("log-source.json", &report);
}

#[test]
fn the_same_report_gives_the_same_bytes_and_reads_back() {
    let alert = Alert::from_report(&update());
    let bytes = alert.to_bytes().unwrap();
    assert_eq!(bytes, Alert::from_report(&update()).to_bytes().unwrap());
    assert!(!bytes.contains(&b'\n'));
    assert_eq!(serde_json::from_slice::<Alert>(&bytes).unwrap(), alert);
    assert_eq!(alert.key(), ROLE);
}

#[test]
fn one_event_is_one_evidence_with_all_its_reasons() {
    let alert = Alert::from_report(&update());
    assert_eq!(alert.evidences.len(), 2);
    assert_eq!(alert.evidences[0].data.detectors, ["new-origin", "new-action"]);
    assert_eq!(
        alert.evidences[1].api.as_ref().unwrap().response.as_ref().unwrap().error.as_deref(),
        Some("AccessDenied")
    );
}

/// Whoever reads both alerts finds the credential at the same place.
#[test]
fn one_equality_joins_who_gave_a_credential_out_and_who_used_it() {
    let mut other = create();
    other.subject.identity_id = "arn:aws:iam::111122223333:role/admin".into();
    for signal in &mut other.signals {
        let evidence = &mut signal.evidence;
        evidence.credential = Some("ASIAEXAMPLE0000000002".into());
        (evidence.session, evidence.caller) = (Some("step-2".into()), Some("source-identity:ana".into()));
    }
    let (first, second) = (Alert::from_report(&update()), Alert::from_report(&other));
    let of = |alert: &Alert, kind: &str| -> Vec<(String, String)> {
        let all = alert.finding_info.related_events.iter().filter(|related| related.kind == kind);
        all.map(|related| (related.uid.clone(), related.title.clone())).collect()
    };
    let key = "ASIAEXAMPLE0000000002".to_owned();
    let words = "sts:AssumeRole gave it out for session step-2 of arn:aws:iam::111122223333:role/admin";
    assert_eq!(of(&first, "credential_issued"), [(key.clone(), words.to_owned())]);
    let words = "Signals were raised with it in session step-2, taken on by source-identity:ana";
    assert_eq!(of(&second, "credential_used"), [(key.clone(), words.to_owned())]);
    for alert in [&first, &second] {
        assert!(alert.observables.iter().any(|observable| observable.value == key));
    }
    assert!(Alert::from_report(&posture()).finding_info.related_events.is_empty());
}

#[test]
fn a_providers_service_stands_in_for_an_address() {
    let mut report = create();
    report.signals.truncate(1);
    let evidence = &mut report.signals[0].evidence;
    (evidence.ip, evidence.network) = (None, Some("cloudformation.amazonaws.com".into()));
    let alert = Alert::from_report(&report);
    let endpoint = alert.evidences[0].src_endpoint.as_ref().unwrap();
    assert_eq!(
        (endpoint.ip.as_deref(), endpoint.name.as_deref()),
        (None, Some("cloudformation.amazonaws.com"))
    );
}

#[test]
fn ids_and_captions_go_together_over_the_whole_scale() {
    assert_eq!([0, 33, 34, 66, 67, 100].map(|score| confidence(score).0), [1, 1, 2, 2, 3, 3]);
    assert_eq!([0, 19, 20, 40, 60, 79, 80, 100].map(|score| risk_level(score).0), [0, 0, 1, 2, 3, 3, 4, 4]);
    assert_eq!(Severity::ALL.map(|level| severity(level).0), [1, 2, 3, 4, 5]);
}

#[test]
fn hostile_texts_are_cut_and_stay_inside_json() {
    let mut report = create();
    let evidence = &mut report.signals[0].evidence;
    evidence.client = Some("\u{1b}[2J\"},{\n".repeat(10_000));
    evidence.resource = Some("r".repeat(1 << 20));
    evidence.ip = Some("not an address".repeat(100));
    let alert = Alert::from_report(&report);
    let endpoint = alert.evidences[0].src_endpoint.as_ref().unwrap();
    assert!(endpoint.ip.is_none() && endpoint.name.as_ref().unwrap().ends_with('…'));
    let bytes = alert.to_bytes().unwrap();
    assert!(bytes.len() < 16_000, "{} bytes", bytes.len());
    assert!(!bytes.iter().any(u8::is_ascii_control));
    assert_eq!(serde_json::from_slice::<Alert>(&bytes).unwrap(), alert);
}

#[test]
fn an_alert_of_the_most_signals_fits_in_a_kafka_message() {
    let mut report = create();
    let long = || Some("x".repeat(10_000));
    report.signals = (0..MAX_REPORTED_SIGNALS)
        .map(|index| {
            let mut evidence = event(index as i64, &"s".repeat(10_000), &"o".repeat(10_000));
            evidence.resource = Some(format!("{index:02}{}", "r".repeat(10_000)));
            evidence.credential = Some(format!("{index:02}{}", "c".repeat(10_000)));
            (evidence.client, evidence.session, evidence.network) = (long(), long(), long());
            (evidence.region, evidence.country, evidence.error_code) = (long(), long(), long());
            (evidence.asn, evidence.as_name, evidence.network_list) = (long(), long(), long());
            signal(new_service(), 0, 1.0, evidence)
        })
        .collect();
    let bytes = Alert::from_report(&report).to_bytes().unwrap();
    assert!(bytes.len() < 200_000, "{} bytes", bytes.len());
}

#[test]
fn a_sub_technique_without_its_parents_name_stands_alone() {
    let mut report = create();
    report.signals.truncate(1);
    report.signals[0].detector =
        detector("x", "X", Severity::Low, vec![technique("T1098.001", "Additional Cloud Credentials")]);
    let attacks = Alert::from_report(&report).finding_info.attacks;
    assert_eq!(attacks[0].technique, None);
    assert_eq!(attacks[0].sub_technique.as_ref().unwrap().uid, "T1098.001");
}

#[test]
fn a_report_without_signals_is_still_an_alert() {
    let mut report = create();
    report.signals.clear();
    let alert = Alert::from_report(&report);
    assert_eq!(alert.finding_info.title, "Unusual behaviour: settlement");
    assert!(alert.anomaly_analyses.is_empty() && alert.remediation.is_none());
}

#[test]
fn the_runbook_is_where_the_analyst_looks() {
    let check = |runbook: &str, desc: &str, reference: Option<&str>| {
        let mut report = create();
        let known = report.detector().unwrap().as_ref().clone();
        let detector = Detector { response: vec![], runbook: Some(runbook.into()), ..known };
        report.signals[0].detector = Arc::new(detector);
        let remediation = Alert::from_report(&report).remediation.unwrap();
        assert_eq!(
            (remediation.desc.as_str(), remediation.references.first().map(String::as_str)),
            (desc, reference)
        );
    };
    let url = "https://runbooks.example/nhi#stolen-key";
    check(url, "", Some(url));
    check("Call the owner.", "Call the owner.", Some("https://attack.mitre.org/techniques/T1078/"));
}
