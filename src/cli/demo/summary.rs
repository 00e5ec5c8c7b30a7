//! What the demo says at the end: figures that it saw, misses and false alerts included.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use console::Style;

use super::score::{Score, truly_unused};
use super::screen::{MAX_WIDTH, Screen};
use crate::baseline::LastSeen;
use crate::baseline::last_seen::UseStatus;
use crate::cli::table::{bytes, grouped, printable, table, width, wrapped};
use crate::generator::Truth;
use crate::runtime::Counters;
use crate::time::{DAY_MS, EventTime};

/// Width of the labels at the left.
const LABEL: usize = 10;

/// What happened in a run.
pub(super) struct Outcome<'a> {
    /// The truth.
    pub(super) truth: &'a Truth,
    /// The monitor's counts.
    pub(super) counters: &'a Counters,
    /// What was found.
    pub(super) score: &'a Score,
    /// All identities at the end.
    pub(super) identities: &'a [LastSeen],
    /// Records that came in through the log topics.
    pub(super) received: u64,
    /// From start to end.
    pub(super) took: Duration,
    /// Records a second while history was played.
    pub(super) history_rate: f64,
    /// From start to the first alert.
    pub(super) first_alert: Option<Duration>,
    /// From event to alert while live, in milliseconds, sorted.
    pub(super) delays_ms: &'a [i64],
    /// End of the traffic.
    pub(super) until: EventTime,
    /// Days after which an identity counts as unused.
    pub(super) unused_days: u32,
}

impl Outcome<'_> {
    /// Whether every record is accounted for, and as many came in as were sent.
    pub(super) fn is_conserved(&self) -> bool {
        self.received == self.truth.records && self.counters.topics.values().all(|topic| topic.is_balanced())
    }

    /// Whether the promises of the demo were kept.
    pub(super) fn is_good(&self) -> bool {
        self.is_conserved() && self.score.missed() == 0
    }

    /// Shows all of it.
    pub(super) fn show(&self, screen: &Screen) {
        screen.say(&format!("\n{}", Style::new().bold().apply_to("Summary")));
        self.show_traffic(screen);
        self.show_identities(screen);
        self.show_incidents(screen);
        self.show_unused(screen);
        self.show_cost(screen);
    }

    fn show_traffic(&self, screen: &Screen) {
        let totals = self.counters.topics.values().fold((0, 0, 0), |(used, left, dead), topic| {
            // What the monitor itself writes to the inventory comes by as well; it is nobody's record.
            let others = |(reason, _): &(&&'static str, &u64)| **reason != "last_seen_record";
            let sum = |reasons: &BTreeMap<&'static str, u64>| {
                reasons.iter().filter(others).map(|(_, n)| n).sum::<u64>()
            };
            (used + topic.activities, left + sum(&topic.skipped), dead + sum(&topic.dead_lettered))
        });
        let law = if self.is_conserved() { "every record accounted for" } else { "RECORDS ARE MISSING" };
        line(
            screen,
            "records",
            &format!("{} sent, {} received: {law}", grouped(self.truth.records), grouped(self.received)),
        );
        let (used, left, dead) = totals;
        line(
            screen,
            "",
            &format!(
                "{} activities and declarations, {} skipped, {} dead letters",
                grouped(used),
                grouped(left),
                grouped(dead)
            ),
        );
        line(
            screen,
            "history",
            &format!("{} records a second through both stages", grouped(self.history_rate as u64)),
        );
    }

    fn show_identities(&self, screen: &Screen) {
        let mut kinds = BTreeMap::<&str, u64>::new();
        for identity in self.identities {
            *kinds.entry(identity.kind.as_str()).or_default() += 1;
        }
        let list: Vec<_> =
            kinds.iter().map(|(kind, count)| format!("{count} {}", kind.replace('_', " "))).collect();
        let text = format!("{}: {}", self.identities.len(), list.join(", "));
        let lines = wrapped(&text, width().min(MAX_WIDTH).saturating_sub(LABEL + 3));
        for (index, text) in lines.iter().enumerate() {
            line(screen, if index == 0 { "identities" } else { "" }, text);
        }
    }

    fn show_incidents(&self, screen: &Screen) {
        let score = self.score;
        let found = score.injected() - score.missed();
        line(screen, "incidents", &format!("{found} of {} injected were found", score.injected()));
        for (incident, is_found) in score.incidents() {
            let mark = if is_found { "found " } else { "MISSED" };
            line(screen, "", &format!("{mark}  {}", incident.title));
        }
        const MOST: usize = 5;
        let days = f64::from(u32::try_from(self.identities.len()).unwrap_or(u32::MAX)) * 30.0;
        let rate = score.false_alerts.len() as f64 / days.max(1.0);
        line(
            screen,
            "false",
            &format!(
                "{} alerts that nothing injected explains ({rate:.4} per identity and day)",
                score.false_alerts.len()
            ),
        );
        for alert in score.false_alerts.iter().take(MOST) {
            line(screen, "", &printable(alert).chars().take(88).collect::<String>());
        }
    }

    fn show_unused(&self, screen: &Screen) {
        let since = self.until.plus_millis(-i64::from(self.unused_days) * DAY_MS);
        let truth = truly_unused(self.truth, since);
        let found =
            unused(self.identities).map(|identity| identity.identity_id.clone()).collect::<BTreeSet<_>>();
        // Some declared identities do little, and by chance nothing at all: those are rightly called never used.
        let is_used = |id: &&String| {
            self.truth.identities.get(id.as_str()).is_some_and(|used| used.last_seen >= Some(since))
        };
        let wrong = found.iter().filter(is_used).count();
        line(
            screen,
            "unused",
            &format!(
                "{} found; {} of {} that the truth has, {wrong} wrongly",
                found.len(),
                found.intersection(&truth).count(),
                truth.len()
            ),
        );
        let open = truth.difference(&found).count();
        if open > 0 {
            line(
                screen,
                "",
                &format!(
                    "{open} stay `unknown` or are not judged: their log source was not covered for the whole window"
                ),
            );
        }
    }

    fn show_cost(&self, screen: &Screen) {
        let first = self
            .first_alert
            .map_or("none".into(), |after| format!("{:.1} s after start", after.as_secs_f64()));
        line(screen, "alert", &format!("the first came {first}"));
        if let (Some(median), Some(slowest)) =
            (percentile(self.delays_ms, 0.5), percentile(self.delays_ms, 0.99))
        {
            line(
                screen,
                "",
                &format!("live, from event to alert: median {median} ms, 99 % within {slowest} ms"),
            );
        }
        let memory = resident_bytes().map_or("not known here".into(), bytes);
        line(
            screen,
            "cost",
            &format!("{:.0} s, {memory} of memory (with broker and generator)", self.took.as_secs_f64()),
        );
    }
}

