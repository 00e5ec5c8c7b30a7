//! What was gone before it was read: deleted behind a committed offset, cut off with its topic, damaged.

#![cfg(feature = "edges")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a scenario may fail, and waits by the clock"
)]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;
use std::time::Duration;

use nhi_monitor::kafka::topics;
use nhi_monitor::runtime::{Service, Stages, clock};
use nhi_monitor::time::EventTime;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use support::{DEADLINE, Scenario, role_event, role_id, until};

/// Events of this hour, since a loss is dated by the time of its discovery.
fn events(numbers: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    static NOW: LazyLock<String> =
        LazyLock::new(|| EventTime::from_millis(clock::now().millis()).to_string());
    numbers.map(|n| role_event("app", &NOW, n).to_string().into_bytes()).collect()
}

/// Losses counted of a topic, and the offsets lost in them.
fn losses(service: &Service, topic: &str, reason: &'static str) -> (u64, u64) {
    service.counters().losses.get(&(topic.to_owned(), reason)).copied().unwrap_or_default()
}

fn messages(service: &Service, topic: &str) -> u64 {
    service.counters().topics.get(topic).map_or(0, |topic| topic.messages)
}

fn admin(scenario: &Scenario) -> (AdminClient<DefaultClientContext>, tokio::runtime::Runtime) {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", &scenario.config.kafka.brokers);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    (settings.create().unwrap(), runtime)
}

/// As retention would, but now: deletes what lies before `offset`.
fn delete_before(scenario: &Scenario, topic: &str, partition: i32, offset: i64) {
    let (admin, runtime) = admin(scenario);
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
    let deleted = runtime.block_on(admin.delete_records(&list, &AdminOptions::new())).unwrap();
    assert!(deleted.elements().iter().all(|element| element.error().is_ok()), "{deleted:?}");
}

fn end_of(scenario: &Scenario, topic: &str, partition: i32) -> i64 {
    let (admin, _) = admin(scenario);
    admin.inner().fetch_watermarks(topic, partition, DEADLINE).unwrap().1
}

fn make_again(scenario: &Scenario, topic: &str, partitions: i32) {
    let (admin, runtime) = admin(scenario);
    let options = AdminOptions::new();
    assert!(runtime.block_on(admin.delete_topics(&[topic], &options)).unwrap().iter().all(Result::is_ok));
    until("the topic is made again", || {
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        runtime.block_on(admin.create_topics([&new], &options)).unwrap().iter().all(Result::is_ok)
    });
}

/// One input of one partition, so that offsets are known.
fn narrow(name: &str) -> Option<Scenario> {
    let mut scenario = Scenario::new(name)?;
    scenario.config.topics.inputs.truncate(1);
    let topic = format!("{}-narrow", scenario.config.topics.inputs[0].topic);
    let (admin, runtime) = admin(&scenario);
    let new = NewTopic::new(&topic, 1, TopicReplication::Fixed(1));
    runtime.block_on(admin.create_topics([&new], &AdminOptions::new())).unwrap();
    scenario.config.topics.inputs[0].topic = topic;
    topics::ensure(&scenario.config).unwrap();
    Some(scenario)
}

/// Whether the role's log source counts as covered since its first event: not where the hour of that is one of a loss.
fn is_covered(service: &Service) -> Option<bool> {
    let views = service.views();
    let (facts, _) = views.iter().find_map(|view| view.identity(&role_id("app")))?;
    Some(facts.coverage.since? <= facts.first_seen?)
}

/// Retention passed the committed offset while nothing ran: counted to the offset, told to every monitor, and gone on after.
#[test]
fn what_was_deleted_behind_the_committed_offset_is_counted_and_a_gap() {
    let Some(scenario) = narrow("deleted") else { return };
    let topic = scenario.input();
    let service = scenario.start();
    scenario.produce(topic, &events(0..5));
    until("five are read", || messages(&service, topic) == 5);
    until("its source is known as covered", || is_covered(&service) == Some(true));
    service.shutdown().unwrap();

    scenario.produce(topic, &events(5..20));
    delete_before(&scenario, topic, 0, 12);
    let service = scenario.start();
    until("the rest is read", || messages(&service, topic) == 8);
    until("the loss is counted", || losses(&service, topic, "deleted") == (1, 7));
    until("the monitor knows of the gap", || is_covered(&service) == Some(false));
    service.shutdown().unwrap();

    let service = scenario.start();
    scenario.produce(topic, &events(20..21));
    until("one more is read", || messages(&service, topic) == 1);
    assert_eq!(service.counters().losses.len(), 0, "what was told is not told again");
    until("the gap is part of the state", || is_covered(&service) == Some(false));
    service.shutdown().unwrap();
}

