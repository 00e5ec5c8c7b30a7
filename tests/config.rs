//! Settings: every mistake is found at once, named by key, line and what is allowed.

#![allow(clippy::unwrap_used, reason = "a test may fail, and says where")]

use std::time::Duration;

use nhi_monitor::config::{
    Config, ConfigFormat, Error, Fault, FormatHint, Origin, Problem, default_toml, json_schema,
};

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, Error> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(text, ConfigFormat::Toml, variables)
}

fn problems(result: Result<Config, Error>) -> Vec<Problem> {
    match result {
        Err(Error::Invalid(problems)) => problems,
        other => panic!("expected problems, got {other:?}"),
    }
}

/// The words of the problems of a TOML text.
fn words(text: &str) -> Vec<String> {
    problems(load(text, &[])).iter().map(ToString::to_string).collect()
}

#[test]
fn the_rendered_default_reads_back_as_the_default() {
    let text = default_toml();
    assert_eq!(Config::from_str(&text, ConfigFormat::Toml), Ok(Config::default()), "{text}");
    let defaults = serde_json::to_value(Config::default()).unwrap();
    for (section, keys) in defaults.as_object().unwrap() {
        assert!(text.contains(&format!("[{section}]")), "{section} is absent");
        for key in keys.as_object().unwrap().keys() {
            assert!(text.contains(key), "{section}.{key} is absent");
        }
    }
}

#[test]
fn every_setting_has_a_comment() {
    let text = default_toml();
    let mut before = "";
    for line in text.lines() {
        let is_setting = line.contains(" = ") && !line.starts_with([' ', '#']);
        assert!(!is_setting || before.starts_with("# "), "no comment above: {line}");
        before = line;
    }
}

#[test]
fn an_empty_file_gives_the_default_in_both_formats() {
    for format in [ConfigFormat::Toml, ConfigFormat::Yaml] {
        assert_eq!(Config::from_str("", format), Ok(Config::default()));
        assert_eq!(Config::from_str("# nothing\n", format), Ok(Config::default()));
    }
}

#[test]
fn the_default_is_valid() {
    assert_eq!(Config::default().validate(), Ok(()));
}

#[test]
fn toml_and_yaml_say_the_same() {
    let toml = "[kafka]\nbrokers = \"k1:9092\"\nproperties = {\"batch.size\" = 5}\n\
                [stage]\ncommit_interval = \"2s\"\n[[topics.inputs]]\ntopic = \"a\"\nformat = \"linux_auth\"\n";
    let yaml = "kafka:\n  brokers: k1:9092\n  properties: {batch.size: 5}\n\
                stage:\n  commit_interval: 2s\ntopics:\n  inputs:\n    - topic: a\n      format: linux_auth\n";
    let config = Config::from_str(toml, ConfigFormat::Toml).unwrap();
    assert_eq!(Config::from_str(yaml, ConfigFormat::Yaml).as_ref(), Ok(&config));
    assert_eq!(config.stage.commit_interval, Duration::from_secs(2));
    assert_eq!(config.topics.inputs[0].format, FormatHint::LinuxAuth);
    assert_eq!(config.kafka.properties["batch.size"], "5");
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
    assert_eq!(
        words("[stage]\ncomit_intervall = \"1s\"\n"),
        ["line 2: `stage.comit_intervall` is not a setting; did you mean `stage.commit_interval`?"]
    );
    assert_eq!(
        words("[kafka]\ncommit_interval = \"1s\"\n"),
        ["line 2: `kafka.commit_interval` is not a setting; did you mean `stage.commit_interval`?"]
    );
    assert_eq!(
        words("[[topics.inputs]]\ntopic = \"a\"\n\n[[topics.inputs]]\ntopic = \"b\"\nfromat = \"auto\"\n"),
        ["line 6: `topics.inputs[1].fromat` is not a setting; did you mean `topics.inputs[1].format`?"]
    );
    assert_eq!(
        words("[unused]\nzzz = 1\n"),
        [
            "line 2: `unused.zzz` is not a setting; known here: after_days, max_silence, max_weekly_silence, tolerated_unreadable, accept_losses_before"
        ]
    );
}

#[test]
fn yaml_problems_carry_their_line() {
    let text = "kafka:\n  brokers: k1:9092\n  aplication_id: x\nunused:\n  after_days: many\n";
    let found = problems(Config::from_str(text, ConfigFormat::Yaml));
    let lines: Vec<_> = found.iter().map(|problem| (problem.key.as_str(), problem.origin.clone())).collect();
    assert_eq!(
        lines,
        [("kafka.aplication_id", Origin::File(Some(3))), ("unused.after_days", Origin::File(Some(5)))]
    );
}

#[test]
fn an_alert_budget_is_a_number_of_alerts_whole_or_not() {
    let budget = |text: &str| {
        let text = format!("[detection]\nalerts_per_day = {text}\n");
        load(&text, &[]).map(|config| config.detection.alerts_per_day)
    };
    assert_eq!((budget("3"), budget("0.5"), budget("0")), (Ok(3.0), Ok(0.5), Ok(0.0)));
    for bad in ["-1", "nan", "1e9"] {
        let found = problems(budget(bad).map(|_| Config::default()));
        assert_eq!((found.len(), found[0].key.as_str()), (1, "detection.alerts_per_day"), "{found:?}");
    }
}

