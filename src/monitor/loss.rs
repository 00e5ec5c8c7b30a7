//! What was lost on its way here: silence of that time proves nothing.

use crate::time::{DAY_MS, EventTime, ProcessingTime};

use super::{InputLoss, Monitor, Unreadable};

/// How long before its reception an event may have happened, as far as silence is judged. Cloud providers deliver within
/// minutes to hours; a day is what `unused.max_silence` forgives by default.
const DELIVERY_MS: i64 = DAY_MS;

impl Monitor {
    /// Part of an input partition was lost. The other partitions show its log sources at work during these hours; of the identities
    /// whose records were lost nobody knows, so that the hours count as covered for none.
    pub(super) fn lost_input(&mut self, loss: &InputLoss) {
        let since = self.inputs.until(&loss.topic, loss.partition);
        if loss.is_certain || since.is_some() {
            self.note_loss(since, loss.until);
        }
    }

    /// Part of this monitor's own records was lost, up to this reception time: of any input, since the one that is read least
    /// far. Where it is not certain, it is a loss if it ever had any.
    pub fn lost_records(&mut self, until: ProcessingTime, is_certain: bool) {
        let since = self.inputs.earliest();
        if is_certain || since.is_some() {
            self.note_loss(since, until);
        }
    }

    /// Logs came that cannot be read: whose activities they hold, nobody knows.
    pub(super) fn unreadable(&mut self, unreadable: &[Unreadable]) {
        let mut coverage = self.shared.coverage_mut();
        for Unreadable { hour, payloads, records } in unreadable {
            coverage.note_unreadable(*hour, *payloads, *records);
        }
        // The counts are part of the state, too.
        self.changes.losses |= !unreadable.is_empty();
    }

    pub(super) fn note_loss(&mut self, since: Option<ProcessingTime>, until: ProcessingTime) {
        let since = since.map(|since| EventTime::from_millis(since.millis() - DELIVERY_MS));
        let until = EventTime::from_millis(until.millis());
        self.changes.losses |= self.shared.coverage_mut().note_loss(since, until);
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{activity, covered, empty_monitor};
    use super::super::rehearsal::START_MS;
    use super::super::{Effect, InputProgress, LastSeen, Record};
    use super::*;
    use crate::baseline::last_seen::{Gap, GapCause, UseStatus};
    use crate::detect::testing::Sample;
    use crate::time::HOUR_MS;

    /// Days of silence: the default window of 90, and some more.
    const DAYS: i64 = 100;

    fn at(day: i64) -> ProcessingTime {
        ProcessingTime::from_millis(START_MS + day * DAY_MS)
    }

    /// A monitor in which a role was used on the first day only, its source was covered for `days` after it, and all of the input was read.
    fn quiet(days: i64) -> Monitor {
        let mut monitor = empty_monitor();
        monitor.activity(&activity("app", &Sample::default(), HOUR_MS, "first"), &mut Vec::new());
        monitor.process(&Record::Coverage(vec![covered(0, days * 24)]), &mut Vec::new());
        monitor.process(&progress(20), &mut Vec::new());
        monitor
    }

    fn progress(day: i64) -> Record<'static> {
        Record::Progress(vec![InputProgress { topic: "cloudtrail".into(), partition: 3, until: at(day) }])
    }

    fn lost(partition: i32, until: i64, is_certain: bool) -> Record<'static> {
        Record::Lost(InputLoss { topic: "cloudtrail".into(), partition, until: at(until), is_certain })
    }

    /// What is said of the role last, after so many days of ticks.
    fn judged(monitor: &mut Monitor, days: i64) -> LastSeen {
        let mut effects = Vec::new();
        monitor.process(&progress(days), &mut effects);
        (21..=days).for_each(|day| monitor.tick(at(day), &mut effects));
        monitor.flush(at(days), &mut effects);
        let said = effects.into_iter().filter_map(|effect| match effect {
            Effect::LastSeen(record) => Some(*record),
            Effect::Alert(_) | Effect::Withdrawn(_) => None,
        });
        said.last().unwrap()
    }

    #[test]
    fn an_identity_is_not_called_unused_across_a_loss_and_the_gap_is_named() {
        assert_eq!(judged(&mut quiet(DAYS), DAYS).status, UseStatus::Unused);
        let mut monitor = quiet(DAYS);
        monitor.process(&lost(3, 25, true), &mut Vec::new());
        let record = judged(&mut monitor, DAYS);
        assert_eq!(record.status, UseStatus::Unknown);
        let [Gap { since, until, cause }] = record.coverage.gaps[..] else { panic!("{:?}", record.coverage) };
        let day = |time: EventTime| (time.millis() - START_MS) / DAY_MS;
        assert_eq!(
            (day(since), day(until), cause),
            (19, 25, GapCause::Lost),
            "a day before what was read last, to the first that was left"
        );
    }

    #[test]
    fn it_is_called_unused_once_the_window_has_passed_the_loss() {
        let mut monitor = quiet(25 + 92);
        monitor.process(&lost(3, 25, true), &mut Vec::new());
        assert_eq!(judged(&mut monitor, 25 + 92).status, UseStatus::Unused);
    }

    #[test]
    fn a_loss_in_a_partition_of_which_nothing_was_told_reaches_back_to_the_beginning() {
        let mut monitor = quiet(DAYS);
        monitor.process(&lost(7, 25, true), &mut Vec::new());
        let coverage = judged(&mut monitor, DAYS).coverage;
        assert_eq!(coverage.since, Some(EventTime::from_millis(at(25).millis() + HOUR_MS)));
    }

    #[test]
    fn a_partition_without_an_offset_is_a_loss_only_where_it_was_read_before() {
        let status = |partition| {
            let mut monitor = quiet(DAYS);
            monitor.process(&lost(partition, 25, false), &mut Vec::new());
            judged(&mut monitor, DAYS).status
        };
        assert_eq!((status(7), status(3)), (UseStatus::Unused, UseStatus::Unknown));
    }

    #[test]
    fn records_lost_on_the_way_from_ingest_are_a_loss_too() {
        let mut monitor = quiet(DAYS);
        monitor.lost_records(at(25), true);
        assert_eq!(judged(&mut monitor, DAYS).status, UseStatus::Unknown);
    }

    #[test]
    fn a_payload_that_cannot_be_read_is_a_gap_and_a_few_records_are_none() {
        let hour = (at(25).millis() / HOUR_MS) as u32;
        let status = |payloads, records| {
            let mut monitor = quiet(DAYS);
            let unreadable = vec![Unreadable { hour, payloads, records }];
            monitor.process(&Record::Unreadable(unreadable), &mut Vec::new());
            let record = judged(&mut monitor, DAYS);
            (record.status, record.coverage.gaps.first().map(|gap| gap.cause))
        };
        assert_eq!(status(0, 10), (UseStatus::Unused, None));
        assert_eq!(status(0, 11), (UseStatus::Unknown, Some(GapCause::Unreadable)));
        assert_eq!(status(1, 0), (UseStatus::Unknown, Some(GapCause::Unreadable)));
    }
}
