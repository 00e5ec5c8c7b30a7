//! What the running workers show to readers: views, recent alerts, counts of the monitors, and how workers ended.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::monitor::{Stats, View};

/// Shared by all workers and readers of a service.
pub(crate) struct Board {
    recent_alerts: usize,
    inner: Mutex<Inner>,
    ended: Condvar,
}

#[derive(Default)]
struct Inner {
    views: BTreeMap<i32, View>,
    stats: BTreeMap<i32, Stats>,
    /// Counts of partitions that went elsewhere; counters must not fall when a partition leaves.
    retired: Stats,
    alerts: VecDeque<Arc<str>>,
    alerts_seen: u64,
    running: usize,
    failure: Option<String>,
}

impl Board {
    /// A board for so many workers, that keeps so many alerts.
    pub(crate) fn new(workers: usize, recent_alerts: usize) -> Self {
        let inner = Inner { running: workers, ..Inner::default() };
        Self { recent_alerts, inner: Mutex::new(inner), ended: Condvar::new() }
    }

    pub(crate) fn show(&self, partition: i32, view: View) {
        self.lock().views.insert(partition, view);
    }

    pub(crate) fn hide(&self, partition: i32) {
        let mut inner = self.lock();
        inner.views.remove(&partition);
        if let Some(stats) = inner.stats.remove(&partition) {
            let past = Stats {
                identities: BTreeMap::new(),
                open_incidents: 0,
                threshold_risk: 0,
                scopes: 0,
                silent_scopes: 0,
                ..stats
            };
            add(&mut inner.retired, &past);
        }
    }

    pub(crate) fn views(&self) -> Vec<View> {
        self.lock().views.values().cloned().collect()
    }

    pub(crate) fn note_stats(&self, partition: i32, stats: &Stats) {
        let mut inner = self.lock();
        match inner.stats.get_mut(&partition) {
            Some(known) if known == stats => {}
            Some(known) => known.clone_from(stats),
            None => drop(inner.stats.insert(partition, stats.clone())),
        }
    }

    /// Counts of all partitions, past ones included; sizes of present ones.
    pub(crate) fn stats(&self) -> Stats {
        let inner = self.lock();
        let mut total = inner.retired.clone();
        for stats in inner.stats.values() {
            add(&mut total, stats);
        }
        total
    }

    pub(crate) fn add_alert(&self, json: Arc<str>) {
        let mut inner = self.lock();
        inner.alerts_seen += 1;
        inner.alerts.push_back(json);
        if inner.alerts.len() > self.recent_alerts {
            inner.alerts.pop_front();
        }
    }

    /// Alerts still held that came after the first `seen` ones, oldest first, and how many there were in all.
    pub(crate) fn alerts_after(&self, seen: u64) -> (Vec<Arc<str>>, u64) {
        let inner = self.lock();
        let fresh = usize::try_from(inner.alerts_seen.saturating_sub(seen)).unwrap_or(usize::MAX);
        let skip = inner.alerts.len().saturating_sub(fresh);
        (inner.alerts.iter().skip(skip).cloned().collect(), inner.alerts_seen)
    }

    /// A worker ended; the first failure is kept.
    pub(crate) fn end(&self, failure: Option<String>) {
        let mut inner = self.lock();
        inner.running = inner.running.saturating_sub(1);
        if inner.failure.is_none() {
            inner.failure = failure;
        }
        drop(inner);
        self.ended.notify_all();
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.lock().failure.clone()
    }

    pub(crate) fn running(&self) -> usize {
        self.lock().running
    }

    /// Waits until one worker failed or all ended.
    pub(crate) fn wait_for_news(&self) {
        let nothing_new = |inner: &mut Inner| inner.running > 0 && inner.failure.is_none();
        drop(self.ended.wait_while(self.lock(), nothing_new).unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits until all workers ended, up to `timeout`; `false` where some still run.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> bool {
        let inner = self.lock();
        let runs = |inner: &mut Inner| inner.running > 0;
        match timeout {
            None => drop(self.ended.wait_while(inner, runs).unwrap_or_else(PoisonError::into_inner)),
            Some(timeout) => {
                let waited = self.ended.wait_timeout_while(inner, timeout, runs);
                return !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out();
            }
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds what one partition counted. Taken apart without `..`, so that a new count cannot be forgotten here.
fn add(total: &mut Stats, stats: &Stats) {
    let Stats {
        activities,
        duplicates,
        late,
        past,
        clamped,
        unproven,
        corrections,
        predecessors,
        declarations,
        forgotten_inputs,
        signals,
        suppressed,
        feedback,
        feedback_ignored,
        shadow_signals,
        excepted,
        evictions,
        identities,
        open_incidents,
        threshold_risk,
        scopes,
        silent_scopes,
    } = stats;
    total.activities += activities;
    total.duplicates += duplicates;
    total.late += late;
    total.past += past;
    total.clamped += clamped;
    total.unproven += unproven;
    total.corrections += corrections;
    total.predecessors += predecessors;
    total.declarations += declarations;
    total.forgotten_inputs += forgotten_inputs;
    add_each(&mut total.suppressed, suppressed);
    add_each(&mut total.feedback, feedback);
    add_each(&mut total.feedback_ignored, feedback_ignored);
    add_each(&mut total.evictions, evictions);
    add_by_detector(&mut total.signals, signals);
    add_by_detector(&mut total.shadow_signals, shadow_signals);
    add_by_detector(&mut total.excepted, excepted);
    for (kind, identities) in identities {
        *total.identities.entry(*kind).or_default() += identities;
    }
    total.open_incidents += open_incidents;
    total.threshold_risk = total.threshold_risk.max(*threshold_risk);
    // Every partition hears of every log source.
    total.scopes = total.scopes.max(*scopes);
    total.silent_scopes = total.silent_scopes.max(*silent_scopes);
}

fn add_each(total: &mut BTreeMap<&'static str, u64>, counts: &BTreeMap<&'static str, u64>) {
    for (label, count) in counts {
        *total.entry(label).or_default() += count;
    }
}

fn add_by_detector(total: &mut BTreeMap<String, u64>, counts: &BTreeMap<String, u64>) {
    for (detector, count) in counts {
        *total.entry(detector.clone()).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_do_not_fall_when_a_partition_leaves() {
        let board = Board::new(1, 10);
        let stats = Stats { activities: 5, open_incidents: 2, scopes: 3, ..Stats::default() };
        board.note_stats(0, &stats);
        board.note_stats(1, &stats);
        assert_eq!((board.stats().activities, board.stats().scopes), (10, 3));
        board.hide(0);
        assert_eq!((board.stats().activities, board.stats().open_incidents), (10, 2));
    }

    #[test]
    fn only_so_many_alerts_are_kept_and_readers_get_each_once() {
        let board = Board::new(1, 2);
        for json in ["a", "b", "c"] {
            board.add_alert(json.into());
        }
        let (alerts, seen) = board.alerts_after(0);
        assert_eq!((alerts.len(), seen), (2, 3));
        assert_eq!(board.alerts_after(2).0, [Arc::<str>::from("c")]);
        assert!(board.alerts_after(3).0.is_empty());
    }

    #[test]
    fn the_first_failure_is_the_one_that_counts() {
        let board = Board::new(2, 0);
        assert!(!board.wait(Some(Duration::ZERO)));
        board.end(Some("fenced".into()));
        board.wait_for_news();
        assert_eq!(board.running(), 1, "who stands still is not waited for");
        board.end(Some("later".into()));
        assert!(board.wait(None));
        assert_eq!(board.failure().as_deref(), Some("fenced"));
    }
}
