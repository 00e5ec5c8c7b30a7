use super::*;
use crate::baseline::decommission::Decommission;
use crate::baseline::graded::Outcomes;
use crate::identity::Declared;
use crate::time::{DAY_MS, ProcessingTime};

const NOON: &str = "2026-01-31T12:00:00Z";

fn day(days_ago: i64) -> EventTime {
    EventTime::parse_rfc3339(NOON).unwrap().plus_millis(-days_ago * DAY_MS)
}

fn facts() -> LastSeen {
    LastSeen {
        identity_id: "arn:aws:iam::111122223333:user/backup".into(),
        kind: Kind::ApiKey,
        class: Class::NonHuman,
        provider: "aws".into(),
        account: Some("111122223333".into()),
        unique_id: Some("AIDAEXAMPLE".into()),
        first_seen: Some(day(300)),
        last_seen: Some(day(120)),
        last_success: Some(day(121)),
        last_denied: Some(day(120)),
        last_human_use: None,
        last_via_service: None,
        last_auth_only: Some(day(299)),
        last_activity: Some("s3:PutObject".into()),
        credentials: vec![CredentialUse {
            kind: CredentialKind::LongTerm,
            id: "AKIAEXAMPLE".into(),
            created_at: Some(day(301)),
            first_seen: day(300),
            last_seen: day(120),
            outcomes: Outcomes { last_success: Some(day(121)), last_denied: Some(day(120)) },
            state: CredentialState::Unused,
        }],
        active_keys: 1,
        services: vec![ServiceUse {
            service: "s3".into(),
            last_seen: day(120),
            outcomes: Outcomes { last_success: Some(day(120)), last_denied: None },
        }],
        never_used_services: vec!["sqs".into()],
        sensitive_actions: vec![ActionUse { action: "iam:CreateUser".into(), last_seen: day(121) }],
        dependants: Dependants {
            callers: vec![Dependant { id: "aws-service:ec2.amazonaws.com".into(), last_seen: day(120) }],
            assumes: vec![],
        },
        status: UseStatus::Unused,
        unused_days: Some(120),
        decommission: Decommission { grade: Grade::Caution, reasons: vec!["its class is mixed".into()] },
        coverage: Coverage { since: Some(day(300)), until: Some(day(0)), gaps: vec![], ratio: 1.0 },
        declared: Some(Declared {
            original: r#"{"owner":"ops","cost_center":4711}"#.into(),
            ..Declared::default()
        }),
        updated_at: ProcessingTime::parse_rfc3339(NOON).unwrap(),
    }
}

fn json(facts: &LastSeen) -> String {
    String::from_utf8(LastSeenRecord::from(facts).to_bytes().unwrap()).unwrap()
}

