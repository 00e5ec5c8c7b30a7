//! Attacks through several identities.

use super::*;
use crate::monitor::Monitor;

fn role(number: usize) -> String {
    format!("arn:aws:iam::111122223333:role/role-{number}")
}

/// A monitor in which a role worked for thirty days.
fn settled(number: usize) -> Monitor {
    let mut monitor = fixture::empty_monitor();
    let name = format!("role-{number}");
    for hour in (0..30 * 24).step_by(7) {
        let usual = fixture::activity(&name, &Sample::default(), hour * HOUR_MS, &format!("usual-{hour}"));
        monitor.activity(&usual, &mut Vec::new());
    }
    monitor
}

/// A call made with a credential that may give out another for the next role.
fn call(monitor: &mut Monitor, number: usize, (credential, issues): (&str, Option<&str>), sample: Sample) {
    let sample = Sample {
        credential: Some(credential.into()),
        issues: issues.map(str::to_owned),
        resource: sample.resource.or_else(|| Some(role(number + 1))),
        ..sample
    };
    let at_ms = 30 * DAY_MS + (number as i64 + 1) * 60_000;
    let event = fixture::activity(&format!("role-{number}"), &sample, at_ms, &format!("call-{number}"));
    monitor.activity(&event, &mut Vec::new());
}

fn stolen(action: &str) -> Sample {
    Sample { action: action.into(), ip: "198.51.100.7".into(), client: "curl".into(), ..Sample::default() }
}

fn chain(server: &Running, query: &str) -> Vec<Value> {
    let found = server.get(&format!("/api/v1/incidents?chain={query}")).json();
    found["incidents"].as_array().unwrap().clone()
}

fn identities(found: &[Value]) -> Vec<&str> {
    found.iter().map(|incident| incident["identity_id"].as_str().unwrap()).collect()
}

/// An attacker with one role's key goes on through another; the partitions know of each other's incidents by the credential.
#[test]
fn an_attack_through_two_identities_is_one_chain_over_partitions() {
    let (mut first, mut second) = (fixture::busy_monitor(1), settled(1));
    call(&mut first, 0, ("ASIAFIRST", Some("ASIASECOND")), stolen("sts:AssumeRole"));
    call(&mut second, 1, ("ASIASECOND", None), stolen("secretsmanager:GetSecretValue"));
    let server = start(Fake { views: vec![second.view(), first.view()], ..fake() });
    let found = chain(&server, &role(1));
    assert_eq!(identities(&found), [role(0), role(1)]);
    let [one, two] = &found[..] else { panic!("{found:#?}") };
    assert_eq!(
        (&one["issued"][0]["credential"], &two["used"][0]),
        (&"ASIASECOND".into(), &"ASIASECOND".into())
    );
    assert_eq!(chain(&server, one["uid"].as_str().unwrap()), found, "whichever end is asked for");
    assert!(chain(&server, "linux:web:nobody").is_empty());
    assert_eq!(server.get("/api/v1/incidents?chain=a&identity=b").code, 400);
}

/// What a filter leaves out is walked through all the same, and counts for no place in the answer.
#[test]
fn filters_come_after_the_walk_and_before_the_limit() {
    let mut monitors = [settled(0), settled(1), settled(2), settled(3)];
    let [first, second, third, alone] = &mut monitors;
    call(first, 0, ("ASIAFIRST", Some("ASIASECOND")), stolen("sts:AssumeRole"));
    // One new call from the usual place with the usual tool: below the threshold.
    let slight =
        Sample { action: "sqs:SendMessage".into(), resource: Some("jobs".into()), ..Sample::default() };
    call(second, 1, ("ASIASECOND", Some("ASIATHIRD")), slight.clone());
    call(third, 2, ("ASIATHIRD", None), stolen("secretsmanager:GetSecretValue"));
    call(alone, 3, ("ASIAOTHER", None), slight);
    let server = start(Fake { views: monitors.iter().map(Monitor::view).collect(), ..fake() });
    let check = |query: &str, expected: &[usize]| {
        let expected: Vec<String> = expected.iter().map(|number| role(*number)).collect();
        assert_eq!(identities(&chain(&server, query)), expected, "{query}");
    };
    let (first, middle, last) = (role(0), role(1), role(2));
    check(&first, &[0, 1, 2]);
    check(&format!("{last}&limit=2"), &[0, 1]);
    check(&format!("{first}&state=open"), &[0, 2]);
    check(&format!("{last}&state=open&limit=1"), &[0]);
    check(&format!("{middle}&min_risk=50&limit=2"), &[0, 2]);
    check(&format!("{last}&state=pending&limit=1"), &[1]);
    check(&role(3), &[3]);
}
