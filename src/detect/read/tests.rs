use super::*;
use crate::detect::builtin::FILES;
use crate::detect::{Detectors, Error};

const GOOD: &str = "\
id: example
title: Example
version: 1
description: What.
rationale: Why.
severity: low
rule: { family: novelty, dimensions: [service], min_bits: 3 }
blind_spots: []
false_positives: []
response: []
tests:
  - { name: fires, expect: fires }
  - { name: quiet, expect: quiet }
  - { name: boundary, expect: quiet }
";

/// What is wrong with the good file after `from` in it became `to`.
fn words(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    let problems = detector("a.yaml", &GOOD.replacen(from, to, 1)).unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

fn check(from: &str, to: &str, expected: &str) {
    assert_eq!(words(from, to), [expected], "{to}");
}

#[test]
fn the_good_file_is_good() {
    assert_eq!(detector("a.yaml", GOOD).unwrap().id, "example");
}

#[test]
fn unknown_fields_are_named_with_their_place_and_the_nearest_known() {
    check(
        "title: Example",
        "title: Example\nsevrity: low",
        "a.yaml:3:1: `sevrity` is not a field; did you mean `severity`?",
    );
    check(
        "min_bits: 3",
        "min_bit: 3, min_bits: 3",
        "a.yaml:7:49: `rule.min_bit` is not a field; did you mean `rule.min_bits`?",
    );
    check(
        "name: quiet",
        "nam: quiet, name: quiet",
        "a.yaml:13:7: `tests[1].nam` is not a field; did you mean `tests[1].name`?",
    );
    check(
        "blind_spots: []",
        "scope: { include: { kind: [workload] } }\nblind_spots: []",
        "a.yaml:8:21: `scope.include.kind` is not a field; did you mean `scope.include.kinds`?",
    );
}

#[test]
fn what_is_absent_is_named_where_it_belongs() {
    check("title: Example\n", "", "a.yaml: `title` is missing");
    check(", min_bits: 3", "", "a.yaml:7:1: `rule` `min_bits` is missing");
    check("family: novelty, ", "", "a.yaml:7:1: `rule` `family` is missing");
}

#[test]
fn wrong_types_and_values_say_what_is_right() {
    check("version: 1", "version: one", "a.yaml:3:1: `version` is text; expected is a whole number");
    check("version: 1", "version: 1.5", "a.yaml:3:1: `version` is a number; expected is a whole number");
    check("version: 1", "version: -1", "a.yaml:3:1: `version` is -1; allowed is 0 to 4294967295");
    check(
        "title: Example",
        "title: 12",
        "a.yaml:2:1: `title` is a number; expected is text (digits in quotes)",
    );
    check("min_bits: 3", "min_bits: -3", "a.yaml:7:49: `rule.min_bits` is -3; allowed is 0 or more");
    check(
        "[service]",
        "[]",
        "a.yaml:7:26: `rule.dimensions` is an empty list; allowed is at least one entry",
    );
    check(
        "id: example",
        "id: Example",
        "a.yaml:1:1: `id` is `Example`; allowed is lower-case letters, digits and dashes",
    );
    check(
        "blind_spots: []",
        "scope: { include: { accounts: [111122223333] } }\nblind_spots: []",
        "a.yaml:8:32: `scope.include.accounts[0]` is a number; expected is text (digits in quotes)",
    );
    let severity = "a.yaml:6:1: `severity` is `hihg`; allowed is informational, low, medium, high, critical; did you mean `high`?";
    check("severity: low", "severity: hihg", severity);
    let family = &words("family: novelty", "family: noveltie")[0];
    assert!(
        family.starts_with("a.yaml:7:9: `rule.family` is `noveltie`; allowed is new_origin, new_action"),
        "{family}"
    );
    assert!(family.ends_with("did you mean `novelty`?"), "{family}");
}

#[test]
fn ids_of_others_are_checked_for_their_form() {
    check(
        "blind_spots: []",
        "owasp_nhi: [\"NHI7:2025\", \"NHI11:2025\"]\nblind_spots: []",
        "a.yaml:8:26: `owasp_nhi[1]` is `NHI11:2025`; allowed is NHI1:2025 to NHI10:2025",
    );
    let attack =
        "attack: [{ tactic: TA3, tactic_name: a, technique: T1098.1, technique_name: b }]\nblind_spots: []";
    let expected = [
        "a.yaml:8:12: `attack[0].tactic` is `TA3`; allowed is an ATT&CK tactic such as TA0003",
        "a.yaml:8:41: `attack[0].technique` is `T1098.1`; allowed is an ATT&CK technique such as T1098 or T1098.001",
    ];
    assert_eq!(words("blind_spots: []", attack), expected);
}

#[test]
fn exceptions_say_whom_they_mean_why_and_who_answers() {
    let exception =
        |fields: &str| words("blind_spots: []", &format!("exceptions: [{{ {fields} }}]\nblind_spots: []"));
    let why = "reason: r, owner: o";
    assert_eq!(
        exception(why),
        ["a.yaml:8:14: `exceptions[0]` `identity` or `action` or `network` or `client` is missing"]
    );
    assert_eq!(exception("identity: a, reason: r"), ["a.yaml:8:14: `exceptions[0]` `owner` is missing"]);
    assert_eq!(
        exception(&format!("network: 2001:db8::/129, {why}")),
        [
            "a.yaml:8:16: `exceptions[0].network` is `2001:db8::/129`; allowed is a network such as 192.0.2.0/24 or 2001:db8::/32"
        ]
    );
    assert_eq!(
        exception(&format!("identity: a, expires: 2026-02-30, {why}")),
        ["a.yaml:8:29: `exceptions[0].expires` is `2026-02-30`; allowed is a day such as 2026-12-31"]
    );
    let blank = exception("identity: a, reason: ' ', owner: o");
    assert_eq!(blank, ["a.yaml:8:29: `exceptions[0].reason` is ` `; allowed is some text"]);
}

#[test]
fn more_exceptions_than_anybody_reviews_are_refused() {
    let list = |count: usize| "  - { identity: a, reason: r, owner: o }\n".repeat(count);
    let with =
        |count: usize| GOOD.replace("blind_spots", &format!("exceptions:\n{}blind_spots", list(count)));
    assert!(detector("a.yaml", &with(MAX_EXCEPTIONS)).is_ok());
    let problems = detector("a.yaml", &with(MAX_EXCEPTIONS + 1)).unwrap_err();
    assert_eq!(problems[0].to_string(), "a.yaml:8:1: `exceptions` has more than 1000 exceptions");
}

#[test]
fn a_file_without_enough_tests_is_refused() {
    check(
        "expect: fires",
        "expect: quiet",
        "a.yaml:11:1: `tests` is 0 that fire and 3 that stay quiet; allowed is at least 1 that fires and 2 that stay quiet, one of them at the boundary",
    );
    let text = GOOD.split("tests:").next().unwrap();
    assert_eq!(detector("a.yaml", text).unwrap_err().len(), 1);
}

#[test]
fn every_mistake_is_told_in_the_order_of_the_file() {
    let text = "id: Bad Id\nversion: x\nrule: { family: burst, events: al }\ntests: [{ expect: never, then: [{ for: soon }] }]\n";
    let problems = detector("a.yaml", text).unwrap_err();
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    let expected = ["id", "version", "rule.events", "tests[0].expect", "tests[0].then[0].for"];
    assert!(expected.iter().all(|key| keys.contains(key)), "{problems:#?}");
    assert!(problems.is_sorted_by_key(|problem| (problem.line, problem.column)));
    let missing = problems.iter().filter(|problem| problem.fault.kind() == "missing").count();
    // Seven of the file, three of the rule, one of the test.
    assert_eq!(missing, 7 + 3 + 1, "{problems:#?}");
}

#[test]
fn what_is_no_yaml_has_a_place_too() {
    let problem = &detector("a.yaml", "id: [unclosed").unwrap_err()[0];
    assert_eq!(problem.fault.kind(), "syntax");
    assert!(problem.line.is_some(), "{problem}");
    let not_finite = GOOD.replace("min_bits: 3", "min_bits: .nan");
    assert_eq!(detector("a.yaml", &not_finite).unwrap_err()[0].fault.kind(), "syntax");
    for text in ["", "# nothing\n", "- a\n- b\n", "just text", "7"] {
        assert_eq!(detector("a.yaml", text).unwrap_err()[0].fault.kind(), "wrong_type", "{text}");
    }
    let twice = GOOD.replace("title: Example", "title: Example\ntitle: Again");
    assert_eq!(detector("a.yaml", &twice).unwrap_err()[0].fault.kind(), "syntax");
}

#[test]
fn all_files_are_told_of_at_once() {
    let bad = GOOD.replace("severity: low", "severity: 1");
    let Error(problems) = Detectors::parse([("a", GOOD), ("b", GOOD), ("c", &bad)]).unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(told[0], "b: a has a detector with the id `example` already");
    assert!(told[1].starts_with("c:6:1: `severity` is a number; expected is one of "), "{told:?}");
    assert!(Error(problems).to_string().starts_with("2 problems with detectors:\n  b: "));
}

#[test]
fn every_shipped_detector_names_the_schema_for_editors() {
    for (name, text) in FILES {
        let first = text.lines().next().unwrap();
        assert_eq!(first, "# yaml-language-server: $schema=../schemas/detector.schema.json", "{name}");
    }
}

/// Whatever the schema lets pass is a detector: no mistake is left to a deserializer that knows no places.
#[test]
fn the_schema_says_all_that_the_types_say() {
    for (name, text) in FILES {
        let tree: Value = serde_saphyr::from_str(text).unwrap();
        for pointer in leaves(&tree, "") {
            for wrong in [
                Value::Null,
                true.into(),
                (-1).into(),
                "x".into(),
                Value::Array(vec![]),
                serde_json::json!({}),
            ] {
                let mut tree = tree.clone();
                *tree.pointer_mut(&pointer).unwrap() = wrong.clone();
                let is_shaped = shape::mistakes(&tree, &SCHEMA).is_empty();
                let read = serde_json::from_value::<Detector>(tree);
                assert!(!is_shaped || read.is_ok(), "{name}{pointer} = {wrong}: {read:?}");
            }
        }
    }
}

/// JSON pointers to all values of a tree but the root.
fn leaves(tree: &Value, prefix: &str) -> Vec<String> {
    let children: Vec<(String, &Value)> = match tree {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(n, value)| (n.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    let below = |(key, value): (String, &Value)| {
        let path = format!("{prefix}/{key}");
        let mut found = leaves(value, &path);
        found.push(path);
        found
    };
    children.into_iter().flat_map(below).collect()
}
