//! Holds dashboards and rules to the code: every metric and label that a query names is declared, every runbook exists.

#![allow(clippy::unwrap_used, reason = "a test may fail, and says where")]
#![cfg(feature = "edges")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use nhi_monitor::telemetry::catalog::{self, Label};
use serde_json::Value;

#[path = "prometheus/promql.rs"]
mod promql;

use promql::Selector;

/// Labels that Prometheus adds to what it scrapes, and those of its own histogram buckets.
const SCRAPE_LABELS: [&str; 3] = ["job", "instance", "le"];

/// What Prometheus makes itself.
const SCRAPE_METRICS: [&str; 1] = ["up"];

fn dashboards() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards")
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|end| end == extension)).collect();
    found.sort();
    assert!(!found.is_empty(), "no {extension} files in {}", folder.display());
    found
}

fn boards() -> Vec<(String, Value)> {
    let read = |path: PathBuf| {
        (path.display().to_string(), serde_json::from_slice(&fs::read(&path).unwrap()).unwrap())
    };
    files(&dashboards(), "json").into_iter().map(read).collect()
}

fn rules() -> Vec<(String, Value)> {
    let parse = |path: &PathBuf| serde_saphyr::from_str::<Value>(&fs::read_to_string(path).unwrap()).unwrap();
    let mut rules = Vec::new();
    for path in files(&dashboards().join("rules"), "yml") {
        for group in parse(&path)["groups"].as_array().unwrap() {
            let of_group = group["rules"].as_array().unwrap().iter().cloned();
            rules.extend(of_group.map(|rule| (path.display().to_string(), rule)));
        }
    }
    rules
}

fn panels(board: &Value) -> Vec<&Value> {
    let all = board["panels"].as_array().unwrap();
    all.iter().filter(|panel| panel["type"] != "row").collect()
}

/// Where each query stands, and the query.
fn queries() -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for (file, board) in &boards() {
        for panel in panels(board) {
            for target in panel["targets"].as_array().unwrap() {
                let place = format!("{file}: {}", panel["title"]);
                queries.push((place, target["expr"].as_str().unwrap().to_owned()));
            }
        }
        for variable in board["templating"]["list"].as_array().unwrap() {
            if let Some(query) = variable["query"]["query"].as_str() {
                let inner = query.trim_start_matches("label_values(").trim_end_matches(')');
                let (expr, _) = inner.rsplit_once(", ").unwrap();
                queries.push((format!("{file}: variable {}", variable["name"]), expr.to_owned()));
            }
        }
    }
    for (file, rule) in rules() {
        let name = rule.get("alert").or(rule.get("record")).unwrap();
        queries.push((format!("{file}: {name}"), rule["expr"].as_str().unwrap().to_owned()));
    }
    queries
}

/// Names that a query may use, with the labels that each may be selected by; `None` where any known label may be.
fn known_names() -> BTreeMap<String, Option<BTreeSet<&'static str>>> {
    let mut known = BTreeMap::new();
    for family in catalog::ALL {
        for name in catalog::series_names(family) {
            let labels = family.labels.iter().map(|label| label.as_str()).chain(SCRAPE_LABELS);
            known.insert(name, Some(labels.collect()));
        }
    }
    known.extend(SCRAPE_METRICS.map(|name| (name.to_owned(), Some(BTreeSet::from(SCRAPE_LABELS)))));
    let recorded = rules().into_iter().filter_map(|(_, rule)| Some(rule.get("record")?.as_str()?.to_owned()));
    known.extend(recorded.map(|name| (name, None)));
    known
}

#[test]
fn every_query_names_metrics_and_labels_that_exist() {
    let known = known_names();
    let any_label: BTreeSet<_> = Label::ALL.iter().map(|label| label.as_str()).chain(SCRAPE_LABELS).collect();
    for (place, query) in queries() {
        let parsed = promql::parse(&query);
        assert!(!parsed.selectors.is_empty(), "{place}: no metric found in {query}");
        for Selector { metric, labels } in parsed.selectors {
            let allowed =
                known.get(&metric).unwrap_or_else(|| panic!("{place}: no metric `{metric}`: {query}"));
            let allowed = allowed.as_ref().unwrap_or(&any_label);
            for label in labels {
                assert!(allowed.contains(label.as_str()), "{place}: `{metric}` has no label `{label}`");
            }
        }
        for label in parsed.grouping {
            assert!(any_label.contains(label.as_str()), "{place}: no label `{label}`: {query}");
        }
    }
}

#[test]
fn every_metric_is_shown_or_watched() {
    let used: BTreeSet<_> = queries()
        .iter()
        .flat_map(|(_, query)| promql::parse(query).selectors)
        .map(|found| found.metric)
        .collect();
    // Shown by what is derived from them.
    let apart = BTreeSet::from([
        "nhi_messages_received_total",
        "nhi_declarations_total",
        "nhi_activities_learned_total",
    ]);
    for family in catalog::ALL.iter().filter(|family| !apart.contains(family.name)) {
        let is_used = catalog::series_names(family).iter().any(|name| used.contains(name));
        assert!(is_used, "{} is neither on a dashboard nor in a rule", family.name);
    }
}

#[test]
fn panels_are_placed_and_explained() {
    for (file, board) in boards() {
        assert!(board["uid"].as_str().unwrap().starts_with("nhi-"), "{file}");
        let mut ids = BTreeSet::new();
        for panel in panels(&board) {
            let title = panel["title"].as_str().unwrap();
            assert!(ids.insert(panel["id"].as_i64().unwrap()), "{file}: {title}: its id is taken");
            assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{file}: {title}");
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{file}: {title}: no unit");
            let place = &panel["gridPos"];
            assert!(
                place["x"].as_i64().unwrap() + place["w"].as_i64().unwrap() <= 24,
                "{file}: {title}: too wide"
            );
            for target in panel["targets"].as_array().unwrap() {
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{file}: {title}");
            }
        }
    }
}

#[test]
fn every_alert_names_a_runbook_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut runbooks: Vec<_> = rules()
        .into_iter()
        .filter_map(|(_, rule)| Some((rule.get("alert")?.clone(), rule["annotations"].clone())))
        .collect();
    assert!(!runbooks.is_empty());
    for (alert, annotations) in runbooks.drain(..) {
        let url = annotations["runbook_url"].as_str().unwrap_or_else(|| panic!("{alert} has no runbook_url"));
        let (page, anchor) = url.split_once('#').unwrap();
        let text = fs::read_to_string(root.join(page)).unwrap();
        let mut headings = text.lines().filter(|line| line.starts_with('#')).map(anchor_of);
        assert!(headings.any(|heading| heading == anchor), "{alert}: no heading for {url}");
    }
}

/// The anchor that GitHub and most renderers give a heading.
fn anchor_of(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}
