//! What ingest tells the monitors about log sources, and when.

use super::*;
use crate::detect::testing::Sample;
use crate::monitor::{Effect, Monitor, Verdict, fixture};
use crate::runtime::observer::Unobserved;
use crate::time::{DAY_MS, HOUR_MS};

/// 2024-01-01T00:00:00Z.
const START_MS: i64 = 1_704_067_200_000;

fn processor() -> IngestProcessor {
    let mut config = Config::default();
    config.topics.inputs.truncate(1);
    IngestProcessor::new(&config, 3, Arc::new(Unobserved), Arc::new(InForce::new(Arc::default())))
}

/// A CloudTrail record of a role that reads a bucket.
fn record(role: &str, at_ms: i64) -> String {
    let time = ProcessingTime::from_millis(START_MS + at_ms).to_string();
    let arn = "arn:aws:iam::111122223333:role";
    serde_json::json!({
        "eventVersion": "1.08", "eventID": format!("{role}-{at_ms}"), "eventTime": time,
        "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "awsRegion": "eu-west-1",
        "sourceIPAddress": "192.0.2.10", "userAgent": "Boto3/1.34.0", "recipientAccountId": "111122223333",
        "userIdentity": {
            "type": "AssumedRole", "principalId": format!("AROA{}:job", role.to_uppercase()),
            "arn": format!("arn:aws:sts::111122223333:assumed-role/{role}/job"), "accountId": "111122223333",
            "sessionContext": { "sessionIssuer": { "type": "Role", "arn": format!("{arn}/{role}"), "userName": role } },
        },
    })
    .to_string()
}

/// A role that works for a month, sleeps for two and awakes elsewhere, while another keeps the log source alive: in order of time.
fn backlog() -> Vec<(i64, String)> {
    let hours = (0..90 * 24).step_by(6).map(|hour| hour * HOUR_MS);
    let mut records: Vec<_> = hours
        .flat_map(|at| {
            let sleeper = (at < 30 * DAY_MS).then(|| (at + 1, record("sleeper", at + 1)));
            [Some((at, record("steady", at))), sleeper]
        })
        .flatten()
        .collect();
    let awake = record("sleeper", 90 * DAY_MS).replace("192.0.2.10", "198.51.100.7");
    records.push((90 * DAY_MS, awake.replace("Boto3/1.34.0", "aws-cli/2.17.9")));
    records
}

/// Reads the backlog with a commit after so many records, and gives what the monitors make of it: alerts by detector, and marks.
fn read(per_commit: usize) -> (Vec<String>, usize) {
    let (mut processor, mut out) = (processor(), Outbox::new());
    let mut monitors: Vec<Monitor> = (0..3).map(|_| fixture::empty_monitor()).collect();
    let (mut effects, mut marks) = (Vec::new(), 0);
    for (offset, stretch) in (0..).zip(backlog().chunks(per_commit)) {
        for (at_ms, value) in stretch {
            let message = Message {
                source: Source { topic: 0, partition: 0 },
                offset,
                timestamp: ProcessingTime::from_millis(START_MS + at_ms),
                key: None,
                value: Some(value.as_bytes()),
                passage: Passage::Live,
            };
            processor.process(&message, &mut out).unwrap();
        }
        processor.before_commit(&mut out).unwrap();
        for record in out.drain() {
            assert_eq!(record.output, Output::Activity, "nothing is dead-lettered");
            let monitor = &mut monitors[record.partition.unwrap() as usize];
            frame::decode(&record.value.unwrap(), |record| {
                marks += usize::from(matches!(record, Record::Coverage(_)));
                monitor.process(&record, &mut effects);
            })
            .unwrap();
        }
    }
    let alerts = effects.iter().filter_map(|effect| match effect {
        Effect::Alert(report) => Some(report.message.clone()),
        Effect::LastSeen(_) | Effect::Withdrawn(_) => None,
    });
    (alerts.collect(), marks)
}

#[test]
fn a_backlog_in_one_transaction_awakes_the_same_alert_as_one_commit_for_each_record() {
    let (expected, _) = read(1);
    assert_eq!(expected.len(), 1, "{expected:?}");
    assert!(expected[0].contains("sleeper"), "{expected:?}");
    for per_commit in [7, 100, usize::MAX] {
        assert_eq!(read(per_commit).0, expected, "{per_commit} records in a transaction");
    }
}