/// Everything that was there is gone, and nothing new came: the loss is found without a message.
#[test]
fn a_partition_that_was_emptied_tells_its_loss_too() {
    let Some(scenario) = narrow("emptied") else { return };
    let topic = scenario.input();
    let service = scenario.start();
    scenario.produce(topic, &events(0..5));
    until("five are read", || messages(&service, topic) == 5);
    service.shutdown().unwrap();
    scenario.produce(topic, &events(5..20));
    delete_before(&scenario, topic, 0, 20);
    let service = scenario.start();
    until("the loss is counted", || losses(&service, topic, "deleted") == (1, 15));
    service.shutdown().unwrap();
}

/// Frames that the monitor stage had not read yet: the loss is that of the identities of this partition.
#[test]
fn activities_deleted_before_the_monitor_read_them_are_a_gap() {
    let Some(scenario) = narrow("frames") else { return };
    let service = scenario.start();
    scenario.produce(scenario.input(), &events(0..5));
    until("five are monitored", || service.counters().monitored == 5);
    service.shutdown().unwrap();

    let ingest = scenario.start_stages(Stages { ingest: true, monitor: false });
    scenario.produce(scenario.input(), &events(5..20));
    until("all are read", || messages(&ingest, scenario.input()) == 15);
    ingest.shutdown().unwrap();
    let activity = &scenario.config.topics.activity;
    for partition in 0..scenario.config.topics.partitions {
        delete_before(&scenario, activity, partition, end_of(&scenario, activity, partition));
    }
    let monitor = scenario.start_stages(Stages { ingest: false, monitor: true });
    until("the loss is counted", || losses(&monitor, activity, "deleted").1 > 0);
    until("the monitor knows of the gap", || is_covered(&monitor) == Some(false));
    monitor.shutdown().unwrap();
}

/// An outage longer than the retention of what was read before it: nothing is missing but the ends of transactions.
#[test]
fn activities_deleted_after_the_monitor_read_them_are_no_loss() {
    let Some(scenario) = narrow("outage") else { return };
    let service = scenario.start();
    scenario.produce(scenario.input(), &events(0..5));
    until("five are monitored", || service.counters().monitored == 5);
    service.shutdown().unwrap();
    // What ingest said last, as it ended, is read too.
    let monitor = scenario.start_stages(Stages { ingest: false, monitor: true });
    let (activity, partitions) = (&scenario.config.topics.activity, scenario.config.topics.partitions);
    until("all is read", || {
        let lag = monitor.counters().lag;
        (0..partitions).all(|partition| lag.get(&(activity.clone(), partition)) == Some(&0))
    });
    monitor.shutdown().unwrap();

    for partition in 0..partitions {
        delete_before(&scenario, activity, partition, end_of(&scenario, activity, partition));
    }
    let service = scenario.start();
    scenario.produce(scenario.input(), &events(5..6));
    until("one more is monitored", || service.counters().monitored == 1);
    assert_eq!(service.counters().losses.len(), 0);
    assert_eq!(is_covered(&service), Some(true));
    service.shutdown().unwrap();
}

/// A topic that was deleted and made again has no committed offset any more: it is read from its beginning, and what it held
/// in the end is not known.
#[test]
fn a_topic_that_was_made_again_is_read_from_its_beginning_and_a_gap() {
    let Some(scenario) = narrow("again") else { return };
    let topic = scenario.input();
    let service = scenario.start();
    scenario.produce(topic, &events(0..5));
    // All of them, or the next process is handed the rest.
    until("all are monitored", || service.counters().monitored == 5);
    until("its source is known as covered", || is_covered(&service) == Some(true));
    // A tick tells how far it was read: only then is a later beginning known to be another one.
    let told = || service.counters().published.get("frame").copied().unwrap_or_default();
    let before = told();
    until("progress is told", || told() > before);
    service.shutdown().unwrap();
    make_again(&scenario, topic, 1);
    scenario.produce(topic, &events(3..6));
    let service = scenario.start();
    until("all are monitored", || service.counters().monitored == 3);
    until("what was known is recognised", || service.monitor_stats().duplicates == 2);
    until("the monitor knows of the gap", || is_covered(&service) == Some(false));
    service.shutdown().unwrap();
}

/// A log that was cut below the committed offset is read from its beginning.
#[test]
fn a_partition_that_ends_before_the_committed_offset_is_read_from_its_beginning() {
    let Some(scenario) = narrow("cut") else { return };
    let topic = scenario.input();
    let service = scenario.start();
    scenario.produce(topic, &events(0..5));
    until("five are read", || messages(&service, topic) == 5);
    service.shutdown().unwrap();
    commit(&scenario, topic, 50);
    let service = scenario.start();
    until("the loss is counted", || losses(&service, topic, "made_again") == (1, 0));
    until("it was read again", || service.monitor_stats().duplicates == 5);
    service.shutdown().unwrap();
}

