//! Packs records into payloads of all transport shapes, in given proportions, with some broken ones among them.

use super::broken;
use super::emission::{Emission, Record};
use super::random::Random;
use super::shape::Shape;
use super::truth::Truth;
use crate::time::{EventTime, MINUTE_MS};

/// In which proportions payloads are made.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix {
    /// Shapes of CloudTrail records, with weights by record.
    pub cloudtrail: Vec<(Shape, u32)>,
    /// Shapes of Linux auth lines, with weights.
    pub auth: Vec<(Shape, u32)>,
    /// Broken payloads for each record, 0 to 1.
    pub broken: f64,
    /// Payloads of no interest for each record, 0 to 1.
    pub skippable: f64,
    /// Part of the CloudTrail payloads that come twice, 0 to 1.
    pub repeated: f64,
}

impl Mix {
    /// All shapes, and two in a thousand of everything that goes wrong.
    #[must_use]
    pub fn mixed() -> Self {
        let even = |shapes: &[Shape]| shapes.iter().map(|shape| (*shape, 1)).collect();
        Self {
            cloudtrail: even(&Shape::CLOUDTRAIL),
            auth: even(&Shape::AUTH),
            broken: 0.002,
            skippable: 0.002,
            repeated: 0.002,
        }
    }

    /// One record in each payload, and nothing wrong.
    #[must_use]
    pub fn bare() -> Self {
        Self {
            cloudtrail: vec![(Shape::Bare, 1)],
            auth: vec![(Shape::Syslog3164, 1)],
            broken: 0.0,
            skippable: 0.0,
            repeated: 0.0,
        }
    }
}

/// Where a payload belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// CloudTrail.
    CloudTrail,
    /// Linux auth logs.
    Auth,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Where it belongs.
    pub topic: Topic,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Newest event time in it; for one that has none, of the traffic around it.
    pub time: EventTime,
    /// Records in it.
    pub records: u32,
    /// Whether no text file could hold it in one line.
    pub is_binary: bool,
}

/// Packs records into payloads, and accounts for all of them in the truth.
pub struct Mixer {
    mix: Mix,
    random: Random,
    open: Vec<Batch>,
}

/// A batch that is being filled.
struct Batch {
    shape: Shape,
    records: Vec<(i64, String)>,
    size: usize,
    first: EventTime,
    last: EventTime,
}

/// CloudTrail delivers "on average within about 5 minutes": no batch stays open for longer than this.
const LONGEST_BATCH_MS: i64 = 5 * MINUTE_MS;

/// Records in a batch, at most. A real file holds some hundred; smaller ones vary more.
const LARGEST_BATCH: u64 = 60;

impl Mixer {
    /// A mixer of this mix.
    #[must_use]
    pub fn new(seed: u64, mix: Mix) -> Self {
        Self { mix, random: Random::new(seed, "mixer"), open: Vec::new() }
    }

    /// Takes one record; payloads that became ready are added to `out`.
    pub fn push(&mut self, emission: &Emission, truth: &mut Truth, out: &mut Vec<Payload>) {
        truth.observe(emission);
        let made_before = out.len();
        self.close_old(emission.time, out);
        match &emission.record {
            Record::Auth(_) => {
                let shape = draw(&self.mix.auth, &mut self.random);
                out.push(single(Topic::Auth, shape, emission));
            }
            Record::CloudTrail(call) => {
                let shape = draw(&self.mix.cloudtrail, &mut self.random);
                if shape.is_batch() {
                    self.add_to_batch(shape, (emission.time, call.to_json()), truth, out);
                } else {
                    out.push(single(Topic::CloudTrail, shape, emission));
                }
            }
        }
        self.add_oddities(emission.time, made_before, truth, out);
        account(&out[made_before..], truth);
    }

    /// Closes what is open.
    pub fn finish(&mut self, truth: &mut Truth, out: &mut Vec<Payload>) {
        let made_before = out.len();
        out.extend(self.open.drain(..).map(Batch::close));
        account(&out[made_before..], truth);
    }

