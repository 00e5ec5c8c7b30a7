//! What stands around a message: syslog headers, envelopes, journald fields, times.

use super::*;

/// A whole line, and where the host and the time of its one activity come from.
fn check_header(format: Format, text: &str, expected: &str) {
    let result = normalized(format, text);
    let found = match &result {
        Ok(Normalized::Activity(Principal::Linux(principal), event)) => {
            format!("{} {}/{} {}", event.time, principal.host, principal.account, event.scope)
        }
        _ => rendered(&result),
    };
    assert_eq!(found, expected, "{text}");
}

#[test]
fn syslog_headers() {
    let check = |text: &str, expected: &str| check_header(Format::Syslog, text, expected);
    let cases = [
        "<38>Mar 10 11:59:58 Web-1 sshd[42]: Accepted password for svc from 203.0.113.9 port 5 ssh2",
        "Mar 10 11:59:58 web-1 sshd[42]: Accepted password for svc from 203.0.113.9 port 5 ssh2",
        "Mar 10 2026 11:59:58 web-1 sshd[42]: Accepted password for svc from 203.0.113.9 port 5 ssh2",
        "2026-03-10T13:59:58.000000+02:00 web-1 sshd[42]: Accepted password for svc from 203.0.113.9 port 5 ssh2\n",
        "<38>1 2026-03-10T11:59:58Z web-1 sshd 42 - - Accepted password for svc from 203.0.113.9 port 5 ssh2",
        "117 <38>1 2026-03-10T11:59:58Z web-1 sshd 42 - - Accepted password for svc from 203.0.113.9 port 5 ssh2",
        "<38>1 2026-03-10T11:59:58Z web-1 /usr/sbin/sshd 42 ID7 [a@1 k=\"v \\\" ] \\] w\"][b] \u{feff}Accepted password for svc from 203.0.113.9 port 5 ssh2",
    ];
    for text in cases {
        check(text, "2026-03-10T11:59:58.000Z web-1/svc linux:web-1");
    }
    check("Mar 10 11:59:58 web-1 last message repeated 3 times", "skipped repeated");
    check(
        "Mar 10 11:59:58 sshd[42]: Accepted password for svc from 203.0.113.9 port 5 ssh2",
        "error missing_field",
    );
    check("sshd[42]: Accepted password for svc from 203.0.113.9 port 5 ssh2", "error missing_field");
    check("<38>1 2026-03-10T11:59:58Z web-1 sshd 42 - [a k=\"", "error missing_field");
    check("<38>1 yesterday web-1 sshd 42 - - hello", "error bad_time");
    check("<38>1", "error missing_field");
    check("", "error missing_field");
}

#[test]
fn the_envelope_fills_in_what_the_line_lacks() {
    let envelope =
        Envelope { host: Some("web-2".into()), time: EventTime::parse_rfc3339("2026-03-10T11:00:00Z") };
    let text = "sshd[42]: Accepted password for svc from 203.0.113.9 port 5 ssh2";
    let result = normalize(&RawRecord { format: Format::Syslog, text, envelope }, &context());
    let Ok(Normalized::Activity(Principal::Linux(principal), event)) = result else { panic!("{result:?}") };
    assert_eq!(
        (principal.host.as_str(), event.time.to_rfc3339().as_str()),
        ("web-2", "2026-03-10T11:00:00.000Z")
    );
}

#[test]
fn the_collectors_time_tells_the_year() {
    let envelope = Envelope { host: None, time: EventTime::parse_rfc3339("2024-01-01T00:00:10Z") };
    let text = "Dec 31 23:59:59 web-1 sshd[42]: Accepted password for svc from 203.0.113.9 port 5 ssh2";
    let result = normalize(&RawRecord { format: Format::Syslog, text, envelope }, &context());
    let Ok(Normalized::Activity(_, event)) = result else { panic!("{result:?}") };
    assert_eq!(event.time.to_rfc3339(), "2023-12-31T23:59:59.000Z");
}

#[test]
fn a_clock_that_is_ahead_is_clamped() {
    let text = "2027-03-10T11:00:00Z web-1 sshd[4]: Accepted password for svc from 203.0.113.9 port 5 ssh2";
    check_header(Format::Syslog, text, "2026-03-10T12:00:00.000Z web-1/svc linux:web-1");
}