/// Commits an offset for the ingest stage, as if so much had been read.
fn commit(scenario: &Scenario, topic: &str, offset: i64) {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", &scenario.config.kafka.brokers);
    settings.set("group.id", format!("{}-ingest", scenario.config.kafka.application_id));
    let consumer: BaseConsumer = settings.create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Offset(offset)).unwrap();
    consumer.commit(&list, CommitMode::Sync).unwrap();
}

/// CRC-32C, as a record batch carries it.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// A record batch (version 2) of `count` records in this codec, with a body that is none of it.
fn batch(codec: i16, count: i32, spoil_crc: bool) -> Vec<u8> {
    let mut covered = Vec::new();
    covered.extend(codec.to_be_bytes());
    covered.extend((count - 1).to_be_bytes());
    covered.extend([1_772_438_400_000_i64; 2].iter().flat_map(|time| time.to_be_bytes()));
    covered.extend((-1_i64).to_be_bytes());
    covered.extend((-1_i16).to_be_bytes());
    covered.extend((-1_i32).to_be_bytes());
    covered.extend(count.to_be_bytes());
    covered.extend(b"what no reader can unpack".repeat(8));
    let crc = crc32c(&covered) ^ u32::from(spoil_crc);
    let mut batch = 0_i64.to_be_bytes().to_vec();
    batch.extend((covered.len() as i32 + 9).to_be_bytes());
    batch.extend((-1_i32).to_be_bytes());
    batch.push(2);
    batch.extend(crc.to_be_bytes());
    batch.extend(covered);
    batch
}

/// Produces a batch as it is, by a request of version 3: real brokers look into batches, the embedded one does not.
fn produce_raw(brokers: &str, topic: &str, batch: &[u8]) {
    let text = |text: &str| [&(text.len() as i16).to_be_bytes()[..], text.as_bytes()].concat();
    let mut body = [&[0, 0, 0, 3, 0, 0, 0, 1][..], &text("test"), &(-1_i16).to_be_bytes()].concat();
    body.extend((-1_i16).to_be_bytes());
    body.extend(5_000_i32.to_be_bytes());
    body.extend(1_i32.to_be_bytes());
    body.extend(text(topic));
    body.extend(1_i32.to_be_bytes());
    body.extend(0_i32.to_be_bytes());
    body.extend((batch.len() as i32).to_be_bytes());
    body.extend(batch);
    let mut stream = TcpStream::connect(brokers.split(',').next().unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(&[&(body.len() as i32).to_be_bytes()[..], &body].concat()).unwrap();
    let mut answer = vec![0; 4 + 4 + 4 + 2 + topic.len() + 4 + 4 + 2];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer[answer.len() - 2..], [0, 0], "the batch is taken");
}

/// Batches that cannot be unpacked, in an unknown codec or damaged, cost only themselves: they are counted and passed over,
/// wherever they stand, and what lies between and after them is read.
#[test]
fn batches_that_cannot_be_read_are_passed_over_and_counted() {
    let cluster = MockCluster::new(1).unwrap();
    let mut config = support::config("unreadable");
    config.topics.inputs.truncate(1);
    for topic in topics::wanted(&config.topics) {
        let partitions = if config.topics.inputs[0].topic == topic.name { 1 } else { topic.partitions };
        cluster.create_topic(&topic.name, partitions, 1).unwrap();
    }
    config.kafka.brokers = cluster.bootstrap_servers();
    let scenario = Scenario { config };
    let topic = scenario.input();
    let brokers = &scenario.config.kafka.brokers;
    produce_raw(brokers, topic, &batch(5, 40, false));
    let service = scenario.start();
    scenario.produce(topic, &events(0..1));
    until("the record after the first batch is read", || messages(&service, topic) == 1);
    until("the loss is counted", || losses(&service, topic, "unreadable") == (1, 40));

    const LZ4: i16 = 3;
    produce_raw(brokers, topic, &batch(LZ4, 7, false));
    produce_raw(brokers, topic, &batch(5, 1, false));
    scenario.produce(topic, &events(1..2));
    produce_raw(brokers, topic, &batch(0, 3, true));
    scenario.produce(topic, &events(2..4));
    until("the records between and after are read", || messages(&service, topic) == 4);
    until("all is counted", || losses(&service, topic, "unreadable").1 == 40 + 7 + 1 + 3);
    assert_eq!(service.counters().topics[topic].activities, 4);
    until("the monitor knows of the gap", || is_covered(&service) == Some(false));
    service.shutdown().unwrap();
}
