//! What an incident is, what found it, and how it differs from the usual.

use std::sync::Arc;

use crate::detect::Detector;
use crate::detect::detector::{Rule, Technique};
use crate::detect::finding::{IncidentReport, Severity, Signal, Stage};

use super::super::ocsf::{
    AnalysisTarget, Analytic, AnomalyAnalysis, Attack, AttackEntry, FindingInfo, Observation, Observed,
    Remediation, Tag,
};
use super::{clip, evidence, links, severity, short_name};

/// Techniques in one alert, at most. A detector names one to three; more than 16 in all help nobody.
const MAX_ATTACKS: usize = 16;

/// Where MITRE describes ATT&CK.
const ATTACK_SITE: &str = "https://attack.mitre.org";

pub(super) fn info(report: &IncidentReport) -> FindingInfo {
    let detectors = detectors(report);
    let lead = detectors.first();
    let found = report.found_at.millis();
    let is_first = report.stage == Stage::Create;
    FindingInfo {
        uid: report.uid.clone(),
        title: title(report),
        desc: lead.map(|detector| description(detector)),
        analytic: lead.map(|detector| analytic(detector)),
        related_analytics: detectors.iter().skip(1).map(|detector| analytic(detector)).collect(),
        attacks: attacks(report.signals.iter().flat_map(Signal::attack)),
        tags: owasp_tags(&detectors),
        first_seen_time: report.first_seen.millis(),
        first_seen_time_dt: report.first_seen.to_rfc3339(),
        last_seen_time: report.last_seen.millis(),
        last_seen_time_dt: report.last_seen.to_rfc3339(),
        created_time: is_first.then_some(found),
        modified_time: (!is_first).then_some(found),
        data_sources: evidence::sources(report),
        related_events: links::related_events(report),
    }
}

/// The detectors behind the report's signals, each once, the weightiest first.
fn detectors(report: &IncidentReport) -> Vec<&Arc<Detector>> {
    distinct(report.signals.iter().map(|signal| &signal.detector), |known, new| known.id == new.id)
}

/// The items without those that equal an earlier one.
pub(super) fn distinct<T>(items: impl Iterator<Item = T>, same: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    for item in items {
        if !kept.iter().any(|known| same(known, &item)) {
            kept.push(item);
        }
    }
    kept
}

fn title(report: &IncidentReport) -> String {
    let title = report.detector().map_or("Unusual behaviour", |detector| &detector.title);
    format!("{title}: {}", clip(short_name(&report.subject.identity_id)))
}

fn description(detector: &Detector) -> String {
    let mut text = format!("{} {}", detector.description.trim(), detector.rationale.trim());
    if !detector.false_positives.is_empty() {
        text.push_str(" May also be: ");
        text.push_str(&detector.false_positives.join("; "));
        text.push('.');
    }
    text
}

fn analytic(detector: &Arc<Detector>) -> Analytic {
    let (type_id, kind) = analytic_type(&detector.rule);
    Analytic {
        uid: detector.id.clone(),
        name: detector.title.clone(),
        type_id,
        kind: kind.to_owned(),
        version: detector.version.to_string(),
    }
}

/// `type_id` and caption: some state a fact, all others compare behaviour with a baseline.
const fn analytic_type(rule: &Rule) -> (u8, &'static str) {
    match rule {
        Rule::Unused {}
        | Rule::NeverUsed {}
        | Rule::UnusedCredential {}
        | Rule::NotRotated { .. }
        | Rule::OldCredential { .. }
        | Rule::Retired { .. }
        | Rule::ExpiredUse { .. }
        | Rule::OutsideDeclared { .. }
        | Rule::SourceSilent { .. }
        | Rule::Undeclared { .. }
        | Rule::Unowned { .. }
        | Rule::Expired {} => (1, "Rule"),
        Rule::NewOrigin { .. }
        | Rule::NewAction { .. }
        | Rule::Novelty { .. }
        | Rule::NewProgram { .. }
        | Rule::TwoOrigins { .. }
        | Rule::SharedCredential { .. }
        | Rule::ForeignEndpoint { .. }
        | Rule::OffHours { .. }
        | Rule::CrossEnvironment { .. }
        | Rule::Burst { .. }
        | Rule::HumanUse { .. }
        | Rule::DisplacedCredential { .. }
        | Rule::Dormancy { .. }
        | Rule::MissedHeartbeat { .. } => (2, "Behavioral"),
    }
}

fn attacks<'a>(techniques: impl Iterator<Item = &'a Technique>) -> Vec<Attack> {
    let known = distinct(techniques, |known, new| known == new);
    known.into_iter().take(MAX_ATTACKS).map(attack).collect()
}

fn attack(technique: &Technique) -> Attack {
    let tactic_url = format!("{ATTACK_SITE}/tactics/{}/", technique.tactic);
    let tactic = entry(&technique.tactic, &technique.tactic_name, tactic_url);
    let Some((parent, _)) = technique.technique.split_once('.') else {
        let own = technique_entry(&technique.technique, &technique.technique_name);
        return Attack { tactic: Some(tactic), technique: Some(own), sub_technique: None };
    };
    // MITRE writes `Parent: Child`; a detector may also name only the child.
    let names = technique.technique_name.split_once(": ");
    let own_name = names.map_or(technique.technique_name.as_str(), |(_, child)| child);
    Attack {
        tactic: Some(tactic),
        technique: names.map(|(name, _)| technique_entry(parent, name)),
        sub_technique: Some(technique_entry(&technique.technique, own_name)),
    }
}

fn technique_entry(uid: &str, name: &str) -> AttackEntry {
    entry(uid, name, format!("{ATTACK_SITE}/techniques/{}/", uid.replace('.', "/")))
}

