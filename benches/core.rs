//! Throughput of the core on one thread, beside its floor: a typed, borrowed parse of the same bytes.
//!
//! `cargo bench --bench core [--no-default-features]`. The parts of a round run one after another on the same records,
//! so that what disturbs the machine disturbs all of them; the median of the rounds' ratios is what counts. Time is
//! the thread's own CPU time where the system tells it (Linux), so that a busy machine slows but does not mislead.

use std::hint::black_box;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use nhi_monitor::activity::Activity;
use nhi_monitor::config::{Config, Limits};
use nhi_monitor::decode::{Decoder, FormatHint, Reply};
use nhi_monitor::detect::Detectors;
use nhi_monitor::ingest::{Ingest, Payload, Rejected, Sink};
use nhi_monitor::monitor::{Effect, Monitor};
use nhi_monitor::term::Interner;
use nhi_monitor::text::Text;
use nhi_monitor::time::{EventTime, ProcessingTime};
use serde::Deserialize;

#[cfg(feature = "edges")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Records of one round; their bytes are beyond every cache.
const RECORDS: usize = 20_000;
/// Rounds that are measured, after the warm-up.
const ROUNDS: u64 = 15;
/// Rounds before: allocator, caches and baselines are then as they are in service.
const WARM_UP: u64 = 3;
/// Records in one `{"Records":[…]}`, as CloudTrail's files have.
const PER_FILE: usize = 100;
/// Identities that act.
const IDENTITIES: u64 = 500;