fn journal(fields: &str) -> String {
    format!(
        r#"{{"__CURSOR":"s=ab;i=1","__REALTIME_TIMESTAMP":"1773143999000000","_HOSTNAME":"web-1",
        "_SOURCE_REALTIME_TIMESTAMP":"1773143998000000","SYSLOG_IDENTIFIER":"sshd",{fields}}}"#
    )
}

#[test]
fn journald_entries() {
    let login = "Accepted password for svc from 203.0.113.9 port 5 ssh2";
    let bytes = format!("{:?}", login.as_bytes());
    let time = "2026-03-10T11:59:58.000Z web-1/svc linux:web-1";
    let check = |fields: &str, expected: &str| check_header(Format::Journald, &journal(fields), expected);
    check(&format!(r#""MESSAGE":"{login}","_UID":"0","_COMM":"sshd""#), time);
    check(&format!(r#""MESSAGE":"\u0041{}""#, &login[1..]), time);
    check(&format!(r#""MESSAGE":{bytes}"#), time);
    check(&format!(r#""MESSAGE":["{login}","other"]"#), time);
    check(&format!(r#""MESSAGE":[{bytes}]"#), time);
    check(r#""MESSAGE":null"#, "error missing_field");
    check(r#""MESSAGE":[256]"#, "error bad_json");
    check(r#""MESSAGE":"a","_COMM":{"a":[1]}"#, "skipped other_message");
    check(r#""MESSAGE":"a","MESSAGE":"b""#, "error bad_json");
    check_header(Format::Journald, "not json", "error bad_json");
    check_header(
        Format::Journald,
        r#"{"MESSAGE":"a","_HOSTNAME":"h","__REALTIME_TIMESTAMP":"soon"}"#,
        "error bad_time",
    );
}

/// Anybody may log as `sshd`; journald knows who it really was.
#[test]
fn journald_tells_forged_entries() {
    let login = r#""MESSAGE":"Accepted password for root from 203.0.113.9 port 5 ssh2""#;
    let check = |fields: &str, expected: &str| check_header(Format::Journald, &journal(fields), expected);
    check(&format!(r#"{login},"_UID":"1000","_COMM":"logger""#), "skipped forged");
    check(&format!(r#"{login},"_UID":"1000","_COMM":"sshd""#), "skipped forged");
    let shell = r#""MESSAGE":"Starting session: shell on pts/0 for svc from 203.0.113.9 port 5 id 0""#;
    check(
        &format!(r#"{shell},"_UID":"1000","_COMM":"sshd""#),
        "2026-03-10T11:59:58.000Z web-1/svc linux:web-1",
    );
    check(&format!(r#"{shell},"_UID":"1000","_COMM":"logger""#), "skipped forged");
    let sudo = |comm: &str| {
        format!(
            r#"{{"__REALTIME_TIMESTAMP":"1773143998000000","_HOSTNAME":"web-1","SYSLOG_IDENTIFIER":"sudo","_UID":"1000","_COMM":"{comm}",
            "MESSAGE":"alice : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls"}}"#
        )
    };
    check_header(Format::Journald, &sudo("logger"), "skipped forged");
    let text = sudo("sudo");
    let real = rendered(&normalized(Format::Journald, &text));
    assert_eq!(real, "web-1/alice uid=1000 sudo:exec on=/bin/ls as=root terminal");
}

#[test]
fn the_cursor_is_the_event_id_and_a_key_the_credential() {
    let text = journal(
        r#""MESSAGE":"Accepted publickey for svc from ::ffff:203.0.113.9 port 5 ssh2: RSA SHA256:k""#,
    );
    let Ok(Normalized::Activity(_, event)) = normalized(Format::Journald, &text) else {
        panic!("no activity")
    };
    assert_eq!(event.event_id.as_deref(), Some("s=ab;i=1"));
    assert_eq!(event.origin.network.as_deref(), Some("203.0.113.0/24"));
    assert_eq!(event.credential.as_ref().map(|c| c.kind), Some(CredentialKind::LongTerm));
}
