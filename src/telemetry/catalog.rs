//! Every metric in one place: name, type, labels and meaning. Handles, documentation, dashboards and rules are held to it.

use std::fmt::Write;

/// One metric family as declared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Family {
    /// Name, with its unit: `nhi_records_received_total`.
    pub name: &'static str,
    /// Type.
    pub kind: Type,
    /// Meaning, in a sentence.
    pub help: &'static str,
    /// Labels, in the order in which values are given.
    pub labels: &'static [Label],
    /// Upper bounds of a histogram's buckets, ascending; empty for other types.
    pub buckets: &'static [f64],
}

/// Type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Only grows; starts at 0 with the process.
    Counter,
    /// A current value.
    Gauge,
    /// Counts by upper bound, with a sum.
    Histogram,
}

impl Type {
    /// The word that the exposition format uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// The labels that metrics may carry. Each has bounded values; identities, ARNs and addresses are never among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// Input topic.
    Topic,
    /// Partition of a topic.
    Partition,
    /// Why a record was skipped, dead-lettered or lost, a signal suppressed, a verdict ignored, or a transaction aborted.
    Reason,
    /// Stage of the pipeline.
    Stage,
    /// Severity of an alert.
    Severity,
    /// Kind of identity.
    Kind,
    /// Detector.
    Detector,
    /// Status of a detector.
    Mode,
    /// Whether an alert opens, grows or closes its incident.
    Report,
    /// Verdict of an analyst.
    Verdict,
    /// Whether an identity is in use.
    Status,
    /// Limit that was reached.
    Limit,
    /// Percentile of a distribution.
    Percentile,
    /// Output of the pipeline.
    Output,
    /// Error of the Kafka client.
    Error,
    /// HTTP endpoint.
    Endpoint,
    /// HTTP status code.
    Code,
    /// Version of the program.
    Version,
    /// Database of addresses.
    Database,
}

impl Label {
    /// All labels.
    pub const ALL: [Self; 19] = [
        Self::Topic,
        Self::Partition,
        Self::Reason,
        Self::Stage,
        Self::Severity,
        Self::Kind,
        Self::Detector,
        Self::Mode,
        Self::Report,
        Self::Verdict,
        Self::Status,
        Self::Limit,
        Self::Percentile,
        Self::Output,
        Self::Error,
        Self::Endpoint,
        Self::Code,
        Self::Version,
        Self::Database,
    ];

    /// The label's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Partition => "partition",
            Self::Reason => "reason",
            Self::Stage => "stage",
            Self::Severity => "severity",
            Self::Kind => "kind",
            Self::Detector => "detector",
            Self::Mode => "mode",
            Self::Report => "report",
            Self::Verdict => "verdict",
            Self::Status => "status",
            Self::Limit => "limit",
            Self::Percentile => "percentile",
            Self::Output => "output",
            Self::Error => "error",
            Self::Endpoint => "endpoint",
            Self::Code => "code",
            Self::Version => "version",
            Self::Database => "database",
        }
    }

    /// What bounds its values.
    #[must_use]
    pub const fn values(self) -> &'static str {
        match self {
            Self::Topic => "the configured topics, else `other`",
            Self::Partition => "partitions assigned to this instance",
            Self::Reason => "fixed in the program, one per cause",
            Self::Stage => "`ingest`, `monitor`",
            Self::Severity => "`informational`, `low`, `medium`, `high`, `critical`",
            Self::Kind => "the eleven kinds of identity",
            Self::Detector => "ids of the loaded detectors, else `other`",
            Self::Mode => "`enabled`, `shadow`, `disabled`",
            Self::Report => "`create`, `update`, `close`",
            Self::Verdict => "`accept`, `mute`, `reopen`",
            Self::Status => "`active`, `unused`, `never_seen`, `unknown`, `retired`",
            Self::Limit => "fixed in the program, one per limit",
            Self::Percentile => "`50`, `99`, `99.9`",
            Self::Output => "`frame`, `dead_letter`, `state`, `alert`, `last_seen`",
            Self::Error => "error codes of librdkafka, else `other`",
            Self::Endpoint => "the routes served, else `other`",
            Self::Code => "status codes that the server gives",
            Self::Version => "one",
            Self::Database => "`asn`, `country`",
        }
    }
}

