//! Settings: what can be set, with its default and its reason. Reading files and the environment is the caller's.
//!
//! A settings file (TOML or YAML) is read key by key against the schema of [`Config`], so that every mistake in it
//! is reported at once, each with its line: a key that does not exist, a value of the wrong type, a value out of
//! range. Environment variables override single keys; see [`environment`].

mod enrichment;
pub mod environment;
pub(crate) mod lines;
pub(crate) mod load;
mod problem;
mod render;
mod schema;
pub(crate) mod unknown;
mod validate;

pub use enrichment::{Enrichment, MAX_LISTS, NetworkList};
pub use load::ConfigFormat;
pub use problem::{Error, Fault, Origin, Problem};
pub use render::default_toml;
pub use schema::json_schema;
pub use validate::RESERVED_PROPERTIES;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// All settings. Every key has a default; unknown keys are errors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Connection to Kafka.
    pub kafka: Kafka,
    /// Topics read and written.
    pub topics: Topics,
    /// The stages and how they commit.
    pub stage: Stage,
    /// Caps on what one payload may unpack to.
    pub limits: Limits,
    /// What is known of addresses.
    pub enrichment: Enrichment,
    /// Baselines.
    pub baseline: Baseline,
    /// Detection.
    pub detection: Detection,
    /// Last-seen records.
    pub last_seen: LastSeen,
    /// Unused identities.
    pub unused: Unused,
    /// HTTP endpoints.
    pub http: Http,
    /// The monitor's own log.
    pub log: Log,
}

/// Connection to Kafka.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Kafka {
    /// `host:port,host:port`.
    pub brokers: String,
    /// Prefix of consumer groups and transactional ids; two deployments on one Kafka need two names.
    pub application_id: String,
    /// Name of this instance, stable over restarts (a StatefulSet's pod name). Enables static membership and fencing of its own zombie.
    pub instance_id: Option<String>,
    /// Any librdkafka property, for all clients: `security.protocol`, `sasl.mechanism`, `ssl.ca.location`, …
    pub properties: BTreeMap<String, String>,
}

impl Default for Kafka {
    fn default() -> Self {
        Self {
            brokers: "localhost:9092".into(),
            application_id: "nhi-monitor".into(),
            instance_id: None,
            properties: BTreeMap::new(),
        }
    }
}

/// Topics read and written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Topics {
    /// Input topics.
    pub inputs: Vec<Input>,
    /// Activities, keyed by identity (internal).
    pub activity: String,
    /// Alerts out.
    pub alerts: String,
    /// Declared identities in, last-seen records out (compacted).
    pub inventory: String,
    /// Verdicts of analysts in: accept, mute, reopen.
    pub feedback: String,
    /// Changelog of the monitor's state (internal, compacted).
    pub state: String,
    /// What could not be understood, with the reason.
    pub dead_letter: String,
    /// How far each `backfill` has come (compacted); written and read by that command only.
    pub backfill: String,
    /// Partitions of `activity` and `state` where they are created here.
    pub partitions: i32,
    /// Replication factor of topics created here.
    pub replication_factor: i32,
    /// Whether missing topics are created at start; otherwise they are an error.
    pub create: bool,
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            inputs: vec![
                Input { topic: "cloudtrail".into(), format: FormatHint::Cloudtrail },
                Input { topic: "auth.linux".into(), format: FormatHint::LinuxAuth },
            ],
            activity: "nhi.activity".into(),
            alerts: "nhi.alerts".into(),
            inventory: "nhi.inventory".into(),
            feedback: "nhi.feedback".into(),
            state: "nhi.state".into(),
            dead_letter: "nhi.dead-letter".into(),
            backfill: "nhi.backfill".into(),
            partitions: 12,
            replication_factor: 1,
            create: true,
        }
    }
}

/// One input topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Topic name.
    pub topic: String,
    /// What it carries.
    #[serde(default)]
    pub format: FormatHint,
}

/// What the operator says an input carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FormatHint {
    /// Recognise each record by its content.
    #[default]
    Auto,
    /// CloudTrail in any transport shape.
    Cloudtrail,
    /// Linux auth logs: syslog or journald, in any transport shape.
    LinuxAuth,
}

/// The stages and how they commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Stage {
    /// Ingest worker threads. 0: as many as there are processors, half of them where the process runs both stages.
    pub ingest_workers: usize,
    /// Monitor worker threads. 0: as with `ingest_workers`.
    pub monitor_workers: usize,
    /// Longest time between commits. Readers of `read_committed` see results this much later.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub commit_interval: Duration,
    /// Most input records between commits.
    pub commit_records: usize,
    /// Time that SIGTERM leaves for the last commit.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub drain_timeout: Duration,
}