#[test]
fn a_log_source_costs_a_mark_for_each_hour_and_one_for_each_commit() {
    let (hours, partitions) = (90 * 24 / 6 + 1, 3);
    assert_eq!(read(usize::MAX).1, hours * partitions, "the newest event was the first of its hour");
    let (mut processor, mut out) = (processor(), Outbox::new());
    let seen = [5, 6, 7]
        .map(crate::time::EventTime::from_millis)
        .map(|time| processor.seen.add("aws:111122223333:eu-west-1", time, ProcessingTime::default()));
    assert_eq!(seen.iter().flatten().count(), 1);
    processor.before_commit(&mut out).unwrap();
    assert_eq!(out.drain().count(), partitions, "how far it came");
}

#[test]
fn a_log_source_that_no_frame_can_name_costs_its_own_records_and_no_others_marks() {
    let (mut processor, mut out) = (processor(), Outbox::new());
    let payload = Payload {
        bytes: b"{}",
        source: "cloudtrail",
        partition: 0,
        offset: 0,
        received: ProcessingTime::default(),
        format: FormatHint::Auto,
    };
    let IngestProcessor { frames, seen, unreadable, counts, .. } = &mut processor;
    let counts = counts.entry(0).or_default();
    let mut router =
        Router { payload, is_log: true, is_past: false, frames, seen, unreadable, counts, out: &mut out };
    for (id, scope) in
        [("a", String::new()), ("b", "x".repeat(frame::MAX_RECORD_BYTES)), ("c", String::new())]
    {
        let mut activity = fixture::activity("app", &Sample::default(), 0, id);
        if !scope.is_empty() {
            activity.event.scope = scope.into();
        }
        router.activity(activity);
    }
    assert_eq!(router.counts.activities, 2);
    assert_eq!(router.counts.dead_lettered, BTreeMap::from([("record_too_large", 1)]));
    processor.before_commit(&mut out).unwrap();
    let frames = out.drain().filter(|record| record.output == Output::Activity);
    let mut marks = 0;
    for record in frames {
        frame::decode(&record.value.unwrap(), |record| {
            marks += usize::from(matches!(record, Record::Coverage(_)))
        })
        .unwrap();
    }
    assert_eq!(marks, 3, "one for each partition");
}

/// Feedback reaches the monitor of its identity in a frame of its own; what cannot be taken is a dead letter with its reason.
#[test]
fn feedback_is_routed_to_its_identity_or_set_aside_with_a_reason() {
    let (mut processor, mut out) = (processor(), Outbox::new());
    let role = "arn:aws:iam::111122223333:role/app";
    let read = |processor: &mut IngestProcessor, out: &mut Outbox, key: &[u8], value: Option<&[u8]>| {
        // The inputs' one topic, the inventory, and then this one.
        let source = Source { topic: 2, partition: 0 };
        let timestamp = ProcessingTime::from_millis(START_MS);
        processor
            .process(
                &Message { source, offset: 7, timestamp, key: Some(key), value, passage: Passage::Live },
                out,
            )
            .unwrap()
    };
    let word = |verdict: &str| {
        serde_json::json!({"schema": "nhi.feedback/1", "identity_id": role, "verdict": verdict, "by": "ana",
            "reason": "change 4711", "at": "2023-12-31T00:00:00Z"})
        .to_string()
    };
    assert_eq!(read(&mut processor, &mut out, role.as_bytes(), Some(word("mute").as_bytes())), 1);
    assert_eq!(read(&mut processor, &mut out, role.as_bytes(), Some(word("ignore").as_bytes())), 1);
    assert_eq!(read(&mut processor, &mut out, b"linux:web:a", Some(word("mute").as_bytes())), 1);
    assert_eq!(read(&mut processor, &mut out, role.as_bytes(), None), 1);
    let (frames, letters): (Vec<_>, Vec<_>) =
        out.drain().partition(|record| record.output == Output::Activity);
    let [frame] = &frames[..] else { panic!("{frames:?}") };
    assert_eq!(frame.partition, Some(crate::term::partition_of(role, 3) as i32));
    let mut verdicts = Vec::new();
    frame::decode(frame.value.as_deref().unwrap(), |record| {
        if let Record::Feedback(feedback) = record {
            verdicts.push((feedback.identity_id, feedback.verdict));
        }
    })
    .unwrap();
    assert_eq!(verdicts, [(role.to_owned(), Verdict::Mute)]);
    let reasons: Vec<_> = letters.iter().map(|letter| letter.headers[0].1.as_str()).collect();
    assert_eq!(reasons, ["unknown_word", "identity_id_mismatch"]);
    let counts = &processor.counts[&2];
    assert_eq!((counts.records, counts.activities, counts.skipped["tombstone"]), (4, 1, 1));
}

