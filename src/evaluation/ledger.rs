//! Which record belongs to which attack, and what benign change explains it.

use std::collections::HashMap;

use crate::generator::{Cause, Emission, Incident, Record};
use crate::time::{DAY_MS, EventTime, HOUR_MS};

/// An alert without a named record is still about an attack where it is about an hour that had one of its events.
const NEAR_MS: i64 = HOUR_MS;

/// Events of one attack that are kept in words, for a person to look at.
const MAX_TOLD: usize = 40;

/// The truth about a stream of records, by their place in it.
#[derive(Debug, Default)]
pub struct Ledger {
    /// For each record a [`Cause`] by its index, or an attack: [`FIRST_ATTACK`] and up. Two bytes a record.
    codes: Vec<u16>,
    attacks: Vec<Attack>,
    /// The attack on each identity; an identity is attacked once.
    by_identity: HashMap<String, usize>,
    /// Days on which identities of the company acted, machines only.
    identity_days: u64,
    last_day: HashMap<String, u32>,
}

/// The first code that stands for an attack.
const FIRST_ATTACK: u16 = 256;

/// One attack, with what it did so far.
#[derive(Clone, Debug)]
pub struct Attack {
    /// What was planned.
    pub incident: Incident,
    /// When its events happened, in order.
    pub times: Vec<EventTime>,
    /// The first of them in words.
    pub told: Vec<AttackEvent>,
}

/// One event of an attack, in words.
#[derive(Clone, Debug, serde::Serialize)]
pub struct AttackEvent {
    /// When, RFC 3339.
    pub time: String,
    /// Identity that acted.
    pub identity: String,
    /// `s3:GetObject us-east-1 from 192.0.2.1 with aws-cli/2.17.9`, or a log line.
    pub what: String,
}

impl Ledger {
    /// A ledger of these attacks.
    #[must_use]
    pub fn new(incidents: &[Incident]) -> Self {
        let mut ledger = Self::default();
        for (index, incident) in incidents.iter().enumerate() {
            for id in std::iter::once(&incident.identity_id).chain(&incident.accomplices) {
                ledger.by_identity.insert(id.clone(), index);
            }
            let incident = incident.clone();
            ledger.attacks.push(Attack { incident, times: Vec::new(), told: Vec::new() });
        }
        ledger
    }

    /// Enters the next record. `counts` says whether its identity is one of the company's machines.
    pub fn enter(&mut self, emission: &Emission, counts: bool) {
        let code = match emission.incident {
            Some(index) => FIRST_ATTACK.saturating_add(u16::try_from(index).unwrap_or(u16::MAX)),
            None => emission.cause as u16,
        };
        self.codes.push(code);
        if counts {
            self.count_day(emission);
        }
        if let Some(attack) = emission.incident.and_then(|index| self.attacks.get_mut(index)) {
            attack.times.push(emission.time);
            if attack.told.len() < MAX_TOLD {
                attack.told.push(told(emission));
            }
        }
    }

    fn count_day(&mut self, emission: &Emission) {
        let day = (emission.time.millis() / DAY_MS) as u32;
        let last = match self.last_day.get_mut(&*emission.identity) {
            Some(last) => last,
            None => self.last_day.entry(emission.identity.to_string()).or_default(),
        };
        self.identity_days += u64::from(*last != day);
        *last = day;
    }

    /// Records entered.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.codes.len() as u64
    }

    /// Days on which machines of the company acted, one for each identity and day.
    #[must_use]
    pub const fn identity_days(&self) -> u64 {
        self.identity_days
    }

    /// Identities of the company that acted, machines only.
    #[must_use]
    pub fn identities(&self) -> usize {
        self.last_day.len()
    }

    /// The attacks, as planned.
    #[must_use]
    pub fn attacks(&self) -> &[Attack] {
        &self.attacks
    }

    /// The attack that the record at `place` (0 for the first) is part of.
    #[must_use]
    pub fn attack_at(&self, place: i64) -> Option<usize> {
        let code = self.code(place)?;
        code.checked_sub(FIRST_ATTACK).map(usize::from).filter(|index| *index < self.attacks.len())
    }

    /// The attack on `identity` that had an event in the hour up to `time`.
    #[must_use]
    pub fn attack_near(&self, identity: &str, time: EventTime) -> Option<usize> {
        let index = *self.by_identity.get(identity)?;
        let times = &self.attacks[index].times;
        let before = times.partition_point(|event| *event <= time).checked_sub(1)?;
        (time.millis_since(times[before]) <= NEAR_MS).then_some(index)
    }

    /// The change behind the record at `place`; `Plain` for an attack's.
    #[must_use]
    pub fn cause_at(&self, place: i64) -> Cause {
        let code = self.code(place).map_or(0, usize::from);
        Cause::ALL.get(code).copied().unwrap_or_default()
    }

    fn code(&self, place: i64) -> Option<u16> {
        self.codes.get(usize::try_from(place).ok()?).copied()
    }
}

fn told(emission: &Emission) -> AttackEvent {
    let what = match &emission.record {
        Record::Auth(line) => format!("{} {}: {}", line.host, line.program, line.message),
        Record::CloudTrail(call) => {
            let service = call.event_source.trim_end_matches(".amazonaws.com");
            let ending = call.error_code.map(|code| format!(" ({code})")).unwrap_or_default();
            let client = call.user_agent.split(' ').next().unwrap_or_default();
            format!(
                "{service}:{}{ending} in {} from {} with {client}",
                call.event_name, call.aws_region, call.source_ip
            )
        }
    };
    AttackEvent { time: emission.time.to_rfc3339(), identity: emission.identity.to_string(), what }
}
