//! One identity of the generated company: its name, home, owner and fate.

use super::archetype::{Archetype, Principal};
use super::networks::{ACCOUNTS, Home, REGIONS};
use super::random::Random;
use crate::activity::Kind;

/// One identity of the generated company.
#[derive(Clone)]
pub struct Member {
    /// Identity id, as the monitor names it.
    pub id: String,
    /// Kind.
    pub kind: Kind,
    /// Account it belongs to; empty for Linux accounts.
    pub account: String,
    /// Region it works in; empty for Linux accounts.
    pub region: String,
    /// Team that owns it.
    pub team: &'static str,
    /// `prod`, `staging` or `dev`.
    pub environment: &'static str,
    /// `low` to `critical`.
    pub criticality: &'static str,
    /// What it lives through.
    pub fate: Fate,
    /// Whether the inventory declares it.
    pub is_declared: bool,
    /// Its sort.
    pub(super) archetype: &'static Archetype,
    /// Name of the role, user or account.
    pub(super) name: String,
    /// Path of the role or user, `/` at both ends.
    pub(super) path: &'static str,
    /// `AROA…`, `AIDA…`; empty where there is none.
    pub(super) unique_id: String,
    /// Stem of the names of its buckets, tables, queues.
    pub(super) stem: String,
    /// How busy it is, 1 being the median of its sort.
    pub(super) busyness: f64,
    /// Hosts of a Linux account; instances, functions or people behind a role.
    pub(super) places: Vec<String>,
}

/// What an identity lives through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    /// Works from before the start to after the end.
    Active,
    /// Falls silent for good after this part of the time, 0 to 1.
    Forgotten(f64),
    /// As `Forgotten`, until an intruder finds its key.
    Dormant(f64),
    /// Is declared, and never used.
    NeverUsed,
    /// First appears after this part of the time, 0 to 1.
    Born(f64),
}

/// Teams that own identities.
const TEAMS: [&str; 8] =
    ["payments", "logistics", "storefront", "platform", "data", "identity", "customer-care", "finance-it"];

/// Linux hosts; each carries several service accounts.
const HOSTS: [&str; 4] = ["db-01", "app-01", "batch-01", "edge-01"];

impl Member {
    /// The `number`-th member of a company, of this sort.
    pub(super) fn new(seed: u64, number: usize, archetype: &'static Archetype) -> Self {
        let mut random = Random::new(seed, &format!("member {number}"));
        let environment = *random.pick(&["prod", "prod", "prod", "staging", "dev"]);
        let team = *random.pick(&TEAMS);
        let account = ACCOUNTS[usize::from(environment != "prod")].to_owned();
        let region = (*random.pick(&REGIONS)).to_owned();
        let base = *random.pick(archetype.names);
        let name = name(archetype, base, team, environment, number);
        let mut member = Self {
            id: String::new(),
            kind: archetype.kind,
            account,
            region,
            team,
            environment,
            criticality: criticality(environment, &mut random),
            fate: fate(archetype, &mut random),
            is_declared: random.chance(0.9)
                && !matches!(archetype.principal, Principal::Service(_) | Principal::ServiceLinked(_)),
            archetype,
            path: path(archetype.principal),
            unique_id: unique_id(archetype.principal, &mut random),
            stem: format!("{team}-{base}-{number}").to_lowercase(),
            busyness: random.log_normal(0.7).clamp(0.2, 6.0),
            places: Vec::new(),
            name,
        };
        member.places = places(&member, &mut random);
        member.id = member.identity_id();
        member
    }

    /// ARN of the role or user.
    pub(super) fn arn(&self) -> String {
        let Self { account, path, name, .. } = self;
        let sort = if self.archetype.principal == Principal::User { "user" } else { "role" };
        format!("arn:aws:iam::{account}:{sort}{path}{name}")
    }