macro_rules! families {
    ($($id:ident = $kind:ident $name:literal [$($label:ident),*] $(buckets $buckets:expr;)? $help:literal)*) => {
        $(
            #[doc = $help]
            pub const $id: Family = Family {
                name: $name,
                kind: Type::$kind,
                help: $help,
                labels: &[$(Label::$label),*],
                buckets: families!(@buckets $($buckets)?),
            };
        )*
        /// All families, in the order of the documentation.
        pub const ALL: &[Family] = &[$($id),*];
    };
    (@buckets) => { &[] };
    (@buckets $buckets:expr) => { $buckets };
}

/// 1 ms to 10 s: a commit takes milliseconds on a healthy broker, and its transaction times out at 10 s.
const COMMIT_SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// One record to the default of `stage.commit_records`.
const COMMIT_RECORDS: &[f64] = &[1.0, 10.0, 100.0, 1e3, 5e3, 1e4, 2.5e4, 5e4, 1e5, 2e5];
/// Below the commit interval to half an hour: what is later is catching up.
const LATENCY_SECONDS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0];

families! {
    MESSAGES_RECEIVED = Counter "nhi_messages_received_total" [Topic]
        "Messages consumed from an input topic."
    BYTES_RECEIVED = Counter "nhi_received_bytes_total" [Topic]
        "Bytes of these messages, as they came."
    RECORDS_RECEIVED = Counter "nhi_records_received_total" [Topic]
        "Records found in the messages of an input topic."
    ACTIVITIES = Counter "nhi_activities_total" [Topic]
        "Records that became an activity of an identity, or a declaration or verdict about one."
    RECORDS_SKIPPED = Counter "nhi_records_skipped_total" [Topic, Reason]
        "Records that are known and of no interest."
    RECORDS_DEAD_LETTERED = Counter "nhi_records_dead_lettered_total" [Topic, Reason]
        "Records that could not be understood and went to the dead-letter topic."
    LOSSES = Counter "nhi_losses_total" [Topic, Reason]
        "Times that messages of a topic were gone before they were read."
    LOST_OFFSETS = Counter "nhi_lost_offsets_total" [Topic, Reason]
        "Offsets lost so; those of a topic that was made again cannot be counted."

    MONITORED = Counter "nhi_monitored_records_total" []
        "Activities that the monitor took in."
    LEARNED = Counter "nhi_activities_learned_total" []
        "Activities learned into baselines."
    DUPLICATES = Counter "nhi_activities_duplicate_total" []
        "Activities seen before, by event id, and left out."
    LATE = Counter "nhi_activities_late_total" []
        "Activities older than their identity's newest."
    PAST = Counter "nhi_activities_past_total" []
        "Activities of the past that `backfill` fed in; among those learned, and none raises an alert."
    CLAMPED = Counter "nhi_activities_clamped_total" []
        "Activities dated further ahead of their reception than limits.clock_skew, and held to it."
    UNPROVEN = Counter "nhi_activities_unproven_total" []
        "Attempts by somebody who did not prove to be the identity."
    CORRECTIONS = Counter "nhi_activities_correction_total" []
        "Corrections of earlier records, which are no use of their own."
    PREDECESSORS = Counter "nhi_activities_predecessor_total" []
        "Activities of an identity that was since deleted and made again under the same name."
    DECLARATIONS = Counter "nhi_declarations_total" []
        "Declarations taken from the inventory."
    FORGOTTEN_INPUTS = Counter "nhi_inputs_forgotten_total" []
        "Input partitions that are not read any more, and were forgotten by a partition of identities after its restore."
    SIGNALS = Counter "nhi_signals_total" [Detector]
        "Signals raised, including those too weak to open an incident."
    SUPPRESSED = Counter "nhi_signals_suppressed_total" [Reason]
        "Signals that led to no alert when they came: below the threshold, over the alert budget, accepted or muted."
    FEEDBACK = Counter "nhi_feedback_total" [Verdict]
        "Verdicts of analysts that were taken."
    FEEDBACK_IGNORED = Counter "nhi_feedback_ignored_total" [Reason]
        "Verdicts of analysts that changed nothing."
    SHADOW_SIGNALS = Counter "nhi_signals_shadow_total" [Detector]
        "Signals of detectors in shadow, which weigh nothing; among the signals raised."
    EXCEPTED = Counter "nhi_signals_excepted_total" [Detector]
        "What exceptions let pass, and what is therefore no signal."
    ALERTS = Counter "nhi_alerts_total" [Severity, Kind, Detector, Report]
        "Alerts published, by the detector that leads the incident."
    PUBLISHED_RECORDS = Counter "nhi_published_records_total" [Output]
        "Records published, by what they are."
    PUBLISHED_BYTES = Counter "nhi_published_bytes_total" [Output]
        "Bytes of these records, before compression."
    EVICTIONS = Counter "nhi_evictions_total" [Limit]
        "What was dropped from state because a limit was reached."

    IDENTITIES = Gauge "nhi_identities" [Kind, Status]
        "Identities held by this instance."
    OPEN_INCIDENTS = Gauge "nhi_incidents_open" []
        "Incidents open now."
    THRESHOLD_RISK = Gauge "nhi_incident_threshold_risk" []
        "Risk at which incidents open, of the partition where it is highest: detection.incident_risk, or more to keep to the alert budget."
    SCOPES = Gauge "nhi_scopes" []
        "Log sources known, such as one account and region."
    SILENT_SCOPES = Gauge "nhi_scopes_silent" []
        "Log sources with a gap in the last day: nothing behind them is called unused."
    STATE_TERMS = Gauge "nhi_state_terms" []
        "Distinct strings that baselines share."

    DETECTORS = Gauge "nhi_detectors" [Mode]
        "Detectors in force, by status."
    DETECTORS_LOADED = Gauge "nhi_detectors_loaded_timestamp_seconds" []
        "When the detectors in force were read, in seconds since 1970."
    DETECTOR_RELOADS = Counter "nhi_detectors_reloads_total" []
        "Times that detectors were read again and taken."
    DETECTOR_RELOAD_FAILURES = Counter "nhi_detectors_reload_failures_total" []
        "Times that they could not be taken; those before stay in force, and the log says what is wrong."
    EXPIRED_EXCEPTIONS = Gauge "nhi_detector_exceptions_expired" []
        "Exceptions of detectors in force whose last day is over."

    ENRICHMENT_BUILT = Gauge "nhi_enrichment_built_timestamp_seconds" [Database]
        "When a database of addresses was built by its publisher, in seconds since 1970."
    ENRICHMENT_NETWORKS = Gauge "nhi_enrichment_networks" []
        "Networks on the lists of enrichment.networks."
    ENRICHMENT_RELOADS = Counter "nhi_enrichment_reloads_total" []
        "Times that databases and lists were read again and taken."
    ENRICHMENT_RELOAD_FAILURES = Counter "nhi_enrichment_reload_failures_total" []
        "Times that they could not be taken; those before stay in force, and the log says what is wrong."

    LAG = Gauge "nhi_lag_records" [Topic, Partition]
        "Messages between the position read to and the end of a partition, as a read_committed reader sees it."
    PARTITIONS_ASSIGNED = Gauge "nhi_partitions_assigned" [Stage]
        "Partitions that a stage of this instance owns."
    PARTITIONS_RESTORING = Gauge "nhi_partitions_restoring" [Stage]
        "Those of them whose state is still being restored."
    COMMITS = Counter "nhi_commits_total" [Stage]
        "Transactions committed."
    ABORTS = Counter "nhi_aborts_total" [Stage, Reason]
        "Transactions aborted; their records are read again."
    COMMIT_DURATION = Histogram "nhi_commit_duration_seconds" [Stage] buckets COMMIT_SECONDS;
        "From the end of a batch until its transaction was committed."
    COMMIT_RECORDS_SIZE = Histogram "nhi_commit_records" [Stage] buckets COMMIT_RECORDS;
        "Records consumed by one transaction."
    BROKER_ERRORS = Counter "nhi_broker_errors_total" [Stage, Error]
        "Trouble with the brokers that the Kafka client reported."
    EFFECT_LATENCY = Histogram "nhi_effect_latency_seconds" [Stage] buckets LATENCY_SECONDS;
        "From a record's arrival on its input topic until what it led to was committed."
    EFFECT_LATENCY_PERCENTILE = Gauge "nhi_effect_latency_percentile_seconds" [Stage, Percentile]
        "The same, as percentiles over the last five to ten minutes; 0 where nothing was committed."

    RESTORE_PROGRESS = Gauge "nhi_restore_progress_ratio" []
        "Part of the owned partitions whose state is restored, 0 to 1."
    RESTORED_RECORDS = Counter "nhi_restored_records_total" []
        "Changelog records read back."
    RESTORE_DURATION = Gauge "nhi_restore_duration_seconds" []
        "Time that the restore of the last partition took."
    RESTORE_FAILURES = Counter "nhi_restore_failures_total" [Reason]
        "Changelog records that could not be read back; their partition does not start."
    READY = Gauge "nhi_ready" []
        "1 where state is restored and records are consumed, else 0."

    HTTP_REQUESTS = Counter "nhi_http_requests_total" [Endpoint, Code]
        "HTTP requests answered."
    BUILD_INFO = Gauge "nhi_build_info" [Version]
        "Always 1; the label names the version that runs."

    PROCESS_RESIDENT = Gauge "process_resident_memory_bytes" []
        "Resident memory of the process."
    PROCESS_RESIDENT_PEAK = Gauge "process_resident_memory_peak_bytes" []
        "Most resident memory that the process had."
    PROCESS_CPU = Counter "process_cpu_seconds_total" []
        "User and system CPU time of the process."
    PROCESS_THREADS = Gauge "process_threads" []
        "Threads of the process."
    PROCESS_OPEN_FDS = Gauge "process_open_fds" []
        "Open file descriptors of the process."
    PROCESS_START = Gauge "process_start_time_seconds" []
        "Start of the process, in seconds since 1970."
}

