use super::*;

/// What the built-in detectors ask for: least events, times of what it is held against, and bits.
const VOLUME_BURST: (u64, f32, f32) = (40, 3.0, 9.0);
const ODD_HOUR_BURST: (u64, f32, f32) = (100, 2.5, 10.0);

/// Monday, 2024-01-01, midnight UTC.
const MONDAY: u32 = 473_352;

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
struct Dice(u64);

impl Dice {
    /// In (0, 1].
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 + f64::EPSILON
    }

    /// A negative binomial of shape 2: Poisson, with a mean that is the sum of two exponentials.
    fn events(&mut self, mean: f64) -> u32 {
        let mean = -mean / 2.0 * (self.unit().ln() + self.unit().ln());
        let (mut left, mut count) = (mean, 0);
        loop {
            left += self.unit().ln();
            if left < 0.0 {
                return count;
            }
            count += 1;
        }
    }
}

fn is_signal(burst: Burst, (least, ratio, bits): (u64, f32, f32)) -> bool {
    let held_against = burst.peak.max(burst.mean).max(1.0);
    burst.count >= least && burst.count as f32 >= ratio * held_against && burst.bits >= bits
}

/// What was said of an hour with so many events: the weightiest burst in it, and the weightiest for this time of the week.
fn live(rhythm: &mut Rhythm, hour: u32, events: u32) -> (Option<Burst>, Option<Burst>) {
    let is_young = hour < MONDAY + 14 * 24;
    let mut said = (None, None);
    for _ in 0..events {
        let (burst, odd) = rhythm.count(hour, is_young);
        said.0 = Some(burst).filter(|burst| is_signal(*burst, VOLUME_BURST)).or(said.0);
        said.1 = Some(odd).filter(|odd| is_signal(*odd, ODD_HOUR_BURST)).or(said.1);
    }
    said
}

/// One that has run its job each night at two o'clock for so many weeks.
fn nightly(weeks: u32, events: u32) -> Rhythm {
    let mut rhythm = Rhythm::default();
    for day in 0..weeks * 7 {
        let said = live(&mut rhythm, MONDAY + day * 24 + 2, events);
        assert_eq!(said, (None, None), "day {day}");
    }
    rhythm
}

/// Events that are usual in an hour of the week of somebody who works by day.
const fn office(hour: u32) -> f64 {
    match (hour % 24, hour / 24 % 7) {
        (8..=17, 5 | 6) => 8.0,
        (8..=17, _) => 60.0,
        _ => 4.0,
    }
}

/// So many hours at an office; how many of them raised a signal of each kind.
fn work(rhythm: &mut Rhythm, dice: &mut Dice, hours: u32) -> (u32, u32) {
    let mut signals = (0, 0);
    for hour in 0..hours {
        let events = dice.events(office(hour));
        let said = live(rhythm, MONDAY + hour, events);
        signals.0 += u32::from(said.0.is_some());
        signals.1 += u32::from(said.1.is_some());
    }
    signals
}

#[test]
fn a_thousand_weeks_of_work_with_a_rhythm_are_quiet() {
    let signals = work(&mut Rhythm::default(), &mut Dice(7), 168_000);
    assert!(signals.0 <= 2 && signals.1 <= 2, "{signals:?}");
}

#[test]
fn a_third_of_a_nightly_job_by_day_is_a_burst() {
    let mut rhythm = nightly(8, 10_000);
    let (any, odd) = live(&mut rhythm, MONDAY + 55 * 24 + 14, 3_000);
    assert_eq!(any, None, "its nights are busier");
    let odd = odd.unwrap();
    assert!(odd.mean == 0.0 && (99.0..101.0).contains(&odd.peak), "{odd:?}");
    assert!((10.0..12.0).contains(&odd.bits), "{odd:?}");
}

#[test]
fn what_was_missed_at_night_is_caught_up_with_by_day() {
    let mut rhythm = nightly(8, 2_000);
    // Two nights without, and both of them at nine in the morning.
    assert_eq!(live(&mut rhythm, MONDAY + 58 * 24 + 9, 4_000), (None, None));
}

#[test]
fn clocks_may_be_changed() {
    let mut rhythm = nightly(20, 2_000);
    for day in 140..170 {
        assert_eq!(live(&mut rhythm, MONDAY + day * 24 + 1, 2_000), (None, None), "day {day}");
    }
}

#[test]
fn mondays_may_be_busy_and_sundays_are_not() {
    let mut rhythm = Rhythm::default();
    let usual = |hour: u32| match (hour % 24, hour / 24 % 7) {
        (8..=17, 0) => 900,
        (8..=17, 1..5) => 300,
        (8..=17, _) => 12,
        _ => 3,
    };
    let sunday = 29 * 168 + 6 * 24 + 14;
    for hour in 0..sunday {
        let said = live(&mut rhythm, MONDAY + hour, usual(hour));
        assert!(hour < 168 || said == (None, None), "hour {hour}: {said:?}");
    }
    let (any, odd) = live(&mut rhythm, MONDAY + sunday, 3_014);
    assert!(
        any.is_some() && odd.is_some_and(|odd| odd.bits > 12.8 && (11.0..13.0).contains(&odd.mean)),
        "{odd:?}"
    );
}

#[test]
fn the_end_of_the_month_never_opens_an_incident_alone() {
    let mut rhythm = Rhythm::default();
    for day in 0..720_u32 {
        for hour in 8..18 {
            assert_eq!(live(&mut rhythm, MONDAY + day * 24 + hour, 20), (None, None));
        }
        if day % 30 == 29 {
            let (_, odd) = live(&mut rhythm, MONDAY + day * 24 + 22, 400);
            assert!(odd.is_none_or(|odd| odd.bits < 11.0), "day {day}: {odd:?}");
        }
    }
}

#[test]
fn an_hour_held_out_is_not_known_of_its_time_of_the_week() {
    let mut rhythm = nightly(8, 500);
    let odd = MONDAY + 55 * 24 + 14;
    live(&mut rhythm, odd, 600);
    rhythm.rate.hold_out();
    live(&mut rhythm, odd + 12, 500);
    assert_eq!(rhythm.hours.most_around(hour_of_week(odd)), 0.0);
}

#[test]
fn the_week_begins_where_event_times_say() {
    use crate::time::{EventTime, HOUR_MS};
    for hour in MONDAY..MONDAY + 200 {
        let time = EventTime::from_millis(i64::from(hour) * HOUR_MS);
        assert_eq!(hour_of_week(hour), time.hour_of_week());
    }
    assert!(hour_of_week(u32::MAX) < 168);
}

#[test]
fn ten_times_the_most_of_an_odd_hour_is_found() {
    for seed in 0..30_u32 {
        let (weeks, hour) = (10 + seed % 6, 20 + seed % 10);
        let (mut rhythm, hours) = (Rhythm::default(), weeks * 168 + hour);
        work(&mut rhythm, &mut Dice(u64::from(seed)), hours);
        let night = MONDAY + hours;
        rhythm.pass_to(night, false);
        let most = rhythm.hours.most_around(hour_of_week(night)).max(rhythm.rate.peak() / 10.0);
        let (_, odd) = live(&mut rhythm, night, (10.0 * most) as u32);
        assert!(
            odd.is_some(),
            "seed {seed}: {most} of {}, odd on day {}",
            rhythm.rate.peak(),
            rhythm.odd_day
        );
    }
}
