use super::*;

const ID: &str = "arn:aws:iam::111122223333:role/app";

fn declared(value: &str) -> Result<Declared, Error> {
    match parse(key(ID).as_bytes(), Some(value.as_bytes()))? {
        InventoryRecord::Declared(change) => {
            assert_eq!(change.identity_id, ID);
            Ok(change.declared.unwrap())
        }
        InventoryRecord::Skipped(reason) => panic!("skipped: {reason}"),
    }
}

fn kind_of(value: &str) -> &'static str {
    declared(value).unwrap_err().kind()
}

#[test]
fn every_key_is_read() {
    let value = r#"{"identity_id":"arn:aws:iam::111122223333:role/app","kind":"automation","class":"non_human",
        "owner":"team-pay","business_owner":"finance","purpose":"nightly settlement","environment":"prod",
        "criticality":"high","status":"retired","created_at":"2025-03-01","expires_at":"2027-03-01T12:00:00+02:00",
        "retired_at":"2026-01-31T09:30:00.250Z","unused_after_days":45,
        "credentials":[{"id":"AKIAEXAMPLE","created_at":"2025-03-02","rotated_by":"ops"},{"id":"AKIAOTHER"}],
        "allowed":{"services":["S3"," kms.amazonaws.com "],"networks":["203.0.113.0/24"],"schedule":"02:00-04:00"}}"#;
    let found = declared(value).unwrap();
    assert_eq!((found.kind, found.class), (Some(Kind::Automation), Some(Class::NonHuman)));
    assert_eq!(
        (found.owner.as_deref(), found.business_owner.as_deref()),
        (Some("team-pay"), Some("finance"))
    );
    assert_eq!(found.purpose.as_deref(), Some("nightly settlement"));
    assert_eq!(found.environment.as_deref(), Some("prod"));
    assert_eq!((found.criticality, found.status), (Criticality::High, DeclaredStatus::Retired));
    assert_eq!(found.created_at, EventTime::parse_rfc3339("2025-03-01T00:00:00Z"));
    assert_eq!(found.expires_at, EventTime::parse_rfc3339("2027-03-01T10:00:00Z"));
    assert_eq!(found.retired_at, EventTime::parse_rfc3339("2026-01-31T09:30:00.250Z"));
    assert_eq!(found.unused_after_days, Some(45));
    assert_eq!(found.key_made_at("AKIAEXAMPLE"), EventTime::parse_rfc3339("2025-03-02T00:00:00Z"));
    assert_eq!(found.key_made_at("AKIAOTHER"), None);
    assert_eq!(found.allowed_services, ["s3", "kms"]);
    assert_eq!(found.allowed_networks.len(), 1);
    assert_eq!(found.allowed_networks[0].to_string(), "203.0.113.0/24");
    assert_eq!(found.allowed_schedule.unwrap().to_string(), "02:00-04:00 UTC");
}