#[test]
fn every_key_stands_in_its_place() {
    let expected = concat!(
        r#"{"schema":"nhi.last-seen/1","identity_id":"arn:aws:iam::111122223333:user/backup","#,
        r#""unique_id":"AIDAEXAMPLE","kind":"api_key","class":"non_human","provider":"aws","#,
        r#""account":"111122223333","first_seen":"2025-04-06T12:00:00.000Z","#,
        r#""last_seen":"2025-10-03T12:00:00.000Z","last_success":"2025-10-02T12:00:00.000Z","#,
        r#""last_denied":"2025-10-03T12:00:00.000Z","last_human_use":null,"last_via_service":null,"#,
        r#""last_auth_only":"2025-04-07T12:00:00.000Z","#,
        r#""last_activity":"s3:PutObject","credentials":[{"kind":"long_term","id":"AKIAEXAMPLE","#,
        r#""created_at":"2025-04-05T12:00:00.000Z","#,
        r#""first_seen":"2025-04-06T12:00:00.000Z","last_seen":"2025-10-03T12:00:00.000Z","#,
        r#""last_success":"2025-10-02T12:00:00.000Z","last_denied":"2025-10-03T12:00:00.000Z","#,
        r#""state":"unused"}],"active_keys":1,"services":[{"service":"s3","last_seen":"2025-10-03T12:00:00.000Z","#,
        r#""last_success":"2025-10-03T12:00:00.000Z","last_denied":null}],"never_used_services":["sqs"],"#,
        r#""sensitive_actions":[{"action":"iam:CreateUser","last_seen":"2025-10-02T12:00:00.000Z"}],"#,
        r#""dependants":{"callers":[{"id":"aws-service:ec2.amazonaws.com","#,
        r#""last_seen":"2025-10-03T12:00:00.000Z"}],"assumes":[]},"status":"unused","unused_days":120,"#,
        r#""decommission":{"grade":"caution","reasons":["its class is mixed"]},"coverage":{"since":"2025-04-06T12:00:00.000Z","#,
        r#""until":"2026-01-31T12:00:00.000Z","gaps":[],"ratio":1.0},"#,
        r#""declared":{"owner":"ops","cost_center":4711},"updated_at":"2026-01-31T12:00:00.000Z"}"#,
    );
    assert_eq!(json(&facts()), expected);
    assert_eq!(LastSeenRecord::from(&facts()).key(), "last-seen:arn:aws:iam::111122223333:user/backup");
}

#[test]
fn an_identity_that_was_never_seen_keeps_all_keys() {
    let never = LastSeen {
        first_seen: None,
        last_seen: None,
        last_success: None,
        last_denied: None,
        last_activity: None,
        credentials: vec![],
        active_keys: 0,
        services: vec![],
        status: UseStatus::NeverSeen,
        declared: None,
        ..facts()
    };
    let text = json(&never);
    for key in ["first_seen", "last_seen", "last_success", "last_denied", "last_activity", "declared"] {
        assert!(text.contains(&format!("\"{key}\":null")), "{key} in {text}");
    }
    assert!(
        text.contains(r#""credentials":[],"active_keys":0,"services":[],"never_used_services":["sqs"],"#)
    );
}

#[test]
fn gaps_are_named() {
    let mut gappy = facts();
    gappy.coverage.gaps = vec![Gap { since: day(3), until: day(2), cause: GapCause::Lost }];
    gappy.coverage.ratio = f64::NAN;
    assert!(json(&gappy).contains(
        r#""gaps":[{"since":"2026-01-28T12:00:00.000Z","until":"2026-01-29T12:00:00.000Z","cause":"lost"}],"ratio":0.0}"#
    ));
}

#[test]
fn a_ratio_is_rounded_down_so_that_one_means_all() {
    let written = [0.999_999, 1.0, 1.5, 0.000_925_925_925, -1.0].map(rounded_down);
    assert_eq!(written, [0.9999, 1.0, 1.0, 0.0009, 0.0]);
}

#[test]
fn it_reads_back_what_it_wrote_and_ignores_what_is_newer() {
    let record = LastSeenRecord::from(&facts());
    assert_eq!(LastSeenRecord::parse(&record.to_bytes().unwrap()), Ok(record.clone()));
    let newer = json(&facts()).replacen('{', r#"{"risk":{"score":7},"#, 1);
    assert_eq!(LastSeenRecord::parse(newer.as_bytes()), Ok(record));
}

#[test]
fn other_records_are_refused_with_a_reason() {
    let other = json(&facts()).replace("nhi.last-seen/1", "nhi.last-seen/2");
    let error = LastSeenRecord::parse(other.as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "last-seen record of form `nhi.last-seen/2`; this program reads `nhi.last-seen/1`"
    );
    assert_eq!(LastSeenRecord::parse(b"{}").unwrap_err().kind(), "bad_json");
}

#[test]
fn a_declaration_that_is_no_json_is_left_out() {
    let mut broken = facts();
    broken.declared = Some(Declared { original: "{".into(), ..Declared::default() });
    assert!(json(&broken).contains(r#""declared":null"#));
}
