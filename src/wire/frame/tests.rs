use proptest::prelude::*;

use super::*;
use crate::activity::*;
use crate::identity::declared::{Declared, DeclaredChange};
use crate::monitor::feedback::{Feedback, Scope, Verdict};
use crate::monitor::{CompleteHours, CoverageMark, InputLoss, LateMark};
use crate::text::Text;
use crate::time::{EventTime, ProcessingTime};

/// An activity with every part set, or (`is_full` false) with none that may be absent.
fn activity(is_full: bool) -> Activity<'static> {
    let some = |text: &'static str| is_full.then(|| Text::from(text));
    Activity {
        identity: Identity {
            id: "arn:aws:iam::111122223333:role/app".into(),
            unique_id: some("AROAEXAMPLE"),
            kind: Kind::Workload,
            classification: Classification {
                class: Class::NonHuman,
                confidence: 90,
                evidence: Evidence::Session,
            },
        },
        event: Event {
            time: EventTime::from_millis(1_769_850_000_250),
            time_clamped: is_full,
            received: ProcessingTime::from_millis(1_769_850_600_000),
            usage: Usage::Used,
            credential: is_full
                .then(|| Credential { kind: CredentialKind::Temporary, id: "ASIAEXAMPLE".into() }),
            service: "s3".into(),
            operation: "GetObject".into(),
            read_only: is_full.then_some(true),
            resource: some("arn:aws:s3:::bucket"),
            outcome: Outcome::Denied,
            error_code: some("AccessDenied"),
            bytes_out: is_full.then_some(4_096),
            origin: Origin {
                ip: some("203.0.113.7"),
                network: some("203.0.113.0/24"),
                country: some("NL"),
                provider_service: some("cloudformation.amazonaws.com"),
                vpc_endpoint: some("vpce-1"),
                asn: some("AS64500"),
                as_name: some("Example Hosting"),
                listed: is_full.then(|| Listed { class: NetworkClass::Tor, list: "exits".into() }),
            },
            client: is_full.then(|| Client { family: "Boto3".into(), version: some("1.34") }),
            region: some("eu-west-1"),
            account: some("111122223333"),
            session: some("i-0abc"),
            workload: some("ec2:i-0abc"),
            caller: some("aws-service:ec2.amazonaws.com"),
            issued: is_full.then(|| Issued { id: "ASIAISSUED".into(), session: some("session-1") }),
            interactive: Interactive::MFA,
            via_service: some("athena.amazonaws.com"),
            event_id: some("e-1"),
            shared_event_id: some("s-1"),
            scope: "aws:111122223333:eu-west-1".into(),
            provenance: Provenance { source: "cloudtrail".into(), partition: 3, offset: 41, index: 2 },
            is_past: is_full,
        },
    }
}

fn one_of_each() -> Vec<Record<'static>> {
    let declared = Declared {
        kind: Some(Kind::Automation),
        class: Some(Class::NonHuman),
        owner: Some("team-a".into()),
        created_at: Some(EventTime::from_millis(1)),
        unused_after_days: Some(30),
        allowed_services: vec!["s3".into()],
        original: r#"{"owner":"team-a"}"#.into(),
        ..Declared::default()
    };
    vec![
        Record::Activity(Box::new(activity(true))),
        Record::Activity(Box::new(activity(false))),
        Record::Declared(Box::new(DeclaredChange {
            identity_id: "linux:web:deploy".into(),
            declared: Some(declared),
        })),
        Record::Declared(Box::new(DeclaredChange { identity_id: "linux:web:deploy".into(), declared: None })),
        Record::Coverage(vec![CoverageMark {
            scope: "linux:web".into(),
            hours: vec![491_625],
            until_ms: 1_769_850_000_250,
        }]),
        Record::Lost(InputLoss {
            topic: "cloudtrail".into(),
            partition: 3,
            until: ProcessingTime::from_millis(1_769_850_600_000),
            is_certain: true,
        }),
        Record::Feedback(Box::new(Feedback {
            identity_id: "linux:web:deploy".into(),
            verdict: Verdict::Mute,
            scope: Scope::Detector("new-origin".into()),
            at: EventTime::from_millis(1_769_850_000_250),
            until: Some(EventTime::from_millis(1_772_442_000_250)),
            by: "ana".into(),
            reason: "change 4711".into(),
        })),
        Record::PastCoverage(vec![CoverageMark {
            scope: "aws:111122223333:eu-west-1".into(),
            hours: vec![491_625, 491_626],
            until_ms: 1_769_853_600_000,
        }]),
        Record::Complete(vec![CompleteHours {
            scope: "aws:111122223333:eu-west-1".into(),
            hours: vec![(491_625, 491_626)],
            until_ms: 1_769_857_199_999,
        }]),
        Record::LateCoverage(vec![LateMark {
            scope: "linux:web".into(),
            hour: 491_625,
            received: 491_700,
            until_ms: 1_769_850_000_250,
        }]),
    ]
}

fn frame_of(records: &[Record<'_>]) -> Vec<u8> {
    let mut encoder = FrameEncoder::new(CAPACITY);
    for record in records {
        encoder.push(record).unwrap();
    }
    encoder.take()
}

fn records_of(frame: &[u8]) -> Vec<Record<'_>> {
    let mut records = Vec::new();
    assert_eq!(decode(frame, |record| records.push(record)), Ok(records.len()));
    records
}

fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let lines = digits.as_bytes().chunks(100).map(|line| String::from_utf8_lossy(line).into_owned());
    lines.collect::<Vec<_>>().join("\n")
}