    fn close_old(&mut self, now: EventTime, out: &mut Vec<Payload>) {
        while let Some(index) =
            self.open.iter().position(|batch| now.millis_since(batch.first) > LONGEST_BATCH_MS)
        {
            out.push(self.open.remove(index).close());
        }
    }

    fn add_to_batch(
        &mut self,
        shape: Shape,
        (time, text): (EventTime, String),
        truth: &mut Truth,
        out: &mut Vec<Payload>,
    ) {
        let index = self.open.iter().position(|batch| batch.shape == shape).unwrap_or_else(|| {
            let size = 1 + self.random.below(LARGEST_BATCH) as usize;
            self.open.push(Batch { shape, records: Vec::new(), size, first: time, last: time });
            self.open.len() - 1
        });
        let batch = &mut self.open[index];
        batch.records.push((time.millis(), text));
        batch.last = time;
        if self.random.chance(self.mix.broken) {
            batch.records.push((time.millis(), broken::BROKEN_IN_BATCH.to_owned()));
            *truth.broken.entry("in_batch").or_default() += 1;
        }
        if batch.records.len() >= batch.size {
            out.push(self.open.remove(index).close());
        }
    }

    /// Adds what goes wrong in transport: repeated, broken and uninteresting payloads.
    fn add_oddities(
        &mut self,
        time: EventTime,
        made_before: usize,
        truth: &mut Truth,
        out: &mut Vec<Payload>,
    ) {
        let odd = |bytes: Vec<u8>, is_binary| Payload {
            topic: Topic::CloudTrail,
            bytes,
            time,
            records: 1,
            is_binary,
        };
        if self.random.chance(self.mix.repeated) {
            self.repeat(made_before, truth, out);
        }
        if self.random.chance(self.mix.broken) {
            let what = *self.random.pick(&broken::BROKEN);
            *truth.broken.entry(what).or_default() += 1;
            out.push(odd(broken::broken(what, &mut self.random), what == "binary"));
        }
        if self.random.chance(self.mix.skippable) {
            let what = *self.random.pick(&broken::SKIPPABLE);
            *truth.skippable.entry(what).or_default() += 1;
            out.push(odd(broken::skippable(what, &mut self.random), what == "control_message"));
        }
    }

    /// Delivers the single CloudTrail record that was just made once more. Lines have no id of their own: a repeated
    /// line could not be told from a second event.
    fn repeat(&self, made_before: usize, truth: &mut Truth, out: &mut Vec<Payload>) {
        let last = out[made_before..]
            .last()
            .filter(|payload| payload.topic == Topic::CloudTrail && payload.records == 1);
        if let Some(payload) = last.cloned() {
            truth.repeated += 1;
            out.push(payload);
        }
    }
}

impl Batch {
    fn close(self) -> Payload {
        Payload {
            topic: Topic::CloudTrail,
            bytes: self.shape.wrap_batch(&self.records),
            time: self.last,
            records: self.records.len() as u32,
            is_binary: self.shape.is_binary(),
        }
    }
}

fn single(topic: Topic, shape: Shape, emission: &Emission) -> Payload {
    Payload {
        topic,
        bytes: shape.wrap(emission),
        time: emission.time,
        records: 1,
        is_binary: shape.is_binary(),
    }
}

fn account(payloads: &[Payload], truth: &mut Truth) {
    truth.payloads += payloads.len() as u64;
    truth.records += payloads.iter().map(|payload| u64::from(payload.records)).sum::<u64>();
}

fn draw(shapes: &[(Shape, u32)], random: &mut Random) -> Shape {
    let total: u32 = shapes.iter().map(|(_, weight)| weight).sum();
    let mut left = random.below(u64::from(total)) as u32;
    for (shape, weight) in shapes {
        if left < *weight {
            return *shape;
        }
        left -= weight;
    }
    Shape::Bare
}
