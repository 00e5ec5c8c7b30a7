//! Injected incidents: what an intruder does with an identity of the company.

use std::collections::VecDeque;

use serde::Serialize;

use super::actor::Actor;
use super::auth::{self, AuthLine};
use super::calls::{self, Ending, Made, Shown};
use super::cause::Cause;
use super::emission::{Emission, Record};
use super::habits::Action;
use super::member::Member;
use super::networks;
use super::playbook::{Script, Step};
use super::random::Random;
use super::record::ApiCall;
use super::scenario::{Guise, Scenario};
use super::session::Session;
use crate::time::{EventTime, HOUR_MS, SECOND_MS};

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
    /// Index of the role that is assumed on the way.
    pub(super) accomplice: Option<usize>,
    guise: Guise,
    /// Steps ahead, the next one last.
    steps: Vec<Step>,
    random: Random,
    ip: String,
    user_agent: &'static str,
    /// Stolen credentials; an insider uses what the victim has at the time.
    stolen: Option<Session>,
    /// Credentials of the role that was assumed.
    assumed: Option<Session>,
}

impl Attack {
    /// The `index`-th incident of a plan, on the actor `victim`.
    pub(super) fn new(index: usize, script: Script, victim: usize, seed: u64) -> Self {
        let mut random = Random::new(seed, &format!("incident {index}"));
        let mut steps = script.steps;
        steps.reverse();
        Self {
            index,
            victim,
            accomplice: None,
            guise: script.guise,
            steps,
            ip: networks::intruder(&mut random),
            user_agent: random.pick::<&str>(&TOOLS),
            random,
            stolen: None,
            assumed: None,
        }
    }

    /// Milliseconds from its first step to its last.
    pub(super) fn length_ms(&self) -> i64 {
        self.steps.iter().rev().skip(1).map(|step| step.pause_ms).sum()
    }

    /// Does the next thing, and says when it goes on.
    pub(super) fn step(
        &mut self,
        actors: &mut [Actor],
        time: EventTime,
        out: &mut VecDeque<Emission>,
    ) -> Option<EventTime> {
        let step = self.steps.pop()?;
        let time_secs = EventTime::from_millis(time.secs() * SECOND_MS);
        let record = self.record(&step, time_secs, actors);
        let actor = self.accomplice.filter(|_| step.by_accomplice).unwrap_or(self.victim);
        out.push_back(Emission {
            time: time_secs,
            identity: actors[actor].member.id.as_str().into(),
            incident: Some(self.index),
            cause: Cause::Plain,
            record,
        });
        self.steps.last().map(|next| time.plus_millis(next.pause_ms))
    }

    fn record(&mut self, step: &Step, time: EventTime, actors: &mut [Actor]) -> Record {
        let call = match step.action {
            Action::Host(text) => return Record::Auth(self.shell_line(text, time, &actors[self.victim])),
            Action::Call(call) => call,
        };
        let made = Made { call, ending: step.ending, time };
        let mut record = match (self.accomplice.filter(|_| step.by_accomplice), self.assumed.take()) {
            (Some(accomplice), Some(session)) => {
                let record = self.call(&actors[accomplice], &session, &made);
                self.assumed = Some(session);
                record
            }
            (_, assumed) => {
                self.assumed = assumed;
                let session = self.session(&mut actors[self.victim], time);
                let mut record = self.call(&actors[self.victim], &session, &made);
                let target = self.accomplice.filter(|_| call.name == "AssumeRole");
                if let Some(target) = target {
                    self.assume(&mut record, &session, &actors[target].member, &made);
                }
                record
            }
        };
        if let Some(bytes) = step.bytes {
            calls::set_bytes(&mut record, bytes);
        }
        if let Some(region) = step.region.filter(|_| call.region("") != "us-east-1") {
            record.set_region(region);
        }
        Record::CloudTrail(Box::new(record))
    }

    fn call(&mut self, actor: &Actor, session: &Session, made: &Made<'_>) -> ApiCall {
        let user_agent = match self.guise {
            Guise::Inside | Guise::Disguised => actor.user_agent(),
            Guise::Outside => self.user_agent,
            Guise::Console | Guise::Shell => BROWSER,
        };
        let shown = Shown { session, user_agent, is_console: self.guise == Guise::Console };
        calls::record(&actor.member, &shown, made, &mut self.random)
    }

    /// The credentials that the intruder shows as the victim.
    fn session(&mut self, victim: &mut Actor, time: EventTime) -> Session {
        if self.guise == Guise::Inside {
            return victim.current_session(time);
        }
        let stolen = self.stolen.get_or_insert_with(|| {
            let mut session = victim.current_session(time);
            session.ip.clone_from(&self.ip);
            if self.guise == Guise::Console {
                session.ip = networks::person(&mut self.random);
                session.name = "goran.novak@example.com".into();
                session.is_chained = true;
            }
            session
        });
        stolen.clone()
    }

    /// Makes the record of an `AssumeRole` call one of the role of `target`, and takes its credentials where it worked.
    fn assume(&mut self, record: &mut ApiCall, by: &Session, target: &Member, made: &Made<'_>) {
        let session = Session {
            key: self.random.aws_id("ASIA"),
            name: by.name.clone(),
            created: made.time,
            expires: made.time.plus_millis(HOUR_MS),
            ip: by.ip.clone(),
            is_chained: true,
            since: made.time,
        };
        calls::assume(record, target, &session);
        if made.ending == Ending::Success {
            self.assumed = Some(session);
        }
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
