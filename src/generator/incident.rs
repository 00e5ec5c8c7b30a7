//! Injected incidents: what an intruder does with an identity of the company.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;

use super::actor::Actor;
use super::auth::{self, AuthLine};
use super::calls::{self, Ending, Made, Shown};
use super::catalog;
use super::cause::Cause;
use super::emission::{Emission, Record};
use super::networks;
use super::random::Random;
use super::scenario::{Beat, Guise, Scenario};
use super::session::Session;
use crate::time::{EventTime, SECOND_MS};

/// One injected incident, as the truth tells it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Incident {
    /// What happens.
    pub scenario: Scenario,
    /// Who is abused.
    pub identity_id: String,
    /// Who else is abused on the way: roles that the victim's credentials were used to assume.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accomplices: Vec<String>,
    /// What happens, in a sentence.
    pub title: &'static str,
    /// When it begins.
    #[serde(serialize_with = "super::truth::rfc3339")]
    pub start: EventTime,
    /// When it ends, as planned.
    #[serde(serialize_with = "super::truth::rfc3339")]
    pub end: EventTime,
}

/// An incident under way.
pub(super) struct Attack {
    index: usize,
    /// Index of the victim among the actors.
    pub(super) victim: usize,
    id: Arc<str>,
    guise: Guise,
    /// Beats ahead, the next one last.
    beats: Vec<Beat>,
    random: Random,
    ip: String,
    user_agent: &'static str,
    session: Option<Session>,
}

impl Attack {
    /// The `index`-th incident of a plan, on the actor `victim`.
    pub(super) fn new(index: usize, scenario: Scenario, victim: usize, actor: &Actor, seed: u64) -> Self {
        let mut random = Random::new(seed, &format!("incident {index}"));
        let mut beats = scenario.beats().to_vec();
        beats.reverse();
        Self {
            index,
            victim,
            id: actor.member.id.as_str().into(),
            guise: scenario.guise(),
            beats,
            ip: networks::intruder(&mut random),
            user_agent: random.pick::<&str>(&TOOLS),
            random,
            session: None,
        }
    }

    /// Does the next thing, and says when it goes on.
    pub(super) fn step(
        &mut self,
        actor: &mut Actor,
        time: EventTime,
        out: &mut VecDeque<Emission>,
    ) -> Option<EventTime> {
        let beat = self.beats.last_mut()?;
        let (action, ending, pause) = (beat.action, beat.ending, beat.pause_secs);
        beat.times -= 1;
        if beat.times == 0 {
            self.beats.pop();
        }
        let time_secs = EventTime::from_millis(time.secs() * SECOND_MS);
        if let Some(record) = self.record(action, ending, time_secs, actor) {
            out.push_back(Emission {
                time: time_secs,
                identity: self.id.clone(),
                incident: Some(self.index),
                cause: Cause::Plain,
                record,
            });
        }
        let pause_ms = (f64::from(pause) * 1_000.0 * (0.5 + self.random.unit())) as i64;
        (!self.beats.is_empty()).then(|| time.plus_millis(pause_ms))
    }

    fn record(
        &mut self,
        action: &'static str,
        ending: Ending,
        time: EventTime,
        actor: &mut Actor,
    ) -> Option<Record> {
        if self.guise == Guise::Shell {
            return Some(Record::Auth(self.shell_line(action, time, actor)));
        }
        let call = catalog::find(action)?;
        let session = self.session.get_or_insert_with(|| actor.current_session(time));
        let user_agent = match self.guise {
            Guise::Inside => actor.user_agent(),
            Guise::Outside => self.user_agent,
            Guise::Console | Guise::Shell => BROWSER,
        };
        match self.guise {
            Guise::Inside | Guise::Shell => {}
            Guise::Outside => session.ip.clone_from(&self.ip),
            Guise::Console => {
                session.ip = "198.19.200.12".into();
                session.name = "goran.novak@example.com".into();
            }
        }
        let shown = Shown { session, user_agent, is_console: self.guise == Guise::Console };
        let made = Made { call, ending, time };
        Some(Record::CloudTrail(Box::new(calls::record(&actor.member, &shown, &made, &mut self.random))))
    }

    fn shell_line(&mut self, action: &str, time: EventTime, actor: &Actor) -> AuthLine {
        let account = &actor.member.name;
        let (program, message) = match action.split_once(' ') {
            Some(("sudo", command)) => ("sudo", auth::sudo(account, command, true)),
            _ => {
                let stolen =
                    self.random.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 43);
                ("sshd", auth::accepted(account, &self.ip, &stolen, &mut self.random))
            }
        };
        let host = actor.member.places[0].clone();
        AuthLine { time, host, program, pid: 1_000 + self.random.below(60_000), message, is_denied: false }
    }
}

/// Clients that intruders bring.
const TOOLS: [&str; 4] = [
    "aws-cli/2.17.9 md/awscrt#0.20.11 ua/2.0 os/linux#6.8.11-amd64 md/arch#x86_64 lang/python#3.11.9 md/distrib#kali.2024 exe/x86_64 prompt/off",
    "Boto3/1.34.100 md/Botocore#1.34.100 ua/2.0 os/linux#6.8.11-amd64 md/arch#x86_64 lang/python#3.12.3 Botocore/1.34.100",
    "S3 Browser/11.6.7 (https://s3browser.com)",
    "python-requests/2.32.3 auth-aws-sigv4/0.7",
];

const BROWSER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