fn main() {
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    let (rounds, records) = if is_bench { (ROUNDS, RECORDS) } else { (1, 200) };
    let mut core = Core::new();
    let mut seen = Vec::new();
    for round in 0..WARM_UP + rounds {
        let measured = round_of(&mut core, round, records);
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

fn round_of(core: &mut Core, round: u64, count: usize) -> [Duration; PARTS.len()] {
    // Each call of the monitor gets events of its own: repeated event ids would be left out as duplicates.
    let batch = |part: u64| synthesize(round * PARTS.len() as u64 + part, count);
    let [bare, twice, files] = [batch(0), batch(1), files(&batch(2))];
    [
        timed(|| bare.iter().for_each(|record| floor(record))),
        timed(|| core.decode_only(&bare)),
        timed(|| core.decode_only(&files)),
        timed(|| core.ingest_only(&bare)),
        timed(|| core.ingest_only(&files)),
        timed(|| core.whole(&twice)),
        timed(|| core.whole(&files)),
    ]
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = clock();
    work();
    clock().saturating_sub(start)
}

/// CPU time of this thread, or else time since the first call.
fn clock() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    let cpu = || std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok();
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures elapsed time")]
    let elapsed = || START.get_or_init(Instant::now).elapsed();
    cpu().map_or_else(elapsed, Duration::from_nanos)
}

fn report(rounds: &[[Duration; PARTS.len()]], records: usize) {
    println!("{:>12}  {:>10}  {:>8}  part", "events/s", "ns/event", "of floor");
    for (part, name) in PARTS.iter().enumerate() {
        let nanos = median(rounds.iter().map(|round| round[part].as_secs_f64() * 1e9 / records as f64));
        let share = median(rounds.iter().map(|round| round[0].as_secs_f64() / round[part].as_secs_f64()));
        println!("{:>12.0}  {nanos:>10.0}  {share:>8.2}  {name}", 1e9 / nanos);
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values = values.collect::<Vec<_>>();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
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
    activities: usize,
    refused: usize,
}

impl Count {
    fn expect_all_taken(&self) {
        assert!(self.activities > 0 && self.refused == 0, "every record of the benchmark is an activity");
    }
}

impl Sink for Count {
    fn activity(&mut self, activity: Activity<'_>) {
        black_box(&activity);
        self.activities += 1;
    }

    fn skipped(&mut self, _reason: &'static str) {
        self.refused += 1;
    }

    fn rejected(&mut self, _rejected: Rejected<'_>) {
        self.refused += 1;
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
        self.count.activities += 1;
    }

    fn skipped(&mut self, reason: &'static str) {
        self.count.skipped(reason);
    }

    fn rejected(&mut self, rejected: Rejected<'_>) {
        self.count.rejected(rejected);
    }
}

fn floor(record: &[u8]) {
    let text = simdutf8::basic::from_utf8(record).expect("synthesized records are text");
    black_box(serde_json::from_str::<Floor<'_>>(text).expect("synthesized records are JSON"));
}

/// The fields without which nothing can be said about who did what; all strings borrow.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed, not read")]
struct Floor<'a> {
    #[serde(borrow)]
    event_time: Text<'a>,
    #[serde(borrow)]
    event_source: Text<'a>,
    #[serde(borrow)]
    event_name: Text<'a>,
    #[serde(borrow)]
    aws_region: Text<'a>,
    #[serde(borrow, rename = "sourceIPAddress")]
    source_ip_address: Text<'a>,
    #[serde(borrow)]
    user_agent: Text<'a>,
    #[serde(borrow, rename = "eventID")]
    event_id: Text<'a>,
    #[serde(borrow)]
    event_type: Text<'a>,
    #[serde(borrow)]
    recipient_account_id: Text<'a>,
    #[serde(borrow)]
    error_code: Option<Text<'a>>,
    read_only: Option<bool>,
    #[serde(borrow)]
    user_identity: FloorIdentity<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed, not read")]
struct FloorIdentity<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    principal_id: Option<Text<'a>>,
    #[serde(borrow)]
    arn: Option<Text<'a>>,
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    access_key_id: Option<Text<'a>>,
    #[serde(borrow)]
    user_name: Option<Text<'a>>,
    #[serde(borrow)]
    invoked_by: Option<Text<'a>>,
    #[serde(borrow)]
    session_context: Option<FloorSession<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed, not read")]
struct FloorSession<'a> {
    #[serde(borrow)]
    session_issuer: FloorIssuer<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed, not read")]
struct FloorIssuer<'a> {
    #[serde(borrow)]
    arn: Text<'a>,
    #[serde(borrow)]
    principal_id: Text<'a>,
}

/// 2026-01-01T00:00:00Z.
const START_MS: i64 = 1_767_225_600_000;
const DAY_MS: i64 = 86_400_000;

const CALLS: [(&str, &str, &str); 8] = [
    (
        "s3",
        "GetObject",
        r#"{"bucketName":"reports-prod","Host":"reports-prod.s3.eu-west-1.amazonaws.com","key":"2026/01/31/daily/part-00017.parquet","x-id":"GetObject"}"#,
    ),
    (
        "s3",
        "PutObject",
        r#"{"bucketName":"ingest-prod","Host":"ingest-prod.s3.eu-west-1.amazonaws.com","key":"raw/events/0f3c.json.gz","x-amz-server-side-encryption":"aws:kms"}"#,
    ),
    (
        "dynamodb",
        "Query",
        r#"{"tableName":"orders","keyConditionExpression":"pk = :v1","consistentRead":false,"limit":100}"#,
    ),
    (
        "sts",
        "AssumeRole",
        r#"{"roleArn":"arn:aws:iam::111122223333:role/deploy","roleSessionName":"pipeline","durationSeconds":3600}"#,
    ),
    (
        "kms",
        "Decrypt",
        r#"{"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::reports-prod"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}"#,
    ),
    (
        "ssm",
        "UpdateInstanceInformation",
        r#"{"instanceId":"i-0abc1234def567890","agentVersion":"3.3.1611.0","agentStatus":"Active","platformType":"Linux","platformName":"Amazon Linux","platformVersion":"2023","computerName":"ip-10-0-9-115.ec2.internal"}"#,
    ),
    (
        "ec2",
        "DescribeInstances",
        r#"{"instancesSet":{},"filterSet":{"items":[{"name":"instance-state-name","valueSet":{"items":[{"value":"running"}]}}]}}"#,
    ),
    (
        "secretsmanager",
        "GetSecretValue",
        r#"{"secretId":"arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-a1b2c3"}"#,
    ),
];

const CLIENTS: [&str; 4] = [
    "aws-sdk-go/1.55.5 (go1.22.7; linux; amd64) amazon-ssm-agent/",
    "Boto3/1.34.51 md/Botocore#1.34.51 ua/2.0 os/linux#6.1.79 md/arch#x86_64 lang/python#3.12.2 cfg/retry-mode#legacy",
    "APN/1.0 HashiCorp/1.0 Terraform/1.7.4 (+https://www.terraform.io) terraform-provider-aws/5.39.1",
    "aws-cli/2.15.24 Python/3.11.8 Linux/5.10.209 exe/x86_64.amzn.2 prompt/off command/s3.cp",
];

/// `count` records of a round, about 1.5 KB each: all identities act, each with calls and clients of its own.
fn synthesize(round: u64, count: usize) -> Vec<Vec<u8>> {
    let mut random = Random(round.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    (0..count as u64).map(|nth| record(&mut random, round, nth).into_bytes()).collect()
}

fn record(random: &mut Random, round: u64, nth: u64) -> String {
    let who = random.next() % IDENTITIES;
    let (service, operation, parameters) = CALLS[((who + random.next() % 3) % 8) as usize];
    let time =
        EventTime::from_millis(START_MS + (round as i64) * 3_600_000 + (nth as i64) * 100).to_rfc3339();
    let (client, id) = (CLIENTS[(who % 4) as usize], random.next());
    let identity = if who.is_multiple_of(5) { user(who) } else { role(who) };
    let error = if nth.is_multiple_of(50) {
        r#""errorCode":"AccessDenied","errorMessage":"not authorized","#
    } else {
        ""
    };
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{identity},"eventTime":"{}Z","eventSource":"{service}.amazonaws.com","eventName":"{operation}","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.{}","userAgent":"{client}",{error}"requestParameters":{parameters},"responseElements":null,"additionalEventData":{{"SignatureVersion":"SigV4","CipherSuite":"ECDHE-RSA-AES128-GCM-SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","bytesTransferredOut":{nth}}},"requestID":"{id:016x}-req","eventID":"{id:016x}-{round:04x}-{nth:08x}","readOnly":true,"resources":[{{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::reports-prod/{who}"}},{{"accountId":"111122223333","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::reports-prod"}}],"eventType":"AwsApiCall","managementEvent":false,"recipientAccountId":"111122223333","eventCategory":"Data","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{service}.eu-west-1.amazonaws.com"}}}}"#,
        &time[..19],
        who % 254 + 1,
    )
}

fn role(who: u64) -> String {
    format!(
        r#"{{"type":"AssumedRole","principalId":"AROA{who:017}:i-{who:017x}","arn":"arn:aws:sts::111122223333:assumed-role/service-{who}/i-{who:017x}","accountId":"111122223333","accessKeyId":"ASIA{who:016}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROA{who:017}","arn":"arn:aws:iam::111122223333:role/service-{who}","accountId":"111122223333","userName":"service-{who}"}},"attributes":{{"creationDate":"2026-01-01T00:00:00Z","mfaAuthenticated":"false"}},"ec2RoleDelivery":"2.0"}}}}"#
    )
}

fn user(who: u64) -> String {
    format!(
        r#"{{"type":"IAMUser","principalId":"AIDA{who:017}","arn":"arn:aws:iam::111122223333:user/ci-{who}","accountId":"111122223333","accessKeyId":"AKIA{who:016}","userName":"ci-{who}"}}"#
    )
}

/// The records as CloudTrail's files hold them.
fn files(records: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let file = |part: &[Vec<u8>]| [&b"{\"Records\":["[..], &part.join(&b','), b"]}"].concat();
    records.chunks(PER_FILE).map(file).collect()
}

/// Xorshift64 (Marsaglia, 2003): enough to vary records, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
