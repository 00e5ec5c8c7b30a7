//! What makes a habit: not what somebody did minutes ago to look at first, nor what is harmless.

use super::*;

const ID: &str = "arn:aws:iam::111122223333:role/app";

fn does(monitor: &mut Monitor, action: &str, at_ms: i64) {
    let sample = Sample { action: action.into(), ..Sample::default() };
    monitor.activity(&activity("app", &sample, at_ms, &format!("{action}-{at_ms}")), &mut Vec::new());
}

/// A role that has read a bucket hourly for so many days, and did these things on these days.
fn with_past(days: i64, past: &[(i64, String)]) -> Monitor {
    let mut monitor = empty_monitor();
    for hour in 0..days * 24 {
        does(&mut monitor, "s3:GetObject", hour * HOUR_MS);
        for (_, action) in past.iter().filter(|(day, _)| hour == day * 24) {
            does(&mut monitor, action, hour * HOUR_MS + 1);
        }
    }
    monitor
}

/// What adds up of a first use of an action, in bits.
fn weight(mut monitor: Monitor, action: &str, at_ms: i64) -> f32 {
    let extra = |monitor: &Monitor| {
        let state = monitor.shared().identities.get(ID).unwrap();
        state.incident.as_ref().map_or(0.0, |incident| incident.extra)
    };
    let before = extra(&monitor);
    does(&mut monitor, action, at_ms);
    extra(&monitor) - before
}

#[test]
fn what_was_done_minutes_ago_is_no_habit_and_what_was_done_weeks_ago_is() {
    let end = 40 * DAY_MS;
    let mut alone = with_past(40, &[]);
    does(&mut alone, "iam:Harmless", end);
    let alone = weight(alone, "iam:CreateAccessKey", end + 5);
    assert!(alone > 5.0, "{alone}");
    let mut prepared = with_past(40, &[]);
    for (millis, action) in
        ["iam:ListUsers", "iam:ListRoles", "iam:GetAccountAuthorizationDetails"].into_iter().enumerate()
    {
        does(&mut prepared, action, end + millis as i64);
    }
    let led_up_to = weight(prepared, "iam:CreateAccessKey", end + 5);
    assert!((led_up_to - alone).abs() < 0.01, "{led_up_to} after a look around, {alone} without");
    let past: Vec<(i64, String)> = [(2, "iam:ListUsers".into()), (3, "iam:ListRoles".into())].into();
    let habitual = weight(with_past(40, &past), "iam:CreateAccessKey", end + 5);
    assert!(habitual < 0.7 * alone, "{habitual} where it is the identity's work, {alone} where not");
}

#[test]
fn something_harmless_each_day_does_not_make_a_habit_of_granting_rights() {
    let end = 60 * DAY_MS;
    let settled = weight(with_past(60, &[]), "iam:AttachUserPolicy", end + 5);
    let harmless: Vec<(i64, String)> = (10..60).map(|day| (day, format!("ec2:DescribeThing{day}"))).collect();
    let patient = weight(with_past(60, &harmless), "iam:AttachUserPolicy", end + 5);
    assert!(patient > 0.95 * settled, "{patient} after a new look each day, {settled} without");
    let looks =
        ["iam:ListUsers", "iam:ListRoles", "iam:GetAccountAuthorizationDetails", "iam:ListAccessKeys"];
    let curious: Vec<(i64, String)> =
        (10..60).zip(looks.into_iter().cycle()).map(|(day, look)| (day, look.into())).collect();
    let bits = |past: &[(i64, String)]| {
        let mut monitor = with_past(60, past);
        does(&mut monitor, "iam:AttachUserPolicy", end + 5);
        let state = monitor.shared().identities.get(ID).unwrap();
        state.behaviour.grave_innovation.surprise_bits(state.behaviour.active_days)
    };
    assert!((bits(&curious) - bits(&[])).abs() < 0.01, "looking around is no habit of it either");
}
