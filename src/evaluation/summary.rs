//! The result of all seeds together.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ledger::Ledger;
use super::tally::Tally;

/// The result of all seeds together.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Streams evaluated.
    pub seeds: u64,
    /// Records taken in.
    pub records: u64,
    /// Machine identities that acted, over all seeds.
    pub identities: u64,
    /// Days on which a machine identity acted, one for each identity and day: the unit of the false alerts.
    pub identity_days: u64,
    /// What the product found.
    pub product: Results,
    /// What a first-seen detector found on the same records.
    pub naive: Results,
}

/// What one detector found over all seeds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Results {
    /// Attacks by scenario.
    pub scenarios: BTreeMap<&'static str, ScenarioResult>,
    /// Alerts that are about an attack.
    pub true_alerts: u64,
    /// Alerts that are about nothing, by the change that explains them.
    pub false_by_cause: BTreeMap<&'static str, u64>,
    /// The same, by the detector that leads the alert.
    pub false_by_detector: BTreeMap<String, u64>,
    /// Findings that state a fact, by detector; neither true nor false.
    pub posture: BTreeMap<String, u64>,
    #[serde(skip)]
    events: Vec<f64>,
    #[serde(skip)]
    minutes: Vec<f64>,
}

/// Attacks of one scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ScenarioResult {
    /// How many there were.
    pub attacks: u64,
    /// How many of them were found.
    pub found: u64,
}

/// Figures derived from the counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// Attacks found, 0 to 1; 1 where there was none.
    pub recall: f64,
    /// False alerts for each identity and day.
    pub false_per_identity_day: f64,
    /// Alerts about attacks, for each attack found.
    pub alerts_per_attack: f64,
    /// Events of an attack until it was found.
    pub delay_events: Delay,
    /// Minutes from an attack's first event until it was found.
    pub delay_minutes: Delay,
}

/// Median and 90th percentile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Delay {
    /// Median.
    pub median: f64,
    /// 90th percentile.
    pub p90: f64,
}

/// What must hold for an evaluation to pass: `recall=0.95,false=0.002`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Requirement {
    /// Least recall over all attacks.
    pub recall: Option<f64>,
    /// Least recall in each scenario.
    pub scenario: Option<f64>,
    /// Most false alerts for each identity and day.
    pub false_alerts: Option<f64>,
    /// Most alerts for each attack found.
    pub alerts: Option<f64>,
}

impl Summary {
    /// Adds one seed.
    pub fn add(&mut self, ledger: &Ledger, product: &Tally, naive: &Tally) {
        self.seeds += 1;
        self.records += ledger.records();
        self.identities += ledger.identities() as u64;
        self.identity_days += ledger.identity_days();
        self.product.add(ledger, product);
        self.naive.add(ledger, naive);
    }

    /// The figures of `results`, which are part of this summary.
    #[must_use]
    pub fn rate(&self, results: &Results) -> Rate {
        let total = results.total();
        let ratio = |part: u64, whole: u64, none: f64| {
            if whole == 0 { none } else { part as f64 / whole as f64 }
        };
        Rate {
            recall: ratio(total.found, total.attacks, 1.0),
            false_per_identity_day: ratio(results.false_alerts(), self.identity_days, 0.0),
            alerts_per_attack: ratio(results.true_alerts, total.found, 0.0),
            delay_events: Delay::of(&results.events),
            delay_minutes: Delay::of(&results.minutes),
        }
    }
}

impl Results {
    /// All scenarios together.
    #[must_use]
    pub fn total(&self) -> ScenarioResult {
        self.scenarios.values().fold(ScenarioResult::default(), |sum, one| ScenarioResult {
            attacks: sum.attacks + one.attacks,
            found: sum.found + one.found,
        })
    }

    /// Alerts that are about nothing.
    #[must_use]
    pub fn false_alerts(&self) -> u64 {
        self.false_by_cause.values().sum()
    }

    fn add(&mut self, ledger: &Ledger, tally: &Tally) {
        for (index, attack) in
            ledger.attacks().iter().enumerate().filter(|(_, attack)| !attack.times.is_empty())
        {
            let scenario = self.scenarios.entry(attack.incident.scenario.as_str()).or_default();
            scenario.attacks += 1;
            scenario.found += u64::from(tally.found.contains_key(&index));
        }
        for (cause, detector) in tally.false_alerts() {
            *self.false_by_cause.entry(cause.as_str()).or_default() += 1;
            *self.false_by_detector.entry(detector.to_owned()).or_default() += 1;
        }
        for (detector, count) in &tally.posture {
            *self.posture.entry(detector.clone()).or_default() += count;
        }
        self.true_alerts += tally.true_alerts;
        self.events.extend(tally.found.values().map(|found| found.events as f64));
        self.minutes.extend(tally.found.values().map(|found| found.minutes));
    }
}

impl ScenarioResult {
    /// Part of the attacks that were found, 0 to 1; 1 where there was none.
    #[must_use]
    pub fn recall(self) -> f64 {
        if self.attacks == 0 { 1.0 } else { self.found as f64 / self.attacks as f64 }
    }
}

impl Delay {
    fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |part: f64| {
            let last = sorted.len().saturating_sub(1) as f64;
            sorted.get((part * last).round() as usize).copied().unwrap_or_default()
        };
        Self { median: at(0.5), p90: at(0.9) }
    }
}

impl Requirement {
    /// Reads `name=number`, several set apart by commas; names are `recall`, `scenario`, `false` and `alerts`.
    ///
    /// # Errors
    /// Where a name is unknown or a value is no number.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut requirement = Self::default();
        for part in text.split(',') {
            let (name, value) =
                part.split_once('=').ok_or_else(|| format!("`{part}` is not of the form name=number"))?;
            let value: f64 = value.trim().parse().map_err(|_| format!("`{value}` is no number"))?;
            let field = match name.trim() {
                "recall" => &mut requirement.recall,
                "scenario" => &mut requirement.scenario,
                "false" => &mut requirement.false_alerts,
                "alerts" => &mut requirement.alerts,
                other => return Err(format!("`{other}` is none of recall, scenario, false, alerts")),
            };
            *field = Some(value);
        }
        Ok(requirement)
    }

    /// What does not hold, in words; empty where all holds.
    #[must_use]
    pub fn failures(&self, summary: &Summary) -> Vec<String> {
        let rate = summary.rate(&summary.product);
        let worst = summary.product.scenarios.values().map(|one| one.recall()).fold(1.0, f64::min);
        let too_low = |name: &str, value: f64, least: Option<f64>| {
            let least = least.filter(|least| value < *least)?;
            Some(format!("{name} is {value:.4}, and {least} is required"))
        };
        let too_high = |name: &str, value: f64, most: Option<f64>| {
            let most = most.filter(|most| value > *most)?;
            Some(format!("{name} is {value:.4}, and at most {most} is required"))
        };
        [
            too_low("recall", rate.recall, self.recall),
            too_low("the recall of the worst scenario", worst, self.scenario),
            too_high("false alerts per identity and day", rate.false_per_identity_day, self.false_alerts),
            too_high("alerts per attack", rate.alerts_per_attack, self.alerts),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
