//! People who work with a machine's identity: what their names explain, and what they run as root.

use super::*;
use crate::activity::Interactive;

/// Guarantees that an engineer at work with a tool, who tells their name, weighs less than somebody in the web console of a machine's role.
#[test]
fn a_name_explains_a_tool_and_not_the_console() {
    let bits = |interactive| {
        let mut monitor = settled();
        let from_elsewhere = Sample { ip: "203.0.113.9".into(), ..Sample::default() };
        let mut event = activity("app", &from_elsewhere, 30 * DAY_MS, "named");
        event.event.interactive = interactive;
        monitor.activity(&event, &mut Vec::new());
        let held = monitor.view().incident("arn:aws:iam::111122223333:role/app").unwrap();
        let of = |id| {
            held.signals.iter().filter(|signal| signal.detector == id).map(|signal| signal.bits).sum::<f32>()
        };
        (of("human-use"), of("new-origin"))
    };
    let (named, console) = (bits(Interactive::NAMED), bits(Interactive::NAMED.union(Interactive::CONSOLE)));
    assert!(named.0 < console.0 && named.1 < console.1, "{named:?} {console:?}");
    assert_eq!(bits(Interactive::CONSOLE), console);
}

#[test]
fn a_program_run_as_root_weighs_what_it_is_good_for() {
    let signal = |program: &str| {
        let mut monitor = settled();
        let sample =
            Sample { action: "sudo:exec".into(), resource: Some(program.into()), ..Sample::default() };
        monitor.activity(&activity("app", &sample, 30 * DAY_MS, "run"), &mut Vec::new());
        let held = monitor.view().incident("arn:aws:iam::111122223333:role/app").unwrap();
        assert!(held.signals.iter().all(|signal| signal.detector != "new-resource"), "{held:?}");
        held.signals.into_iter().find(|signal| signal.detector == "new-program").unwrap()
    };
    let (rsync, useradd) = (signal("/usr/bin/rsync"), signal("/usr/sbin/useradd"));
    assert!(useradd.bits > rsync.bits + 5.0, "{useradd:?} {rsync:?}");
    assert!(useradd.reason.ends_with("/usr/sbin/useradd, which can give away control"), "{useradd:?}");
}