/// The identities that are called unused or never used.
pub(super) fn unused(identities: &[LastSeen]) -> impl Iterator<Item = &LastSeen> {
    identities.iter().filter(|identity| matches!(identity.status, UseStatus::Unused | UseStatus::NeverSeen))
}

/// A compact table of unused identities, the longest unused first.
pub(super) fn unused_table(identities: &[LastSeen]) -> String {
    const MOST: usize = 12;
    let mut list: Vec<_> = unused(identities).collect();
    list.sort_by_key(|identity| std::cmp::Reverse(identity.unused_days));
    let mut rows = table(&["identity", "kind", "unused", "owner"]);
    rows.set_width(width().min(MAX_WIDTH) as u16);
    for identity in list.iter().take(MOST) {
        let days = match identity.status {
            UseStatus::NeverSeen => "never used".to_owned(),
            _ => identity.unused_days.map_or_else(String::new, |days| format!("{days} d")),
        };
        let owner = identity.declared.as_ref().and_then(|declared| declared.owner.clone());
        let kind = identity.kind.as_str().replace('_', " ");
        rows.add_row([
            short(&identity.identity_id),
            kind,
            days,
            owner.unwrap_or_else(|| "not declared".into()),
        ]);
    }
    let rest = list.len().saturating_sub(MOST);
    if rest > 0 { format!("{rows}\n … and {rest} more") } else { rows.to_string() }
}

/// The id without what is the same for all; the API shows it whole.
fn short(identity_id: &str) -> String {
    const MOST: usize = 52;
    let text = printable(identity_id.strip_prefix("arn:aws:iam::").unwrap_or(identity_id));
    let skipped = text.chars().count().saturating_sub(MOST);
    if skipped == 0 { text } else { std::iter::once('…').chain(text.chars().skip(skipped + 1)).collect() }
}

fn line(screen: &Screen, label: &str, text: &str) {
    screen.say(&format!("  {} {text}", Style::new().dim().apply_to(format!("{label:<LABEL$}"))));
}

fn percentile(sorted: &[i64], part: f64) -> Option<i64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * part).round() as usize).copied()
}

/// Resident memory of this process; Linux only.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_come_from_the_sorted_list() {
        let list: Vec<i64> = (0..=100).collect();
        assert_eq!(
            (percentile(&list, 0.5), percentile(&list, 0.99), percentile(&[], 0.5)),
            (Some(50), Some(99), None)
        );
    }
}