fn entry(uid: &str, name: &str, src_url: String) -> AttackEntry {
    AttackEntry { uid: uid.to_owned(), name: name.to_owned(), src_url }
}

fn owasp_tags(detectors: &[&Arc<Detector>]) -> Vec<Tag> {
    let ids = detectors.iter().flat_map(|detector| detector.owasp_nhi.iter().cloned());
    let values = distinct(ids, |known, new| known == new);
    if values.is_empty() { Vec::new() } else { vec![Tag { name: "owasp_nhi".to_owned(), values }] }
}

/// What is usual beside what was seen, detector by detector.
pub(super) fn anomaly_analyses(report: &IncidentReport) -> Vec<AnomalyAnalysis> {
    if report.signals.is_empty() {
        return Vec::new();
    }
    let target = AnalysisTarget {
        name: report.subject.identity_id.clone(),
        kind: evidence::subject_type(report).to_owned(),
    };
    vec![AnomalyAnalysis {
        analysis_targets: vec![target],
        anomalies: by_detector(report, |signal| &signal.observed, true),
        baselines: by_detector(report, |signal| &signal.expected, false),
    }]
}

fn by_detector(report: &IncidentReport, text: impl Fn(&Signal) -> &str, is_seen: bool) -> Vec<Observed> {
    let of_detector = |detector: &Arc<Detector>| {
        let signals: Vec<&Signal> =
            report.signals.iter().filter(|signal| signal.detector.id == detector.id).collect();
        let surprise = signals.iter().map(|signal| signal.bits).fold(0.0, f32::max);
        Observed {
            observation_parameter: detector.id.clone(),
            observation_type: analysis_type(&detector.rule).to_owned(),
            observed_pattern: (is_seen && surprise > 0.0).then(|| bits(surprise)),
            observations: observations(signals.iter().map(|signal| text(signal)), is_seen),
        }
    };
    let all = detectors(report).into_iter().map(of_detector);
    all.filter(|observed| !observed.observations.is_empty()).collect()
}

/// How it was told that something is amiss.
const fn analysis_type(rule: &Rule) -> &'static str {
    if analytic_type(rule).0 == 1 { "Rule" } else { "Surprise Analysis" }
}

/// Each distinct text once; `is_counted` says whether it is of interest how often it came.
fn observations<'a>(texts: impl Iterator<Item = &'a str>, is_counted: bool) -> Vec<Observation> {
    let mut counted: Vec<(&str, u32)> = Vec::new();
    for text in texts.filter(|text| !text.is_empty()) {
        match counted.iter_mut().find(|(known, _)| *known == text) {
            Some((_, count)) => *count += 1,
            None => counted.push((text, 1)),
        }
    }
    let observation = |(text, count)| Observation { value: clip(text), count: is_counted.then_some(count) };
    counted.into_iter().map(observation).collect()
}

fn bits(bits: f32) -> String {
    format!("{bits:.1} bits")
}

/// Which detectors added how much, and why the severity is what it is.
pub(super) fn risk_details(report: &IncidentReport) -> String {
    let shares: Vec<String> = detectors(report).iter().map(|detector| share(report, detector)).collect();
    let mut text = format!("Risk {} of 100 from {}", report.risk, plural(report.signal_count, "signal"));
    if !shares.is_empty() {
        let is_cut = report.signal_count as usize > report.signals.len();
        text.push_str(&format!(": {}{}", shares.join(", "), if is_cut { " and others" } else { "" }));
    }
    text.push_str(&format!(". {}", severity_reason(report)));
    text
}

/// `new-service 17.5 bits in 2`: what one detector added.
fn share(report: &IncidentReport, detector: &Detector) -> String {
    let own = report.signals.iter().filter(|signal| signal.detector.id == detector.id);
    let (count, sum) = own.fold((0, 0.0), |(count, sum), signal| (count + 1, sum + signal.bits));
    let mut text = detector.id.clone();
    if sum > 0.0 {
        text.push_str(&format!(" {}", bits(sum)));
    }
    if count > 1 {
        text.push_str(&format!(" in {count}"));
    }
    text
}

fn severity_reason(report: &IncidentReport) -> String {
    let caption = |level: Severity| severity(level).1.to_lowercase();
    let mut text = format!("Severity {}", caption(report.severity));
    if let Some(detector) = report.detector().filter(|detector| detector.severity <= report.severity) {
        text.push_str(&format!("; {} asks for at least {}", detector.id, caption(detector.severity)));
    }
    if report.subject.is_declared {
        text.push_str(&format!("; declared criticality is {}", report.subject.criticality.as_str()));
    }
    text.push('.');
    text
}

fn plural(count: u32, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// What the analyst does first, as numbered lines, and the runbook: an address among the references, a text below the lines.
pub(super) fn remediation(report: &IncidentReport) -> Option<Remediation> {
    let detector = report.detector()?;
    let runbook = detector.runbook.as_deref();
    let (address, text) = match runbook {
        Some(runbook) if runbook.starts_with("https://") || runbook.starts_with("http://") => {
            (Some(runbook), None)
        }
        text => (None, text),
    };
    if detector.response.is_empty() && runbook.is_none() {
        return None;
    }
    let steps = detector.response.iter().enumerate();
    let lines = steps.map(|(index, step)| format!("{}. {step}", index + 1));
    let lines: Vec<String> = lines.chain(text.map(str::to_owned)).collect();
    let techniques = attacks(detector.attack.iter()).into_iter();
    let described = techniques.filter_map(|attack| attack.sub_technique.or(attack.technique));
    let references = address.map(str::to_owned).into_iter().chain(described.map(|entry| entry.src_url));
    Some(Remediation { desc: lines.join("\n"), references: distinct(references, |known, new| known == new) })
}
