//! Throughput of the core on one thread, beside its floor: a typed, borrowed parse of the same bytes.
//!
//! `cargo bench --bench core [--no-default-features]`. The parts of a round run one after another on the same records,
//! so that what disturbs the machine disturbs all of them; the median of the rounds' ratios is what counts. Time is
//! the thread's own CPU time where the system tells it (Linux), so that a busy machine slows but does not mislead.

#![allow(clippy::unwrap_used, reason = "a test may fail, and says where")]

mod clock;
mod company;
mod floor;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use nhi_monitor::activity::Activity;
use nhi_monitor::config::{Config, Limits};
use nhi_monitor::decode::{Decoder, FormatHint, Reply};
use nhi_monitor::detect::Detectors;
use nhi_monitor::ingest::{Ingest, Payload, Rejected, Sink};
use nhi_monitor::monitor::{Effect, Monitor};
use nhi_monitor::term::Interner;
use nhi_monitor::time::{DAY_MS, ProcessingTime};

use clock::timed;
use company::START_MS;
use floor::floor;

/// The allocator of the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Records of one round; their bytes are beyond every cache.
const RECORDS: usize = 20_000;
/// Rounds that are measured, after the warm-up.
const ROUNDS: usize = 15;
/// Rounds before: allocator, caches and baselines are then as they are in service.
const WARM_UP: usize = 3;
/// Records in one `{"Records":[…]}`, as CloudTrail's files have.
const PER_FILE: usize = 100;

fn main() {
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    let (rounds, records) = if is_bench { (ROUNDS, RECORDS) } else { (1, 200) };
    let mut core = Core::new();
    let mut seen = Vec::new();
    let mut stream = company::records(2 * records * (WARM_UP + rounds));
    for round in 0..WARM_UP + rounds {
        // Each call of the monitor gets events of its own: repeated event ids would be left out as duplicates.
        let mut batch = || stream.by_ref().take(records).collect::<Vec<_>>();
        let measured = round_of(&mut core, &batch(), &files(&batch()));
        if round >= WARM_UP {
            seen.push(measured);
        }
    }
    report(&seen, records);
}

/// The parts, in the order in which they run.
const PARTS: [&str; 7] = [
    "floor: serde_json typed parse, UTF-8 checked",
    "decode, bare records",
    "decode, files of 100 records",
    "ingest, bare records",
    "ingest, files of 100 records",
    "ingest -> monitor, bare records",
    "ingest -> monitor, files of 100 records",
];

fn round_of(core: &mut Core, bare: &[Vec<u8>], files: &[Vec<u8>]) -> [Duration; PARTS.len()] {
    [
        timed(|| bare.iter().for_each(|record| floor(record))).0,
        timed(|| core.decode_only(bare)).0,
        timed(|| core.decode_only(files)).0,
        timed(|| core.ingest_only(bare)).0,
        timed(|| core.ingest_only(files)).0,
        timed(|| core.whole(bare)).0,
        timed(|| core.whole(files)).0,
    ]
}

fn report(rounds: &[[Duration; PARTS.len()]], records: usize) {
    println!("{:>12}  {:>10}  {:>8}  part", "events/s", "ns/event", "of floor");
    let sum = |part: usize| rounds.iter().map(|round| round[part].as_secs_f64()).sum::<f64>();
    for (part, name) in PARTS.iter().enumerate() {
        let nanos = sum(part) * 1e9 / (records * rounds.len()) as f64;
        println!("{:>12.0}  {nanos:>10.0}  {:>8.3}  {name}", 1e9 / nanos, sum(0) / sum(part));
    }
}

/// The core as a worker holds it.
struct Core {
    decoder: Decoder,
    ingest: Ingest,
    monitor: Monitor,
    effects: Vec<Effect>,
}

impl Core {
    fn new() -> Self {
        let detectors = Arc::new(Detectors::builtin().expect("the detectors that are built in are valid"));
        let monitor = Monitor::new(&Config::default(), detectors, Arc::new(Interner::new()));
        let limits = Limits::default();
        Self {
            decoder: Decoder::new(limits.clone()),
            ingest: Ingest::new(limits),
            monitor,
            effects: Vec::new(),
        }
    }

    fn decode_only(&mut self, payloads: &[Vec<u8>]) {
        for bytes in payloads {
            self.decoder.decode(bytes, FormatHint::Cloudtrail, &mut |piece| {
                black_box(&piece);
                Reply::Taken
            });
        }
    }

    fn ingest_only(&mut self, payloads: &[Vec<u8>]) {
        let mut sink = Count::default();
        for bytes in payloads {
            self.ingest.ingest(payload(bytes), &mut sink);
        }
        sink.expect_all_taken();
    }

    fn whole(&mut self, payloads: &[Vec<u8>]) {
        let mut sink =
            Watch { monitor: &mut self.monitor, effects: &mut self.effects, count: Count::default() };
        for bytes in payloads {
            self.ingest.ingest(payload(bytes), &mut sink);
            black_box(&sink.effects).len();
            sink.effects.clear();
        }
        sink.count.expect_all_taken();
    }
}

fn payload(bytes: &[u8]) -> Payload<'_> {
    let received = ProcessingTime::from_millis(START_MS + 400 * DAY_MS);
    Payload { bytes, source: "cloudtrail", partition: 0, offset: 0, received, format: FormatHint::Cloudtrail }
}

#[derive(Default)]
struct Count {
    taken: usize,
    rejected: usize,
}

impl Count {
    fn expect_all_taken(&self) {
        assert!(self.taken > 0 && self.rejected == 0, "every record of the benchmark is understood");
    }
}

impl Sink for Count {
    fn activity(&mut self, activity: Activity<'_>) {
        black_box(&activity);
        self.taken += 1;
    }

    fn skipped(&mut self, _reason: &'static str) {
        self.taken += 1;
    }

    fn rejected(&mut self, _rejected: Rejected<'_>) {
        self.rejected += 1;
    }
}

struct Watch<'m> {
    monitor: &'m mut Monitor,
    effects: &'m mut Vec<Effect>,
    count: Count,
}

impl Sink for Watch<'_> {
    fn activity(&mut self, activity: Activity<'_>) {
        self.monitor.activity(&activity, self.effects);
        self.count.taken += 1;
    }

    fn skipped(&mut self, reason: &'static str) {
        self.count.skipped(reason);
    }

    fn rejected(&mut self, rejected: Rejected<'_>) {
        self.count.rejected(rejected);
    }
}

/// The records as CloudTrail's files hold them.
fn files(records: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let file = |part: &[Vec<u8>]| [&b"{\"Records\":["[..], &part.join(&b','), b"]}"].concat();
    records.chunks(PER_FILE).map(file).collect()
}