impl Default for Stage {
    fn default() -> Self {
        Self {
            ingest_workers: 1,
            monitor_workers: 1,
            commit_interval: Duration::from_millis(500),
            commit_records: 200_000,
            drain_timeout: Duration::from_secs(20),
        }
    }
}

/// Caps on what one payload may unpack to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of one payload after decompression. A CloudTrail file of an hour is rarely above 50 MB unpacked.
    pub payload_bytes: usize,
    /// Bytes of one record. CloudTrail's own cap is 256 KB.
    pub record_bytes: usize,
    /// Records in one payload.
    pub payload_records: usize,
    /// Wrappers inside wrappers (Filebeat around EventBridge around…).
    pub envelope_depth: usize,
    /// How far ahead of its reception an event's time may be before it is clamped.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub clock_skew: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_bytes: 64 << 20,
            record_bytes: 1 << 20,
            payload_records: 200_000,
            envelope_depth: 4,
            clock_skew: Duration::from_secs(300),
        }
    }
}

/// Baselines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Baseline {
    /// Days of observed life after which an identity's baseline counts as settled.
    pub learning_days: u32,
    /// Days that a term unused stays known. A yearly job is not new each year.
    pub memory_days: u32,
    /// Identities held per partition of `nhi.activity`; beyond it, those unseen for longest are dropped, with their last use published: first those
    /// that the inventory does not declare.
    pub max_identities: usize,
}

impl Default for Baseline {
    fn default() -> Self {
        Self { learning_days: 7, memory_days: 400, max_identities: 5_000_000 }
    }
}

/// Detection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Detection {
    /// Risk (0 to 100) at which an incident opens.
    pub incident_risk: u8,
    /// Alerts that a day may bring, over all partitions. 0: any number. Where more are to be expected, the threshold rises, once a week was seen.
    pub alerts_per_day: f64,
    /// Highest risk (0 to 100) to which that raises the threshold. What is of high severity opens at `incident_risk` all the same.
    pub budget_ceiling_risk: u8,
    /// Quiet time after which an incident closes.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub incident_quiet: Duration,
    /// Days that behaviour which raised an alert is held out of the baseline.
    pub quarantine_days: u32,
    /// Whether what other identities of the partition do makes the same less surprising of one more. What one identity raises
    /// then also depends on which of two came first: a run with kills and rebalances may weigh a new network of many by a bit
    /// more or less than one without, and alerts near the threshold may differ.
    pub peers: bool,
    /// Folder of detectors (`*.yaml`), laid over the built-in ones: a file with the id of a built-in detector takes its place. Read again on SIGHUP.
    pub detectors: Option<String>,
}

impl Default for Detection {
    fn default() -> Self {
        Self {
            incident_risk: 50,
            alerts_per_day: 0.0,
            budget_ceiling_risk: 75,
            incident_quiet: Duration::from_secs(6 * 3600),
            quarantine_days: 7,
            peers: false,
            detectors: None,
        }
    }
}

/// Last-seen records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LastSeen {
    /// Published again when `last_seen` moved by more than this, and once when the identity was quiet for this long.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub publish_every: Duration,
}

impl Default for LastSeen {
    fn default() -> Self {
        Self { publish_every: Duration::from_secs(3600) }
    }
}

/// Unused identities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Unused {
    /// Days without use after which an identity counts as unused, unless its declaration says otherwise.
    pub after_days: u32,
    /// Longest silence of a log source that may count as covered. Of a source that reports more often, what counts is learned from how
    /// it reports, and is shorter.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub max_silence: Duration,
    /// Longest silence that may count as covered where it comes every week, such as a weekend.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub max_weekly_silence: Duration,
    /// Single records received within an hour that may be unreadable before the time they come from counts as a gap. A whole payload
    /// that cannot be read always is one.
    pub tolerated_unreadable: u32,
    /// Lets pass what was lost or could not be read of the time before this (RFC 3339): whoever sets it knows that nothing is missing.
    pub accept_losses_before: Option<String>,
}

impl Default for Unused {
    fn default() -> Self {
        Self {
            after_days: 90,
            max_silence: Duration::from_secs(24 * 3600),
            max_weekly_silence: Duration::from_secs(96 * 3600),
            tolerated_unreadable: 10,
            accept_losses_before: None,
        }
    }
}

/// HTTP endpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Address and port to listen on; empty turns HTTP off.
    pub listen: String,
    /// Alerts kept in memory for `/api/v1/alerts`.
    pub recent_alerts: usize,
    /// Whether `POST /api/v1/feedback` takes verdicts. There is no authentication: whoever reaches the port could then explain an attack away.
    pub feedback: bool,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: "127.0.0.1:9464".into(), recent_alerts: 1_000, feedback: false }
    }
}

/// The monitor's own log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `text` or `json`.
    pub format: LogFormat,
    /// Filter, as in `info` or `nhi_monitor=debug,rdkafka=warn`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".into() }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}
