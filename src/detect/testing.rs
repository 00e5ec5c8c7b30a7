//! Embedded tests of detectors: a history, what happens then, and whether the detector fires.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::activity::{Class, Kind, NetworkClass};
use crate::identity::declared::Criticality;
use crate::identity::{AllowedNetwork, AllowedSchedule};

use super::form::{AllowedNetworkText, DurationText, ScheduleText};

/// One embedded test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// Whether the detector fires in `then`.
    pub expect: Expect,
    /// The identity that it is about; a cloud role of which the inventory says nothing where this is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Actor>,
    /// What the identity did before; what fires here does not count.
    #[serde(default)]
    pub history: Vec<Step>,
    /// What happens then.
    #[serde(default)]
    pub then: Vec<Step>,
}

/// The identity that a test is about, for detectors with a scope or exceptions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Actor {
    /// Identity id.
    pub id: Option<String>,
    /// Kind, as observed.
    pub kind: Option<Kind>,
    /// Class, as observed.
    pub class: Option<Class>,
    /// Environment that the inventory declares.
    pub environment: Option<String>,
    /// Criticality that the inventory declares.
    pub criticality: Option<Criticality>,
}

/// Whether a detector fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// At least one signal.
    Fires,
    /// No signal.
    Quiet,
}

/// One step; steps follow one another in time, beginning on a Monday at midnight UTC.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// What is done; absent, time only passes.
    pub activity: Option<Sample>,
    /// How many times, `every` apart.
    pub times: Option<u32>,
    /// How many in a row, one second apart, each time; one where absent.
    pub run: Option<u32>,
    /// Time between two activities.
    #[serde(with = "humantime_serde::option")]
    #[schemars(with = "Option<DurationText>")]
    pub every: Option<Duration>,
    /// Time that the step takes; with `every`, it says how many times.
    #[serde(rename = "for", with = "humantime_serde::option")]
    #[schemars(with = "Option<DurationText>")]
    pub lasting: Option<Duration>,
    /// Whether the log source reports nothing meanwhile.
    pub source_silent: bool,
    /// Declares the identity in the inventory, made at this point in time.
    pub declare: bool,
    /// Declares the identity as one of this environment.
    pub environment: Option<String>,
    /// Declares the identity retired, from this point in time on.
    pub retire: bool,
    /// Declares that the identity expires at this point in time.
    pub expire: bool,
    /// Declares the identity with an owner and a purpose.
    pub own: bool,
    /// Declares another identity of its account.
    pub declare_other: bool,
    /// Declares the credential of this public id, made at this point in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declare_key: Option<String>,
    /// Declares what the identity is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Allow>,
}

impl Step {
    /// Whether the inventory says something at its beginning.
    #[must_use]
    pub const fn declares(&self) -> bool {
        self.declare
            || self.retire
            || self.expire
            || self.own
            || self.environment.is_some()
            || self.allow.is_some()
            || self.declare_key.is_some()
    }
}

/// What the inventory allows an identity; an empty list allows all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Allow {
    /// Services.
    pub services: Vec<String>,
    /// Networks: prefixes, addresses, `AS64500`, countries.
    #[schemars(with = "Vec<AllowedNetworkText>")]
    pub networks: Vec<AllowedNetwork>,
    /// Hours: `Mon-Fri 06:00-20:00 Europe/Berlin`.
    #[schemars(with = "Option<ScheduleText>")]
    pub schedule: Option<AllowedSchedule>,
}

/// An activity, with plain values where nothing is said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sample {
    /// `service:Operation`.
    pub action: String,
    /// Source address.
    pub ip: String,
    /// Network that the address counts as, where that is not its /24: `vpce-0a1b2c3d`, `444455556666/vpce-0a1b2c3d`.
    pub network: Option<String>,
    /// Client family.
    pub client: String,
    /// Region.
    pub region: String,
    /// Workload.
    pub workload: Option<String>,
    /// Public id of the credential; one that begins with `ASIA` is temporary.
    pub credential: Option<String>,
    /// `success`, `denied` or `failed`.
    pub outcome: crate::activity::Outcome,
    /// Account acted in.
    pub account: Option<String>,
    /// What is acted on.
    pub resource: Option<String>,
    /// Identity that assumed this one.
    pub caller: Option<String>,
    /// Public id of the credential that the call gives out.
    pub issues: Option<String>,
    /// Whether it shows signs of a person (a console session).
    pub console: bool,
    /// Country of the address.
    pub country: Option<String>,
    /// Autonomous system of the address: `AS64500`.
    pub asn: Option<String>,
    /// What the operator's lists say that the network is.
    pub network_class: Option<NetworkClass>,
    /// Bytes that it takes out.
    pub bytes_out: Option<u64>,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            action: "s3:GetObject".into(),
            ip: "192.0.2.10".into(),
            network: None,
            client: "Boto3".into(),
            region: "eu-west-1".into(),
            workload: None,
            credential: None,
            outcome: crate::activity::Outcome::Success,
            account: None,
            resource: None,
            caller: None,
            issues: None,
            console: false,
            country: None,
            asn: None,
            network_class: None,
            bytes_out: None,
        }
    }
}

/// How one embedded test went.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseResult {
    /// Its name.
    pub name: String,
    /// What was expected.
    pub expected: Expect,
    /// How many signals the detector raised in `then`.
    pub signals: u64,
    /// How many more an exception let pass.
    pub excepted: u64,
    /// What the alerts in `then` said.
    pub alerts: Vec<String>,
}

impl CaseResult {
    /// Whether the detector fired.
    #[must_use]
    pub const fn got(&self) -> Expect {
        if self.signals > 0 { Expect::Fires } else { Expect::Quiet }
    }

    /// Whether it went as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.got() == self.expected
    }
}
