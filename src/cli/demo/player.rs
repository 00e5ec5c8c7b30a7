//! Plays the company's traffic into Kafka, no faster than it is consumed.

use std::time::Duration;

use anyhow::Context;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::config::Config;
use crate::generator::{Emission, Emissions, InventoryRecord, Mixer, Payload, Topic, Truth};
use crate::kafka::client;
use crate::runtime::{Counters, Service, TopicCounters};
use crate::time::{EventTime, SECOND_MS};

/// Bytes that may wait in the input topics. The embedded broker drops the oldest beyond 5 MiB of one partition; eight
/// partitions that fill about evenly stay at half of that.
const MAX_WAITING_BYTES: u64 = 20 << 20;

/// Activities that may wait between the stages; some hundred bytes each, under the same limit.
const MAX_WAITING_ACTIVITIES: u64 = 40_000;

/// How long logs take to reach a topic; CloudTrail takes minutes, here they are just behind.
const DELIVERY_DELAY_MS: i64 = 2 * SECOND_MS;

/// Plays emissions into the input topics.
pub(super) struct Player {
    producer: BaseProducer,
    emissions: std::iter::Peekable<Emissions>,
    mixer: Mixer,
    /// The truth about what was played.
    pub(super) truth: Truth,
    payloads: Vec<Payload>,
    cloudtrail: String,
    auth: String,
    inventory: String,
    sent_bytes: u64,
    since_check: u64,
    played_until: EventTime,
}

impl Player {
    pub(super) fn new(
        config: &Config,
        emissions: Emissions,
        mixer: Mixer,
        truth: Truth,
    ) -> anyhow::Result<Self> {
        let mut settings = client::base(&config.kafka);
        // The monitor's own keys must find the same partitions.
        settings
            .set("partitioner", "murmur2_random")
            // Sticking to one partition would fill it before the others.
            .set("sticky.partitioning.linger.ms", "0")
            .set("linger.ms", "5");
        let topic = |index: usize| {
            config.topics.inputs.get(index).map(|input| input.topic.clone()).unwrap_or_default()
        };
        Ok(Self {
            producer: settings.create().context("the generator's producer cannot be made")?,
            emissions: emissions.peekable(),
            mixer,
            truth,
            payloads: Vec::new(),
            cloudtrail: topic(0),
            auth: topic(1),
            inventory: config.topics.inventory.clone(),
            sent_bytes: 0,
            since_check: 0,
            played_until: EventTime::default(),
        })
    }

    /// Sends the inventory's declarations, as of `time`.
    pub(super) fn declare(&self, records: &[InventoryRecord], time: EventTime) -> anyhow::Result<()> {
        for InventoryRecord { key, value } in records {
            let record = BaseRecord::to(&self.inventory).key(key.as_bytes()).payload(value.as_bytes());
            self.send(record.timestamp(time.millis()))?;
        }
        self.flush()
    }

    /// Plays the next record where it happened before `until`; `false` where it did not, or there is none.
    pub(super) fn play_one(&mut self, service: &Service, until: EventTime) -> anyhow::Result<bool> {
        let Some(emission) = self.emissions.next_if(|emission: &Emission| emission.time < until) else {
            return Ok(false);
        };
        self.played_until = emission.time;
        self.mixer.push(&emission, &mut self.truth, &mut self.payloads);
        self.send_payloads()?;
        self.wait_for_consumers(service)?;
        Ok(true)
    }

    /// Time of the record played last.
    pub(super) const fn played_until(&self) -> EventTime {
        self.played_until
    }

    /// Sends what is still held back in batches.
    pub(super) fn finish(&mut self) -> anyhow::Result<()> {
        self.mixer.finish(&mut self.truth, &mut self.payloads);
        self.send_payloads()?;
        self.flush()
    }

    /// Lets the client do its work.
    pub(super) fn poll(&self) {
        self.producer.poll(Duration::ZERO);
    }

    /// Waits until all that was sent is in the topics.
    pub(super) fn flush(&self) -> anyhow::Result<()> {
        self.producer.flush(Duration::from_secs(10)).context("the embedded broker does not take records")
    }

    fn send_payloads(&mut self) -> anyhow::Result<()> {
        for payload in std::mem::take(&mut self.payloads) {
            let topic = if payload.topic == Topic::CloudTrail { &self.cloudtrail } else { &self.auth };
            let time = payload.time.plus_millis(DELIVERY_DELAY_MS).millis();
            self.send(BaseRecord::<[u8], [u8]>::to(topic).payload(&payload.bytes).timestamp(time))?;
            self.sent_bytes += payload.bytes.len() as u64;
            self.since_check += payload.bytes.len() as u64;
        }
        Ok(())
    }

    fn send(&self, record: BaseRecord<'_, [u8], [u8]>) -> anyhow::Result<()> {
        let mut record = record;
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    self.producer.poll(Duration::from_millis(10));
                }
                Err((error, _)) => return Err(error).context("a generated record cannot be sent"),
            }
        }
    }

    /// Waits until the monitor has caught up far enough that the broker need not drop anything.
    fn wait_for_consumers(&mut self, service: &Service) -> anyhow::Result<()> {
        const CHECK_EVERY_BYTES: u64 = 256 << 10;
        if self.since_check < CHECK_EVERY_BYTES {
            return Ok(());
        }
        self.since_check = 0;
        loop {
            self.producer.poll(Duration::ZERO);
            let counters = service.counters();
            let waiting = self.sent_bytes.saturating_sub(self.consumed_bytes(&counters));
            if waiting < MAX_WAITING_BYTES && self.between_stages(&counters) < MAX_WAITING_ACTIVITIES {
                return Ok(());
            }
            if let Some(failure) = service.health().failure {
                anyhow::bail!("the monitor failed: {failure}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn consumed_bytes(&self, counters: &Counters) -> u64 {
        self.log_topics(counters).map(|topic| topic.bytes).sum()
    }

    /// Activities that ingest has put out and the monitor has not taken in yet. Declarations are not counted there.
    fn between_stages(&self, counters: &Counters) -> u64 {
        let out: u64 = self.log_topics(counters).map(|topic| topic.activities).sum();
        out.saturating_sub(counters.monitored)
    }

    fn log_topics<'a>(&self, counters: &'a Counters) -> impl Iterator<Item = &'a TopicCounters> {
        [&self.cloudtrail, &self.auth].into_iter().filter_map(|topic| counters.topics.get(topic))
    }

    /// Whether everything that was sent went through both stages.
    pub(super) fn is_consumed(&self, service: &Service) -> bool {
        let counters = service.counters();
        self.consumed_bytes(&counters) >= self.sent_bytes && self.between_stages(&counters) == 0
    }

    /// Records that the input topics' counters must come to.
    pub(super) fn received(&self, counters: &Counters) -> u64 {
        self.log_topics(counters).map(|topic| topic.received).sum()
    }
}