    /// Where it lives, for its networks.
    pub(super) fn home(&self) -> Home<'_> {
        Home { name: &self.name, account: &self.account, region: &self.region }
    }

    fn identity_id(&self) -> String {
        match self.archetype.principal {
            Principal::Service(host) => format!("aws-service:{host}"),
            Principal::Linux => format!("linux:{}:{}", self.places[0], self.name),
            _ => self.arn(),
        }
    }
}

fn name(archetype: &Archetype, base: &str, team: &str, environment: &str, number: usize) -> String {
    match archetype.principal {
        Principal::Linux => format!("{base}-{number}"),
        Principal::Service(_) | Principal::ServiceLinked(_) => base.to_owned(),
        Principal::User => format!("{base}-{environment}-{number}"),
        Principal::Sso => {
            format!("AWSReservedSSO_{base}_{:016x}", crate::term::stable_hash(&format!("{team}{number}")))
        }
        _ => format!("{team}-{base}-{environment}-{number}"),
    }
}

fn path(principal: Principal) -> &'static str {
    match principal {
        Principal::Sso => "/aws-reserved/sso.amazonaws.com/",
        Principal::Lambda | Principal::CodeBuild => "/service-role/",
        Principal::ServiceLinked("autoscaling.amazonaws.com") => {
            "/aws-service-role/autoscaling.amazonaws.com/"
        }
        Principal::ServiceLinked("elasticloadbalancing.amazonaws.com") => {
            "/aws-service-role/elasticloadbalancing.amazonaws.com/"
        }
        Principal::ServiceLinked("config.amazonaws.com") => "/aws-service-role/config.amazonaws.com/",
        Principal::ServiceLinked("trustedadvisor.amazonaws.com") => {
            "/aws-service-role/trustedadvisor.amazonaws.com/"
        }
        Principal::ServiceLinked(_) => "/aws-service-role/ssm.amazonaws.com/",
        _ => "/",
    }
}

fn unique_id(principal: Principal, random: &mut Random) -> String {
    match principal {
        Principal::Linux | Principal::Service(_) => String::new(),
        Principal::User => random.aws_id("AIDA"),
        _ => random.aws_id("AROA"),
    }
}

fn criticality(environment: &str, random: &mut Random) -> &'static str {
    match environment {
        "prod" => random.pick::<&str>(&["medium", "high", "high", "critical"]),
        _ => random.pick::<&str>(&["low", "low", "medium"]),
    }
}

/// About one in sixteen is forgotten, one in thirty was never used, one in thirty is young.
fn fate(archetype: &Archetype, random: &mut Random) -> Fate {
    let lives_on =
        matches!(archetype.principal, Principal::Service(_) | Principal::ServiceLinked(_) | Principal::Sso);
    match random.unit() {
        _ if lives_on => Fate::Active,
        x if x < 0.06 => Fate::Forgotten(0.08 + random.unit() * 0.3),
        x if x < 0.09 => Fate::NeverUsed,
        x if x < 0.12 => Fate::Born(0.1 + random.unit() * 0.6),
        _ => Fate::Active,
    }
}

/// The instances, functions, people or hosts behind an identity.
fn places(member: &Member, random: &mut Random) -> Vec<String> {
    let few = 1 + random.below(3);
    match member.archetype.principal {
        Principal::Instance => (0..few).map(|_| format!("i-{}", random.hex(17))).collect(),
        Principal::Linux => vec![(*random.pick(&HOSTS)).to_owned()],
        Principal::Sso => (0..2 + few).map(|_| person(random)).collect(),
        Principal::Device => (0..few).map(|_| random.hex(40)).collect(),
        _ => vec![member.stem.clone()],
    }
}

fn person(random: &mut Random) -> String {
    const FIRST: [&str; 8] = ["ana", "bo", "chidi", "dana", "emre", "fatima", "goran", "hana"];
    const LAST: [&str; 8] = ["silva", "berg", "okafor", "kim", "yilmaz", "haddad", "novak", "sato"];
    format!("{}.{}@example.com", random.pick(&FIRST), random.pick(&LAST))
}
