use proptest::prelude::*;
use serde_json::{Value, json};

use super::testing::{context, describe, describe_all, golden_records, record};
use super::{Normalized, normalize};
use crate::decode::Format;
use crate::identity::resolve;

const CLOUDTRAIL: &str = include_str!("golden/cloudtrail.txt");
const OCSF: &str = include_str!("golden/ocsf.txt");

#[test]
fn cloudtrail_records_become_what_they_say() {
    insta::assert_snapshot!(describe_all(Format::CloudTrail, CLOUDTRAIL));
}

#[test]
fn ocsf_events_become_what_they_say() {
    insta::assert_snapshot!(describe_all(Format::OcsfApiActivity, OCSF));
}

/// Country, system and its name of the first OCSF record, whose endpoint says this too.
fn whereabouts(said: &[(&str, Value)]) -> [Option<String>; 3] {
    let (_, text) = golden_records(OCSF).next().unwrap();
    let mut value: Value = serde_json::from_str(text).unwrap();
    for (key, part) in said {
        value["src_endpoint"][key] = part.clone();
    }
    let text = value.to_string();
    let Ok(Normalized::Activity(_, event)) = normalize(&record(Format::OcsfApiActivity, &text), &context())
    else {
        panic!("not understood: {text}")
    };
    [event.origin.country, event.origin.asn, event.origin.as_name]
        .map(|part| part.map(|part| part.to_string()))
}

#[test]
fn what_a_log_knows_of_an_address_is_taken() {
    let told = |country: &str, number: Value| {
        whereabouts(&[
            ("location", json!({ "country": country, "city": "x" })),
            ("autonomous_system", json!({ "number": number, "name": "Example" })),
        ])
    };
    let all = ["NL", "AS64500", "Example"].map(|part| Some(part.to_owned()));
    assert_eq!(told("NL", json!(64_500)), all);
    assert_eq!(whereabouts(&[]), [None, None, None]);
    assert_eq!(told("Netherlands", json!(-1)), [None, None, None]);
    assert_eq!(
        whereabouts(&[("location", json!("NL")), ("autonomous_system", json!([]))]),
        [None, None, None]
    );
    let service = [
        ("ip", json!(null)),
        ("domain", json!("logs.amazonaws.com")),
        ("location", json!({ "country": "NL" })),
    ];
    assert_eq!(whereabouts(&service), [None, None, None]);
}

/// A golden record that is well-formed.
fn any_golden() -> impl Strategy<Value = (Format, Value)> {
    let of = |format, golden: &'static str| {
        golden_records(golden).filter_map(move |(_, text)| Some((format, serde_json::from_str(text).ok()?)))
    };
    let all: Vec<(Format, Value)> =
        of(Format::CloudTrail, CLOUDTRAIL).chain(of(Format::OcsfApiActivity, OCSF)).collect();
    prop::sample::select(all)
}

fn any_odd_value() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1e300),
        json!(""),
        json!("é\u{0}\u{202e}:/[]"),
        json!("x".repeat(5_000)),
        json!([]),
        json!([[{}], 1, "x"]),
        json!({}),
        json!({ "type": [], "ARN": {}, "items": [{ "items": [1] }] }),
    ])
}

/// JSON pointers to every value within `value`.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut add = |key: &str, value: &Value| {
        let pointer = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        pointers(value, &pointer, found);
        found.push(pointer);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| add(key, value)),
        Value::Array(elements) => {
            elements.iter().enumerate().for_each(|(index, value)| add(&index.to_string(), value));
        }
        _ => {}
    }
}

/// Fields that tell who did what and when, or whether the record is of interest.
fn is_essential(pointer: &str) -> bool {
    let essential = [
        "eventTime",
        "eventName",
        "eventSource",
        "eventType",
        "eventCategory",
        "userIdentity",
        "time",
        "time_dt",
        "api",
        "actor",
        "identity",
        "metadata",
        "src_endpoint",
        "sourceIPAddress",
    ];
    pointer.split('/').nth(1).is_some_and(|field| essential.contains(&field))
}

fn is_activity(format: Format, text: &str) -> bool {
    match normalize(&record(format, text), &context()) {
        Ok(Normalized::Activity(principal, event)) => resolve(principal, &event).is_ok(),
        _ => false,
    }
}

proptest! {
    /// A field of any type at any place never panics, and an optional field never costs the record.
    #[test]
    fn an_odd_field_does_not_cost_the_record(
        (format, golden) in any_golden(),
        place in any::<prop::sample::Index>(),
        odd in any_odd_value(),
    ) {
        let mut places = Vec::new();
        pointers(&golden, "", &mut places);
        prop_assume!(!places.is_empty());
        let place = &places[place.index(places.len())];
        let mut mutated = golden.clone();
        *mutated.pointer_mut(place).unwrap() = odd;
        let is_activity_still = is_activity(format, &mutated.to_string());
        if is_activity(format, &golden.to_string()) && !is_essential(place) {
            prop_assert!(is_activity_still, "{place}");
        }
    }

    /// Damaged bytes never panic.
    #[test]
    fn a_damaged_record_is_answered(
        (format, golden) in any_golden(),
        at in any::<prop::sample::Index>(),
        with in "[\\\\\"{}\\[\\]:,udD8é]{0,6}",
    ) {
        let text = golden.to_string();
        let at = at.index(text.len());
        prop_assume!(text.is_char_boundary(at));
        let damaged = format!("{}{with}{}", &text[..at], &text[at..]);
        prop_assert!(!describe(format, &damaged).is_empty());
        prop_assert!(!describe(format, &text[..at]).is_empty());
    }
}

/// Nothing that a record holds makes an event large: an attacker chooses the user agent and the names.
#[test]
fn every_text_kept_is_bounded() {
    const MAX_EVENT_BYTES: usize = 32 * super::MAX_TEXT_BYTES;
    for (_, golden) in golden_records(CLOUDTRAIL) {
        let Ok(mut value) = serde_json::from_str::<Value>(golden) else { continue };
        lengthen(&mut value);
        value["eventTime"] = json!("2026-01-31T09:30:00Z");
        let text = value.to_string();
        if let Ok(Normalized::Activity(_, event)) = normalize(&record(Format::CloudTrail, &text), &context())
        {
            let bytes = serde_json::to_string(&event).unwrap().len();
            assert!(bytes < MAX_EVENT_BYTES, "{bytes}");
        }
    }
}

fn lengthen(value: &mut Value) {
    match value {
        Value::String(text) => text.push_str(&"x".repeat(10_000)),
        Value::Object(fields) => fields.values_mut().for_each(lengthen),
        Value::Array(elements) => elements.iter_mut().for_each(lengthen),
        _ => {}
    }
}