/// When this fails after a release, frames in flight during an upgrade are misread: count `VERSION` up, and keep reading
/// the old one. Before the first release, `NHI_UPDATE_GOLDEN=1` writes the file.
#[test]
fn version_2_frames_have_these_bytes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/wire/frame/frame_v2.hex");
    let found = hex(&frame_of(&one_of_each()));
    if std::env::var_os("NHI_UPDATE_GOLDEN").is_some() {
        std::fs::write(path, format!("{found}\n")).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap();
    assert_eq!(found, golden.trim());
    let digits: String = golden.split_whitespace().collect();
    let bytes: Vec<u8> =
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect();
    assert_eq!(records_of(&bytes), one_of_each());
}

#[test]
fn strings_are_borrowed_from_the_frame() {
    let frame = frame_of(&one_of_each()[..1]);
    let records = records_of(&frame);
    let Record::Activity(activity) = &records[0] else { panic!("not an activity") };
    let range = frame.as_ptr_range();
    assert!(range.contains(&activity.identity.id.as_str().as_ptr()));
    assert!(range.contains(&activity.event.event_id.as_ref().unwrap().as_str().as_ptr()));
}

#[test]
fn a_newer_version_is_refused_by_name() {
    let mut frame = frame_of(&one_of_each());
    frame[0] = VERSION + 1;
    let error = decode(&frame, |_| panic!("nothing may be read")).unwrap_err();
    assert_eq!(error, Error::TooNew { found: VERSION + 1 });
    assert_eq!(
        error.to_string(),
        "frame of version 3, this program reads up to 2: upgrade all monitors before the first ingest"
    );
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let frame = frame_of(&one_of_each());
    for end in 0..frame.len() {
        let mut count = 0;
        if decode(&frame[..end], |_| count += 1).is_ok() {
            assert_eq!(frame_of(&one_of_each()[..count]).len(), end, "cut within a record, yet read");
        }
    }
    assert_eq!(decode(&[], |_| ()).map_err(|error| error.kind()), Err("frame_damaged"));
    assert_eq!(decode(&[0], |_| ()).map_err(|error| error.kind()), Err("frame_damaged"));
    assert_eq!(decode(&[VERSION], |_| ()), Ok(0));
}

#[test]
fn a_full_frame_says_so_and_take_starts_anew() {
    let record = &one_of_each()[0];
    let mut encoder = FrameEncoder::new(1_000);
    assert!(encoder.is_empty() && !encoder.is_full());
    while !encoder.is_full() {
        encoder.push(record).unwrap();
    }
    assert_eq!(encoder.records(), 3);
    assert!((1_000..1_500).contains(&encoder.len()));
    assert_eq!(records_of(&encoder.take()).len(), 3);
    assert!(encoder.is_empty());
    assert_eq!(encoder.take(), [VERSION]);
}

#[test]
fn a_record_above_the_cap_leaves_the_frame_as_it_was() {
    let mut encoder = FrameEncoder::new(CAPACITY);
    encoder.push(&one_of_each()[1]).unwrap();
    let before = encoder.len();
    let mut large = activity(false);
    large.event.resource = Some("x".repeat(MAX_RECORD_BYTES).into());
    let error = encoder.push(&Record::Activity(Box::new(large))).unwrap_err();
    assert_eq!(error.kind(), "record_too_large");
    assert_eq!((encoder.len(), encoder.records()), (before, 1));
    assert_eq!(records_of(&encoder.take()), one_of_each()[1..2]);
}

prop_compose! {
    fn any_activity()(
        is_full in any::<bool>(),
        id in ".{0,40}",
        operation in ".{0,20}",
        resource in proptest::option::of(".{0,60}"),
        time in 0..4_000_000_000_000_i64,
        partition in any::<i32>(),
        offset in any::<i64>(),
        index in any::<u32>(),
        flags in any::<u8>(),
    ) -> Activity<'static> {
        let mut activity = activity(is_full);
        activity.identity.id = id.into();
        activity.event.operation = operation.into();
        activity.event.resource = resource.map(Text::from);
        activity.event.time = EventTime::from_millis(time);
        activity.event.interactive = Interactive(flags);
        activity.event.provenance = Provenance { source: "t".into(), partition, offset, index };
        activity
    }
}

fn any_record() -> impl Strategy<Value = Record<'static>> {
    let coverage = (".{0,20}", proptest::collection::vec(any::<u32>(), 0..5), any::<i64>());
    let declared = (".{0,20}", proptest::option::of(".{0,40}"));
    prop_oneof![
        any_activity().prop_map(|activity| Record::Activity(Box::new(activity))),
        coverage.prop_map(|(scope, hours, until_ms)| {
            Record::Coverage(vec![CoverageMark { scope, hours, until_ms }])
        }),
        declared.prop_map(|(identity_id, original)| {
            let declared = original.map(|original| Declared { original, ..Declared::default() });
            Record::Declared(Box::new(DeclaredChange { identity_id, declared }))
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_packed_comes_out(records in proptest::collection::vec(any_record(), 0..20)) {
        let frame = frame_of(&records);
        prop_assert_eq!(records_of(&frame), records);
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for frame in [bytes.clone(), [&[VERSION][..], &bytes].concat()] {
            let read = decode(&frame, |_| ());
            prop_assert!(read.unwrap_or(0) <= frame.len() / LENGTH_BYTES);
        }
    }
}