#[test]
fn all_problems_come_at_once() {
    let text = "[kafak]\n[kafka]\nbrokers = \"nowhere\"\n[stage]\ningest_workers = \"two\"\nmonitor_workers = 999\n\
                commit_interval = \"soon\"\n[limits]\nenvelope_depth = 99\n";
    assert_eq!(
        words(text),
        [
            "line 1: `kafak` is not a setting; did you mean `kafka`?",
            "line 3: `kafka.brokers` is `nowhere`; allowed is `host:port`, or several with commas between",
            "line 5: `stage.ingest_workers`: invalid type: string \"two\", expected usize",
            "line 6: `stage.monitor_workers` is 999; allowed is 0 to 256",
            "line 7: `stage.commit_interval`: invalid value: string \"soon\", expected a duration",
            "line 9: `limits.envelope_depth` is 99; allowed is 1 to 16",
        ]
    );
}

#[test]
fn a_document_that_is_none_says_where() {
    for (text, format) in [("[kafka\n", ConfigFormat::Toml), ("a: [1\nb: 2\n", ConfigFormat::Yaml)] {
        match Config::from_str(text, format) {
            Err(Error::Syntax { line: Some(_), message, .. }) => {
                assert!(!message.contains('\n'), "{message}")
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_environment_overrides_the_file() {
    let config = load(
        "[kafka]\nbrokers = \"file:1\"\n",
        &[
            ("NHI_MONITOR__KAFKA__BROKERS", "env:2"),
            ("NHI_MONITOR__KAFKA__APPLICATION_ID", "42"),
            ("NHI_MONITOR__UNUSED__AFTER_DAYS", "30"),
            ("NHI_MONITOR__TOPICS__CREATE", "false"),
            ("NHI_MONITOR__STAGE__COMMIT_INTERVAL", "1s"),
            ("NHI_MONITOR__LOG__FORMAT", "json"),
            ("NHI_MONITOR__TOPICS__INPUTS", r#"[{topic = "t", format = "cloudtrail"}]"#),
            ("NHI_MONITOR__KAFKA__PROPERTIES__SASL_PASSWORD", "12 34"),
            ("HOME", "/root"),
        ],
    )
    .unwrap();
    assert_eq!(config.kafka.brokers, "env:2");
    assert_eq!(config.kafka.application_id, "42");
    assert_eq!(config.kafka.properties["sasl.password"], "12 34");
    assert_eq!((config.unused.after_days, config.topics.create), (30, false));
    assert_eq!(config.topics.inputs[0].topic, "t");
    assert_eq!(config.stage.commit_interval, Duration::from_secs(1));
}

#[test]
fn problems_of_the_environment_name_the_variable() {
    let found = problems(load(
        "",
        &[
            ("NHI_MONITOR__UNUSED__AFTER_DAYS", "many days"),
            ("NHI_MONITOR__UNUSED__AFTERDAYS", "3"),
            ("NHI_MONITOR__STAGE__INGEST_WORKERS", "999"),
        ],
    ));
    let words: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "NHI_MONITOR__UNUSED__AFTER_DAYS: `unused.after_days`: write it as JSON or as a TOML value",
            "NHI_MONITOR__UNUSED__AFTERDAYS: `unused.afterdays` is not a setting; did you mean `unused.after_days`?",
            "NHI_MONITOR__STAGE__INGEST_WORKERS: `stage.ingest_workers` is 999; allowed is 0 to 256",
        ]
    );
}

#[test]
fn properties_that_would_break_exactly_once_are_refused() {
    let found = problems(load("[kafka.properties]\n\"enable.auto.commit\" = true\n\"linger.ms\" = 5\n", &[]));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].key, "kafka.properties.enable.auto.commit");
    assert!(matches!(&found[0].fault, Fault::Reserved { .. }));
    for (name, why) in nhi_monitor::config::RESERVED_PROPERTIES {
        let found = problems(load(&format!("[kafka.properties]\n\"{name}\" = \"x\"\n"), &[]));
        assert!(found[0].to_string().ends_with(&format!("cannot be set: {why}")), "{}", found[0]);
    }
}

#[test]
fn two_keys_may_not_name_one_topic() {
    assert_eq!(
        words("[topics]\nalerts = \"nhi.state\"\n"),
        ["`topics.state` is `nhi.state`; allowed is a topic that no other key names"]
    );
}

#[test]
fn hostile_documents_are_errors_and_no_panics() {
    let deep = format!("a: {}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let texts = [
        "kafka: 5",
        "- 1",
        "kafka:\n  properties: [1]",
        "\u{0}",
        "a: &a [*a]",
        deep.as_str(),
        "topics: {inputs: [7]}",
    ];
    for text in texts {
        assert!(Config::from_str(text, ConfigFormat::Yaml).is_err(), "{}", &text[..text.len().min(40)]);
        assert!(Config::from_str(text, ConfigFormat::Toml).is_err(), "{}", &text[..text.len().min(40)]);
    }
}

#[test]
fn the_schema_describes_every_key() {
    let schema = json_schema();
    let sections = schema["properties"].as_object().unwrap();
    assert_eq!(sections.len(), 10);
    for (name, section) in sections {
        assert!(section["description"].is_string() || section["$ref"].is_string(), "{name}");
    }
}
