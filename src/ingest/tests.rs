use proptest::prelude::*;

use super::*;

const RECORD: &str = r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111122223333:user/ci","accountId":"111122223333","accessKeyId":"AKIAEXAMPLE","userName":"ci"},"eventTime":"2026-01-31T09:30:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.7","userAgent":"aws-cli/2.15.0","eventID":"e-1","eventType":"AwsApiCall","recipientAccountId":"111122223333"}"#;
const NAMELESS: &str =
    r#"{"eventVersion":"1.08","eventTime":"2026-01-31T09:30:00Z","eventSource":"s3.amazonaws.com"}"#;
const INSIGHT: &str = r#"{"eventVersion":"1.07","eventTime":"2026-01-31T09:30:00Z","eventType":"AwsCloudTrailInsight","eventCategory":"Insight"}"#;
const LINE: &str = "<38>2026-01-31T09:30:00Z web-1 sshd[812]: Accepted publickey for deploy from 192.0.2.7 port 51514 ssh2: ED25519 SHA256:abc";

/// What a sink was told, one word per call, in order.
#[derive(Debug, Default, PartialEq)]
struct Told {
    words: Vec<String>,
    dead: Vec<Vec<u8>>,
}

impl Sink for Told {
    fn activity(&mut self, activity: Activity<'_>) {
        let index = activity.event.provenance.index;
        self.words.push(format!("{index} {} {}", activity.identity.id, activity.event.action()));
    }

    fn skipped(&mut self, reason: &'static str) {
        self.words.push(format!("skipped {reason}"));
    }

    fn rejected(&mut self, rejected: Rejected<'_>) {
        assert!(!rejected.detail.is_empty());
        self.words.push(format!("{} rejected {}", rejected.index, rejected.reason));
        self.dead.push(rejected.bytes.to_vec());
    }
}

fn ingest(ingest: &mut Ingest, bytes: &[u8]) -> Told {
    let mut told = Told::default();
    let received = ProcessingTime::parse_rfc3339("2026-01-31T10:00:00Z").unwrap_or_default();
    let payload =
        Payload { bytes, source: "trail", partition: 3, offset: 42, received, format: FormatHint::Auto };
    let count = ingest.ingest(payload, &mut told);
    assert_eq!(count as usize, told.words.len(), "records = activities + skipped + rejected");
    assert!(count > 0);
    told
}

#[track_caller]
fn check(input: &str, expected: &[&str]) {
    assert_eq!(ingest(&mut Ingest::default(), input.as_bytes()).words, expected);
}

const CI: &str = "arn:aws:iam::111122223333:user/ci s3:GetObject";

#[test]
fn every_record_is_told_once() {
    check(RECORD, &[&format!("0 {CI}")]);
    check(&format!("{RECORD}\n{RECORD}"), &[&format!("0 {CI}"), &format!("1 {CI}")]);
    check(LINE, &["0 linux:web-1:deploy sshd:login"]);
    check(
        &format!(r#"{{"Records":[{RECORD},{INSIGHT},{NAMELESS},{{,}},{RECORD}]}}"#),
        &[
            &format!("0 {CI}"),
            "skipped insight",
            "2 rejected missing_field",
            "3 rejected bad_json",
            &format!("4 {CI}"),
        ],
    );
    check("[,]", &["0 rejected bad_json"]);
    check(&format!("{{\"Records\":[,]}}\n{RECORD}"), &["0 rejected bad_json", &format!("1 {CI}")]);
    check("", &["skipped tombstone"]);
}

#[test]
fn a_guess_that_was_wrong_is_looked_at_again() {
    // Two records on one line begin and end as one does.
    check(&format!("{RECORD}{RECORD}"), &[&format!("0 {CI}"), &format!("1 {CI}")]);
    check(&format!("{RECORD} {LINE} }}"), &[&format!("0 {CI}"), "1 linux:web-1:deploy sshd:login"]);
    check(NAMELESS, &["0 rejected missing_field"]);
    check(&RECORD.replace("\"eventName\":", "\"eventName\" "), &["0 rejected bad_json"]);
}

#[test]
fn a_dead_letter_has_the_bytes_of_its_record() {
    let input = format!("{RECORD}\n{{\"message\":\"what?\"}}\n[{RECORD},{NAMELESS}]\n");
    let told = ingest(&mut Ingest::default(), input.as_bytes());
    let dead = told.dead.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect::<Vec<_>>();
    assert_eq!(dead, [r#"{"message":"what?"}"#, NAMELESS]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_accounted_for_and_leave_nothing_behind(payloads in prop::collection::vec(bytes(), 1..4)) {
        let mut reused = Ingest::default();
        for payload in &payloads {
            prop_assert_eq!(ingest(&mut reused, payload), ingest(&mut Ingest::default(), payload));
        }
    }
}

/// Records, lines and parts of them, put together and then changed in one place.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let parts = [
        RECORD,
        NAMELESS,
        INSIGHT,
        LINE,
        "\n",
        "{\"Records\":[",
        ",",
        "]}",
        "{\"message\":\"",
        "\"}",
        "[",
        "]",
    ];
    let texts =
        prop::collection::vec(prop::sample::select(parts.to_vec()), 1..8).prop_map(|parts| parts.concat());
    (texts, any::<prop::sample::Index>(), any::<Option<u8>>()).prop_map(|(text, at, change)| {
        let mut bytes = text.into_bytes();
        if let Some(change) = change {
            let at = at.index(bytes.len());
            bytes[at] = change;
        }
        bytes
    })
}
