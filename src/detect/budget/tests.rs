use std::sync::{Arc, LazyLock};

use proptest::prelude::*;

use super::*;
use crate::config::Detection;
use crate::detect::finding::{EventEvidence, Severity, Signal, Subject};
use crate::detect::incident::{self, Incident};
use crate::detect::{Detector, Detectors};
use crate::time::{EventTime, HOUR_MS};

/// 30 days of incidents that rose on a day (0 to 29) from a risk to another.
type Rises = Vec<(i64, u8, u8)>;

fn rises() -> impl Strategy<Value = Rises> {
    prop::collection::vec((0..30_i64, 0..=100_u8, 0..=100_u8), 0..300).prop_map(|mut rises| {
        rises.sort_unstable();
        rises
    })
}

fn at_day(day: i64) -> ProcessingTime {
    ProcessingTime::from_millis(day * DAY_MS + HOUR_MS)
}

fn budget_of(rises: &Rises) -> Budget {
    let mut budget = Budget::default();
    budget.advance(at_day(0));
    for (day, from, to) in rises {
        budget.advance(at_day(*day));
        budget.rise(*from, *to);
    }
    budget.advance(at_day(30));
    budget
}

fn settings(floor: u8, ceiling: u8, per_day: f64) -> Settings {
    Settings::new(&Detection {
        incident_risk: floor,
        budget_ceiling_risk: ceiling,
        alerts_per_day: per_day,
        ..Detection::default()
    })
}

proptest! {
    #[test]
    fn the_threshold_is_within_its_bounds_and_falls_as_the_budget_grows(
        rises in rises(),
        (floor, ceiling) in (1..=100_u8, 1..=100_u8),
        (little, more) in (0.001..20.0_f64, 0.0..20.0_f64),
    ) {
        let budget = budget_of(&rises);
        let high = budget.threshold(settings(floor, ceiling, little));
        let low = budget.threshold(settings(floor, ceiling, little + more));
        prop_assert!(floor <= low && low <= high && high <= ceiling.max(floor));
        prop_assert_eq!(budget.threshold(settings(floor, ceiling, 0.0)), floor, "no budget");
    }

    #[test]
    fn it_makes_no_difference_in_how_many_steps_time_passes(rises in rises(), days in 1..60_i64) {
        let mut at_once = budget_of(&rises);
        let mut daily = at_once.clone();
        at_once.advance(at_day(30 + days));
        for day in 31..=30 + days {
            daily.advance(at_day(day));
        }
        daily.advance(at_day(30 + days - MAX_DAYS_BACK));
        prop_assert_eq!(at_once, daily, "and time does not go back");
    }
}

#[test]
fn a_week_passes_before_the_threshold_moves_and_what_is_over_is_forgotten() {
    let mut budget = Budget::default();
    let settings = settings(50, 75, 2.0);
    let mut thresholds = Vec::new();
    for day in 0..8 {
        budget.advance(at_day(day));
        (0..10).for_each(|_| assert!(budget.rise(0, 60)));
        thresholds.push(budget.threshold(settings));
    }
    assert_eq!(thresholds, [50, 50, 50, 50, 50, 50, 50, 61]);
    assert_eq!(budget.threshold(settings.of_one_in(1_000)), 61);
    budget.advance(at_day(100));
    assert_eq!(budget.threshold(settings), 50);
}

#[test]
fn a_time_far_ahead_holds_nothing_back_for_longer_than_it_is_believed() {
    let mut budget = budget_of(&vec![(29, 0, 60); 300]);
    let settings = settings(50, 75, 2.0);
    assert_eq!(budget.threshold(settings), 61);
    assert!(!budget.advance(at_day(10_000)));
    assert_eq!(budget.threshold(settings), 50);
    assert!(budget.advance(at_day(31)), "all begins anew");
    (0..100).for_each(|_| assert!(budget.rise(0, 60)));
    assert_eq!(budget.threshold(settings), 50);
}

static ANY: LazyLock<Detector> = LazyLock::new(|| {
    let detectors = Detectors::builtin().unwrap();
    detectors.iter().next().unwrap().as_ref().clone()
});

fn signal(severity: Severity, bits: f32, at: ProcessingTime) -> Signal {
    Signal {
        detector: Arc::new(Detector { severity, ..ANY.clone() }),
        bits,
        peak: 0.0,
        harmless: 0.0,
        reason: String::new(),
        expected: String::new(),
        observed: String::new(),
        size: 0,
        time: EventTime::from_millis(at.millis()),
        evidence: EventEvidence::default(),
    }
}

/// A partition under a budget of so many alerts a day.
struct Partition {
    budget: Budget,
    settings: Settings,
    incident: incident::Settings,
}

impl Partition {
    fn new(per_day: f64) -> Self {
        let detection = Detection { alerts_per_day: per_day, ..Detection::default() };
        let incident = incident::Settings::new(&detection);
        Self { budget: Budget::default(), settings: Settings::new(&detection), incident }
    }

    /// Whether an incident of one signal opens.
    fn opens(&mut self, severity: Severity, bits: f32, day: i64) -> bool {
        let at = at_day(day);
        self.budget.advance(at);
        let threshold = self.budget.threshold(self.settings);
        let mut incident = Incident::begin("a", (EventTime::from_millis(at.millis()), at), 1);
        incident.add(signal(severity, bits, at), at);
        self.budget.rise(0, incident.reach(self.settings.floor));
        incident.next_report(&Subject::default(), self.incident.with_threshold(threshold)).is_some()
    }

    /// Alerts of a day of forty incidents of low severity and 4 to 22 bits, each day other ones.
    fn noisy_day(&mut self, day: i64) -> usize {
        let bits = |number: i64| 4.0 + ((number * 37 + day * 11) % 160) as f32 / 9.0;
        (0..40).filter(|number| self.opens(Severity::Low, bits(*number), day)).count()
    }
}

#[test]
fn a_noisy_partition_is_calmed_to_its_budget_and_what_is_grave_opens_at_once() {
    let mut partition = Partition::new(5.0);
    let first_week: usize = (0..7).map(|day| partition.noisy_day(day)).sum();
    let later: usize = (7..67).map(|day| partition.noisy_day(day)).sum();
    let (before, after) = (first_week as f64 / 7.0, later as f64 / 60.0);
    assert!(before > 15.0, "{before} alerts a day without a budget");
    assert!((3.0..=5.5).contains(&after), "{after} alerts a day with a budget of 5");
    assert!(!partition.opens(Severity::Medium, 14.7, 67));
    assert!(partition.opens(Severity::High, 14.7, 67), "risk 55, high severity");
    assert!(!partition.opens(Severity::High, 12.0, 67), "risk 48 is below the floor");
    assert!(partition.opens(Severity::Low, 29.5, 67), "above the ceiling");
}

#[test]
fn without_a_budget_all_that_reaches_the_floor_opens() {
    let mut partition = Partition::new(0.0);
    for day in 0..40 {
        (0..40).for_each(|_| assert!(partition.opens(Severity::Low, 14.7, day)));
        assert!(!partition.opens(Severity::Low, 12.0, day));
    }
}

#[test]
fn what_is_grave_counts_against_the_budget_at_any_threshold() {
    let mut partition = Partition::new(5.0);
    for day in 0..8 {
        (0..6).for_each(|_| assert!(partition.opens(Severity::High, 14.7, day)));
    }
    assert_eq!(partition.budget.threshold(partition.settings), 75);
}
