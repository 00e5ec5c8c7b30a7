//! From producing the event that raises an alert until a reader of alerts has it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use nhi_monitor::detect::Detectors;
use nhi_monitor::runtime::{Service, Stages};
use rdkafka::consumer::BaseConsumer;
use rdkafka::message::Message as _;
use serde_json::{Value, json};

use crate::support::{role_event, role_id, until};
use crate::{company, kafka};

/// Records a second of the steady load: a small part of what the stages can take.
pub(crate) const RATE: usize = 2_000;
/// The load is sent in steps of this length.
const STEP: Duration = Duration::from_millis(10);
/// From one alert to the next: in no simple ratio to a commit interval, so that alerts fall on all of its parts alike.
const ALERT_EVERY: Duration = Duration::from_millis(97);
/// Days of history that settle an identity; the learning period is seven.
const HISTORY_DAYS: usize = 9;
/// Longest latency that is told apart, in microseconds.
const LONGEST_MICROS: u64 = 120_000_000;

/// What is sent: the same for every interval.
pub(crate) struct Plan {
    load: Vec<Vec<u8>>,
    history: Vec<Vec<u8>>,
    alerts: Vec<(String, Vec<u8>)>,
}

impl Plan {
    /// A load for as long as so many alerts take.
    pub(crate) fn new(alerts: usize) -> Self {
        let steps = (ALERT_EVERY * alerts as u32).as_millis() / STEP.as_millis() + 1;
        let records = steps as usize * per_step();
        let history = (1..=HISTORY_DAYS).flat_map(|day| (0..alerts).map(move |n| bytes(&use_of(n, day))));
        let alert = |n: usize| {
            let mut event = use_of(n, HISTORY_DAYS + 1);
            // A person at the console with a role that only machines used.
            event["sessionCredentialFromConsole"] = json!("true");
            (role_id(&role(n)), bytes(&event))
        };
        Self {
            load: company::records(records).take(records).collect(),
            history: history.collect(),
            alerts: (0..alerts).map(alert).collect(),
        }
    }
}

fn per_step() -> usize {
    RATE * STEP.as_millis() as usize / 1_000
}

fn role(n: usize) -> String {
    format!("victim{n}")
}

fn use_of(n: usize, day: usize) -> Value {
    role_event(&role(n), &format!("2026-03-{day:02}T10:00:00Z"), n)
}

fn bytes(event: &Value) -> Vec<u8> {
    event.to_string().into_bytes()
}

/// Latencies in microseconds at one commit interval.
pub(crate) fn run(brokers: &str, name: &str, plan: &Plan, interval: Duration) -> Histogram<u64> {
    let input = format!("{name}.cloudtrail");
    let config = kafka::config(brokers, name, &input, interval);
    let alerts = config.topics.alerts.clone();
    let service =
        Service::start(Arc::new(config), Arc::new(Detectors::builtin().unwrap()), Stages::ALL).unwrap();
    until("the service is ready", || service.health().ready);
    kafka::produce(brokers, &input, plan.history.iter().cloned());
    until("the history is learned", || service.counters().monitored == plan.history.len() as u64);

    let is_over = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let reader = kafka::reader(brokers, &alerts);
        let reading = scope.spawn(|| read(reader, plan.alerts.len(), &is_over));
        let sent = send(brokers, &input, plan);
        let expected = plan.history.len() + plan.load.len() + plan.alerts.len();
        until("everything is monitored", || {
            let counters = service.counters();
            counters.topics.get(&input).is_some_and(|topic| topic.received == expected as u64)
        });
        until("every alert was read", || reading.is_finished() || !service.health().ready);
        is_over.store(true, Ordering::Release);
        latencies(&sent, &reading.join().unwrap())
    });
    service.shutdown().unwrap();
    seen
}

/// Sends the load at its pace with the alerts in between; when each alert's event was handed to the producer.
fn send(brokers: &str, topic: &str, plan: &Plan) -> HashMap<String, Instant> {
    let producer = kafka::producer(brokers);
    let (begun, mut sent) = (Instant::now(), HashMap::new());
    let mut alerts = plan.alerts.iter();
    for (step, records) in plan.load.chunks(per_step()).enumerate() {
        sleep_until(begun + STEP * step as u32);
        records.iter().for_each(|record| kafka::send(&producer, topic, record));
        while sent.len() < alerts_due(begun.elapsed(), plan.alerts.len()) {
            let Some((identity, event)) = alerts.next() else { break };
            sent.insert(identity.clone(), Instant::now());
            kafka::send(&producer, topic, event);
        }
    }
    assert_eq!(sent.len(), plan.alerts.len(), "the load is as long as the alerts take");
    rdkafka::producer::Producer::flush(&producer, Duration::from_secs(60)).unwrap();
    sent
}

fn alerts_due(elapsed: Duration, all: usize) -> usize {
    ((elapsed.as_millis() / ALERT_EVERY.as_millis()) as usize).min(all)
}

fn sleep_until(then: Instant) {
    std::thread::sleep(then.saturating_duration_since(Instant::now()));
}

/// When each identity's first alert was there, until so many were.
fn read(reader: BaseConsumer, alerts: usize, is_over: &AtomicBool) -> HashMap<String, Instant> {
    let mut read = HashMap::new();
    while read.len() < alerts && !is_over.load(Ordering::Acquire) {
        if let Some(message) = reader.poll(Duration::from_millis(100)) {
            let now = Instant::now();
            let message = message.unwrap();
            let identity = String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned();
            if identity.contains("victim") {
                read.entry(identity).or_insert(now);
            }
        }
    }
    read
}

fn latencies(sent: &HashMap<String, Instant>, read: &HashMap<String, Instant>) -> Histogram<u64> {
    let mut seen = Histogram::new_with_bounds(1, LONGEST_MICROS, 3).unwrap();
    for (identity, sent) in sent {
        let read = read.get(identity).expect("every alert was read");
        seen.record(u64::try_from(read.saturating_duration_since(*sent).as_micros()).unwrap()).unwrap();
    }
    seen
}
