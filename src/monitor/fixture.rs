//! Monitors with a past, for tests.

use std::sync::Arc;

use crate::activity::Activity;
use crate::config::Config;
use crate::detect::Detectors;
use crate::detect::testing::Sample;
use crate::identity::{Declared, DeclaredChange};
use crate::term::Interner;
use crate::text::Text;
use crate::time::{DAY_MS, HOUR_MS, ProcessingTime};

use super::rehearsal::{self, SCOPE, START_MS};
use super::{CoverageMark, Effect, Monitor, Record};

/// A monitor without any state, with all detectors.
pub(crate) fn empty_monitor() -> Monitor {
    let detectors = Arc::new(Detectors::builtin().expect("built-in detectors parse"));
    Monitor::new(&Config::default(), detectors, Arc::new(Interner::new()))
}

/// An activity of the role `name` at `at_ms` after the start.
pub(crate) fn activity(name: &str, sample: &Sample, at_ms: i64, event_id: &str) -> Activity<'static> {
    let sample: &'static Sample = Box::leak(Box::new(sample.clone()));
    let event_id: &'static str = Box::leak(event_id.to_owned().into_boxed_str());
    let mut activity = rehearsal::activity(sample, START_MS + at_ms, event_id);
    activity.identity.id = Text::from(format!("arn:aws:iam::111122223333:role/{name}"));
    activity
}

/// A monitor that has seen `identities` roles for thirty days, with coverage, declarations and an open incident.
pub(crate) fn busy_monitor(identities: usize) -> Monitor {
    let mut monitor = empty_monitor();
    let effects = &mut Vec::new();
    for number in 0..identities {
        let name = format!("role-{number}");
        for hour in (0..30 * 24).step_by(7) {
            let sample = Sample { action: format!("s3:Get{}", hour % 5), ..Sample::default() };
            let at_ms = hour * HOUR_MS + number as i64;
            monitor.activity(&activity(&name, &sample, at_ms, &format!("{name}-{hour}")), effects);
        }
        let declared = Declared { owner: Some(format!("team-{number}")), ..Declared::default() };
        let identity_id = format!("arn:aws:iam::111122223333:role/{name}");
        let change = DeclaredChange { identity_id, declared: Some(declared) };
        monitor.process(&Record::Declared(Box::new(change)), effects);
    }
    monitor.process(&Record::Coverage(vec![covered(0, 30 * 24)]), effects);
    let attack = Sample {
        action: "iam:CreateAccessKey".into(),
        ip: "198.51.100.7".into(),
        client: "curl".into(),
        ..Sample::default()
    };
    monitor.activity(&activity("role-0", &attack, 30 * DAY_MS, "attack"), effects);
    monitor.tick(ProcessingTime::from_millis(START_MS + 30 * DAY_MS), effects);
    monitor
}

/// What a monitor says to a hundred more days.
pub(crate) fn go_on(monitor: &mut Monitor) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (number, day) in [(0, 31), (1, 32), (2, 75)] {
        let name = format!("role-{number}");
        let event = activity(&name, &Sample::default(), day * DAY_MS, &format!("later-{number}"));
        monitor.activity(&event, &mut effects);
    }
    monitor.process(&Record::Coverage(vec![covered(30 * 24, 131 * 24)]), &mut effects);
    for day in 31..=131 {
        monitor.tick(ProcessingTime::from_millis(START_MS + day * DAY_MS), &mut effects);
    }
    effects
}

/// The log source's hours from one hour after the start to another, both inclusive.
pub(crate) fn covered(from: i64, to: i64) -> CoverageMark {
    let start = START_MS / HOUR_MS;
    CoverageMark {
        scope: SCOPE.into(),
        hours: (start + from..=start + to).map(|hour| hour as u32).collect(),
        until_ms: START_MS + to * HOUR_MS,
    }
}