/// The names under which a family appears in a scrape: a histogram has three.
#[must_use]
pub fn series_names(family: &Family) -> Vec<String> {
    match family.kind {
        Type::Histogram => ["_bucket", "_sum", "_count"].map(|end| format!("{}{end}", family.name)).to_vec(),
        Type::Counter | Type::Gauge => vec![family.name.to_owned()],
    }
}

/// The page `docs/metrics.md`.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(MARKDOWN_HEAD);
    for family in ALL {
        let labels: Vec<_> = family.labels.iter().map(|label| format!("`{}`", label.as_str())).collect();
        let kind = family.kind.as_str();
        page += &format!("| `{}` | {kind} | {} | {} |\n", family.name, labels.join(", "), family.help);
    }
    page += MARKDOWN_LABELS;
    for label in Label::ALL {
        let _infallible = writeln!(page, "| `{}` | {} |", label.as_str(), label.values());
    }
    page
}

const MARKDOWN_HEAD: &str = "\
# Metrics

Generated from `src/telemetry/catalog.rs` and tested to be current: `UPDATE_DOCS=1 cargo test --lib telemetry` writes it anew.

`GET /metrics` serves all of them in the Prometheus text format 0.0.4. What each is for, and what to do when it moves, is in
[operations.md](operations.md).