#[test]
fn an_empty_declaration_still_declares() {
    let found = declared("{}").unwrap();
    assert_eq!(found, Declared { original: "{}".into(), ..Declared::default() });
    let nulls = declared(r#"{"owner":null,"allowed":null,"kind":null,"purpose":"  "}"#).unwrap();
    assert_eq!((nulls.owner, nulls.kind, nulls.purpose), (None, None, None));
}

#[test]
fn the_original_is_kept_with_unknown_keys_on_one_line() {
    let value =
        "{ \"cost_center\" : 12345678901234567890123,\n  \"note\":\"a \\\" b  c\\\\\",\t\"owner\":\"x\" }\n";
    let original = declared(value).unwrap().original;
    assert_eq!(original, r#"{"cost_center":12345678901234567890123,"note":"a \" b  c\\","owner":"x"}"#);
}

#[test]
fn words_are_read_whatever_their_case() {
    let found =
        declared(r#"{"kind":"AI-Agent","criticality":" CRITICAL","status":"Active","class":"Non Human"}"#);
    let found = found.unwrap();
    assert_eq!((found.kind, found.criticality), (Some(Kind::AiAgent), Criticality::Critical));
    assert_eq!((found.status, found.class), (DeclaredStatus::Active, Some(Class::NonHuman)));
}

#[test]
fn an_unknown_word_is_named_with_the_known_ones() {
    let error = declared(r#"{"criticality":"urgent"}"#).unwrap_err();
    assert_eq!(error.to_string(), "`criticality` is `urgent`; known are low, medium, high, critical");
    assert_eq!(error.kind(), "unknown_word");
    assert_eq!(kind_of(r#"{"kind":"robot"}"#), "unknown_word");
    assert_eq!(kind_of(r#"{"status":"gone"}"#), "unknown_word");
}

#[test]
fn a_bad_time_is_named_with_the_forms_that_are_read() {
    let error = declared(r#"{"expires_at":"31.01.2026"}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`expires_at` is `31.01.2026`; write RFC 3339 (`2026-01-31T09:30:00Z`) or a date (`2026-01-31`)"
    );
    assert_eq!(kind_of(r#"{"created_at":"2026-02-30"}"#), "bad_time");
}

#[test]
fn a_bad_network_is_named_with_the_forms_that_are_read() {
    let error = declared(r#"{"allowed":{"networks":["AS64500","DE","192.0.2.7","office"]}}"#).unwrap_err();
    assert_eq!(error.kind(), "bad_network");
    assert!(
        error.to_string().starts_with("`allowed.networks` has `office`: not a network; write"),
        "{error}"
    );
}

#[test]
fn a_bad_schedule_is_named_with_how_to_write_one_and_an_empty_one_says_nothing() {
    let error = declared(r#"{"allowed":{"schedule":"0 2 * * *"}}"#).unwrap_err();
    assert_eq!(error.kind(), "bad_schedule");
    assert!(
        error.to_string().starts_with("`allowed.schedule` is `0 2 * * *`: not a schedule; write days"),
        "{error}"
    );
    assert_eq!(declared(r#"{"allowed":{"schedule":" "}}"#).unwrap().allowed_schedule, None);
    assert_eq!(kind_of(r#"{"allowed":{"schedule":["Mon"]}}"#), "bad_json");
    assert_eq!(kind_of(&format!(r#"{{"allowed":{{"schedule":"{}"}}}}"#, "Mon;".repeat(200))), "too_large");
}

#[test]
fn what_is_no_declaration_is_refused() {
    assert_eq!(kind_of("[]"), "bad_json");
    assert_eq!(kind_of("null"), "bad_json");
    assert_eq!(kind_of("{"), "bad_json");
    assert_eq!(kind_of("{} {}"), "bad_json");
    assert_eq!(kind_of(r#"{"owner":"a","owner":"b"}"#), "bad_json");
    assert_eq!(kind_of(r#"{"unused_after_days":-1}"#), "bad_json");
    assert_eq!(kind_of(r#"{"unused_after_days":0}"#), "bad_number");
    assert_eq!(kind_of(r#"{"credentials":[{"created_at":"2025-03-02"}]}"#), "bad_json");
    assert_eq!(kind_of(r#"{"credentials":[{"id":"a","created_at":"yesterday"}]}"#), "bad_time");
    assert_eq!(
        kind_of(&format!(r#"{{"credentials":[{}]}}"#, vec![r#"{"id":"a"}"#; 65].join(","))),
        "too_large"
    );
    assert_eq!(kind_of(&format!("{}{}", "{\"x\":".repeat(5_000), "}".repeat(5_000))), "too_large");
    assert_eq!(parse(b"identity:a", Some(b"{\"owner\":\"\xff\"}")).unwrap_err().kind(), "bad_json");
    assert_eq!(parse(b"identity:\xff", None).unwrap_err().kind(), "bad_key");
}

#[test]
fn errors_name_the_place_and_not_what_stood_there() {
    let error = declared(r#"{"allowed":{"services":["s3",{"password":"hunter2"}]}}"#).unwrap_err();
    assert!(error.to_string().contains("allowed.services[1]"), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn key_and_value_must_name_the_same_identity() {
    let error = declared(r#"{"identity_id":"arn:aws:iam::111122223333:role/other"}"#).unwrap_err();
    assert_eq!(error.kind(), "identity_id_mismatch");
    assert_eq!(kind_of(r#"{"identity_id":""}"#), "identity_id_mismatch");
    assert_eq!(parse(b"identity:", Some(b"{}")).unwrap_err().kind(), "bad_identity_id");
    assert_eq!(parse(b"identity:a\nb", Some(b"{}")).unwrap_err().kind(), "bad_identity_id");
}

#[test]
fn caps_hold() {
    let at_cap = format!("{{\"owner\":\"{}\"}}", "x".repeat(MAX_TEXT_CHARS));
    assert!(declared(&at_cap).is_ok());
    let above = format!("{{\"owner\":\"{}\"}}", "x".repeat(MAX_TEXT_CHARS + 1));
    assert_eq!(declared(&above).unwrap_err().to_string(), "owner is 513, the most is 512");
    let services = vec!["\"s3\""; MAX_ALLOWED + 1].join(",");
    assert_eq!(kind_of(&format!("{{\"allowed\":{{\"services\":[{services}]}}}}")), "too_large");
    assert_eq!(kind_of(&format!("{{\"x\":\"{}\"}}", "x".repeat(MAX_BYTES))), "too_large");
    let long_id = key(&"x".repeat(MAX_ID_BYTES + 1));
    assert_eq!(parse(long_id.as_bytes(), None).unwrap_err().kind(), "too_large");
}

#[test]
fn nesting_is_counted_outside_of_strings_only() {
    let nested = |levels: usize| format!("{{\"x\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert!(declared(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(kind_of(&nested(MAX_DEPTH + 1)), "too_large");
    assert!(declared(&format!("{{\"x\":\"\\\"{}\"}}", "[".repeat(100))).is_ok());
}

#[test]
fn a_tombstone_withdraws() {
    let withdrawn = DeclaredChange { identity_id: ID.into(), declared: None };
    for value in [None, Some(&b""[..])] {
        let found = parse(key(ID).as_bytes(), value);
        assert_eq!(found, Ok(InventoryRecord::Declared(Box::new(withdrawn.clone()))));
    }
}

#[test]
fn other_records_of_the_topic_are_skipped() {
    let ours = super::super::last_seen::key(ID);
    assert_eq!(parse(ours.as_bytes(), Some(b"{}")), Ok(InventoryRecord::Skipped("last_seen_record")));
    assert_eq!(parse(b"note", Some(b"{}")), Ok(InventoryRecord::Skipped("other_inventory_record")));
}

#[test]
fn a_line_names_its_identity() {
    let change = parse_line(br#"{"identity_id":"linux:web:deploy","owner":"web"}"#).unwrap();
    assert_eq!(change.identity_id, "linux:web:deploy");
    assert_eq!(change.declared.unwrap().owner.as_deref(), Some("web"));
    assert_eq!(parse_line(br#"{"owner":"web"}"#), Err(Error::MissingId));
}