/// What the monitors are told of these messages of one log source, in three partitions.
fn told(messages: &[(Passage, String)]) -> (Vec<Record<'static>>, IngestProcessor) {
    let (mut processor, mut out) = (processor(), Outbox::new());
    for (offset, (passage, value)) in (0..).zip(messages) {
        let message = Message {
            source: Source { topic: 0, partition: 0 },
            offset,
            timestamp: ProcessingTime::from_millis(START_MS + 100 * DAY_MS),
            key: None,
            value: Some(value.as_bytes()),
            passage: *passage,
        };
        assert_eq!(processor.process(&message, &mut out).unwrap(), 1);
    }
    processor.before_commit(&mut out).unwrap();
    let mut told = Vec::new();
    for record in out.drain().filter(|record| record.output == Output::Activity) {
        let frame: &'static [u8] = Box::leak(record.value.unwrap().into_boxed_slice());
        frame::decode(frame, |record| told.push(record)).unwrap();
    }
    (told, processor)
}

#[test]
fn history_is_marked_and_covers_nothing_by_itself() {
    let messages = [(Passage::Past, record("app", 0)), (Passage::Live, record("app", DAY_MS))];
    let (told, _) = told(&messages);
    let past: Vec<bool> = told
        .iter()
        .filter_map(|record| match record {
            Record::Activity(activity) => Some(activity.event.is_past),
            _ => None,
        })
        .collect();
    let marks: Vec<(u32, u32)> = told
        .iter()
        .filter_map(|record| match record {
            Record::LateCoverage(marks) => Some((marks[0].hour, marks[0].received)),
            Record::Coverage(marks) => panic!("{marks:?} came months after its hour"),
            _ => None,
        })
        .collect();
    assert_eq!(past, [true, false]);
    let hour = |day: i64| ((START_MS + day * DAY_MS) / HOUR_MS) as u32;
    assert_eq!(marks, [(hour(1), hour(100)); 3], "one for each partition");
}

#[test]
fn what_a_backfill_covers_is_told_to_every_monitor_and_what_is_no_statement_is_set_aside() {
    let hour = (START_MS / HOUR_MS) as u32;
    let statement = |is_proven| {
        let until = crate::time::EventTime::from_millis(START_MS + HOUR_MS);
        let stated = backfill::Statement::new("linux:web", vec![(hour, hour + 1)], until, is_proven);
        String::from_utf8(stated.to_bytes().unwrap()).unwrap()
    };
    let messages =
        [statement(false), statement(true), record("app", 0)].map(|value| (Passage::Statement, value));
    let (told, processor) = told(&messages);
    let coverage = told.iter().filter(|record| matches!(record, Record::PastCoverage(_))).count();
    let complete = told.iter().filter(|record| matches!(record, Record::Complete(_))).count();
    assert_eq!((coverage, complete, told.len()), (3, 3, 6));
    let counts = &processor.counts[&0];
    assert_eq!(
        (counts.records, counts.skipped["backfill_statement"], counts.dead_lettered["bad_json"]),
        (3, 2, 1)
    );
}

/// What the monitors of all partitions are told of a message on the topic that cannot be read.
fn told_of(topic: usize, value: &[u8]) -> Vec<Unreadable> {
    let (mut processor, mut out) = (processor(), Outbox::new());
    let source = Source { topic: topic as u16, partition: 0 };
    let timestamp = ProcessingTime::from_millis(1_767_571_200_000);
    let message =
        Message { source, offset: 7, timestamp, key: None, value: Some(value), passage: Passage::Live };
    processor.process(&message, &mut out).unwrap();
    processor.before_commit(&mut out).unwrap();
    let mut told = Vec::new();
    for record in out.drain().filter(|record| record.output == Output::Activity) {
        let take = |record: Record<'_>| {
            if let Record::Unreadable(unreadable) = record {
                told.extend(unreadable);
            }
        };
        frame::decode(&record.value.unwrap(), take).unwrap();
    }
    told
}

#[test]
fn what_cannot_be_read_is_told_to_every_monitor_by_the_hour_of_its_reception() {
    let hour = 1_767_571_200_000_i64 / 3_600_000;
    let unreadable = |payloads, records| Unreadable { hour: hour as u32, payloads, records };
    assert_eq!(told_of(0, b"\x1f\x8b\x08 no gzip"), vec![unreadable(1, 0); 3]);
    assert_eq!(told_of(0, br#"{"eventVersion":"1.08","eventTime":"2026-0"#), vec![unreadable(0, 1); 3]);
    let cut = br#"{"Records":[{"eventVersion":"1.08","eventTime":"2026-0"#;
    assert_eq!(told_of(0, cut), vec![unreadable(1, 0); 3], "nobody knows how many records followed");
    assert_eq!(told_of(0, b"{}"), [], "that is no log");
    let inventory = IngestProcessor::topics(&Config::default()).len() - 2;
    assert_eq!(told_of(inventory, b"{"), [], "a declaration is no use of an identity");
}