| Metric | Type | Labels | Meaning |
|---|---|---|---|
";

const MARKDOWN_LABELS: &str = "
## Labels

Every label has bounded values. Identities, ARNs, accounts and addresses are never labels: a scrape stays small however many
identities there are, and holds nothing that must be protected.

| Label | Values |
|---|---|
";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a developer asks for the page to be written anew")]
    fn the_documentation_is_current() {
        if std::env::var("UPDATE_DOCS").is_ok() {
            std::fs::write(PAGE, markdown()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(PAGE).unwrap(), markdown(), "run with UPDATE_DOCS=1");
    }

    #[test]
    fn names_are_distinct_and_follow_the_convention() {
        let names: BTreeSet<_> = ALL.iter().map(|family| family.name).collect();
        assert_eq!(names.len(), ALL.len());
        for Family { name, kind, help, buckets, .. } in ALL {
            assert!(name.starts_with("nhi_") || name.starts_with("process_"), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Type::Counter, "{name}");
            assert_eq!(!buckets.is_empty(), *kind == Type::Histogram, "{name}");
            assert!(help.ends_with('.'), "{name}");
        }
    }

    #[test]
    fn every_label_is_used() {
        let used: BTreeSet<_> = ALL.iter().flat_map(|family| family.labels).copied().collect();
        assert_eq!(used, BTreeSet::from(Label::ALL));
    }
}
