//! What a hop over `nhi.activity` costs: nanoseconds and bytes of one activity in a frame.
//!
//! `cargo bench --no-default-features --bench frame [-- FOLDER]`; with a folder, the frames are written there for
//! compressors to be tried on.

#![allow(clippy::unwrap_used, reason = "a test may fail, and says where")]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nhi_monitor::activity::{
    Activity, Class, Classification, Client, Credential, CredentialKind, Event, Evidence, Identity,
    Interactive, Kind, Origin, Outcome, Provenance, Usage,
};
use nhi_monitor::monitor::Record;
use nhi_monitor::term::stable_hash;
use nhi_monitor::time::{EventTime, ProcessingTime};
use nhi_monitor::wire::frame::{CAPACITY, FrameEncoder, decode};

/// Enough for some tens of frames, few enough to run in a second.
const ACTIVITIES: u64 = 50_000;
/// Identities of one partition that are active at a time.
const IDENTITIES: u64 = 400;
/// Activities that are measured, over and over: in the running program, one was made just before and is in cache.
const WARM: usize = 256;
/// Each measurement is the best of these, since anything else on the machine only adds. A round is short, so that
/// some run undisturbed even where others share the processor.
const ROUNDS: usize = 2_000;

fn main() {
    let records: Vec<Record<'_>> = (0..ACTIVITIES).map(record).collect();
    let frames = encode(records.iter());
    let bytes: usize = frames.iter().map(Vec::len).sum();
    println!(
        "{} frames, {:.1} activities a frame, {:.1} bytes an activity",
        frames.len(),
        ACTIVITIES as f64 / frames.len() as f64,
        bytes as f64 / ACTIVITIES as f64
    );
    report("encode", best_of(|| drop(black_box(encode(records[..WARM].iter())))));
    let frame = encode(records[..WARM].iter()).concat();
    report("decode", best_of(|| count(&frame)));
    if let Some(folder) = std::env::args().skip(1).find(|argument| !argument.starts_with("--")) {
        write(&frames, &PathBuf::from(folder));
    }
}

fn encode<'r>(records: impl Iterator<Item = &'r Record<'r>>) -> Vec<Vec<u8>> {
    let mut encoder = FrameEncoder::new(CAPACITY);
    let mut frames = Vec::new();
    for record in records {
        encoder.push(record).expect("no record here is large");
        if encoder.is_full() {
            frames.push(encoder.take());
        }
    }
    frames.push(encoder.take());
    frames
}

fn count(frame: &[u8]) {
    let read = decode(frame, |record| drop(black_box(record)));
    assert!(read.is_ok());
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn best_of(work: impl Fn()) -> Duration {
    let round = |_| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..ROUNDS).map(round).min().unwrap_or_default()
}

fn report(name: &str, time: Duration) {
    println!("{name} {:.0} ns an activity", time.as_nanos() as f64 / WARM as f64);
}

fn write(frames: &[Vec<u8>], folder: &std::path::Path) {
    for (index, frame) in frames.iter().enumerate() {
        std::fs::write(folder.join(format!("{index:03}.frame")), frame).expect("the folder is writable");
    }
}

/// An activity like CloudTrail's, different in what differs there: event id, time, operation, address, resource.
fn record(index: u64) -> Record<'static> {
    // Squaring favours low numbers: few identities do most of the work.
    let share = (stable_hash(&index.to_string()) % 10_000) as f64 / 10_000.0;
    let who = (share * share * IDENTITIES as f64) as u64;
    let what = stable_hash(&format!("{index}/{who}"));
    let operations =
        ["GetObject", "PutObject", "AssumeRole", "Decrypt", "DescribeInstances", "GetSecretValue"];
    Record::Activity(Box::new(Activity {
        identity: Identity {
            id: format!("arn:aws:iam::111122223333:role/service/app-{who:04}").into(),
            unique_id: Some(format!("AROAEXAMPLE{who:010}").into()),
            kind: Kind::Workload,
            classification: Classification {
                class: Class::NonHuman,
                confidence: 90,
                evidence: Evidence::Session,
            },
        },
        event: event(index, who, what, operations[(what % 6) as usize]),
    }))
}

fn event(index: u64, who: u64, what: u64, operation: &'static str) -> Event<'static> {
    Event {
        time: EventTime::from_millis(1_769_850_000_000 + index as i64 * 3),
        time_clamped: false,
        received: ProcessingTime::from_millis(1_769_850_300_000 + index as i64 * 3),
        usage: Usage::Used,
        credential: Some(Credential {
            kind: CredentialKind::Temporary,
            id: format!("ASIA{:016X}", who * 7 + index / 10_000).into(),
        }),
        service: "s3".into(),
        operation: operation.into(),
        read_only: Some(!what.is_multiple_of(3)),
        resource: Some(format!("arn:aws:s3:::bucket-{:03}", what % 300).into()),
        outcome: Outcome::Success,
        error_code: None,
        origin: Origin {
            ip: Some(format!("203.0.113.{}", what % 250).into()),
            network: Some("203.0.113.0/24".into()),
            ..Origin::default()
        },
        client: Some(Client { family: "Boto3".into(), version: Some("1.34.51".into()) }),
        region: Some("eu-west-1".into()),
        account: Some("111122223333".into()),
        session: Some(format!("i-{:017x}", who * 31).into()),
        workload: Some(format!("ec2:i-{:017x}", who * 31).into()),
        caller: Some("aws-service:ec2.amazonaws.com".into()),
        interactive: Interactive::default(),
        via_service: None,
        event_id: Some(event_id(index).into()),
        shared_event_id: None,
        scope: "aws:111122223333:eu-west-1".into(),
        provenance: Provenance { source: "cloudtrail".into(), partition: 3, offset: index as i64, index: 0 },
        is_past: false,
    }
}

/// A random-looking UUID: the part that no compressor makes smaller than half.
fn event_id(index: u64) -> String {
    let (high, low) = (stable_hash(&format!("high{index}")), stable_hash(&format!("low{index}")));
    let digits = format!("{high:016x}{low:016x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}
