//! What intruders do, in many variants, after what published incidents report.
//!
//! Calls and their order follow the reports collected by TrailDiscover (traildiscover.cloud, "used in the wild"): key theft with
//! SES and SMS abuse, use of foundation models at the victim's cost, mining in unused regions, snapshots shared away, new users
//! and keys to come back, logs switched off. Nothing here is made to fit a detector: some attacks use only what the victim uses.

mod pools;

use super::actor::Actor;
use super::archetype::Principal;
use super::calls::Ending;
use super::catalog::{self, Nature};
use super::habits::Action;
use super::random::Random;
use super::scenario::{Guise, Scenario};
use pools::{
    AGENT_TOOLS, COMMANDS, CONSOLE, ELSEWHERE, EVASION, LOOT, MAIL, MINING, MODELS, PERSISTENCE, RECON,
    SNAPSHOTS,
};

/// One thing that an intruder does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// What.
    pub(super) action: Action,
    /// How it ends.
    pub(super) ending: Ending,
    /// Milliseconds from the step before.
    pub(super) pause_ms: i64,
    /// Where, if not in the victim's region.
    pub(super) region: Option<&'static str>,
    /// Whether the role that was assumed does it.
    pub(super) by_accomplice: bool,
    /// Bytes of the object that it reads, if not as many as those of the victim's own.
    pub(super) bytes: Option<u64>,
}

/// A whole attack.
pub(super) struct Script {
    /// How the intruder appears.
    pub(super) guise: Guise,
    /// What it does, in order.
    pub(super) steps: Vec<Step>,
}

/// An attack of this scenario on `victim`, as one of its many variants.
pub(super) fn script(scenario: Scenario, victim: &Actor, random: &mut Random) -> Script {
    let mut author = Author::new(victim, random);
    let guise = author.guise(scenario);
    match scenario {
        Scenario::StolenKey | Scenario::InstanceCredentialOutside => author.theft(),
        Scenario::StolenKeySameClient => author.copycat(),
        Scenario::InsiderInWorkload => author.insider(),
        Scenario::LowAndSlow => author.slowly(),
        Scenario::HumanInPipelineRole => author.by_hand(),
        Scenario::DormantKeyAwakened | Scenario::RetiredIdentity => author.awakening(),
        Scenario::MassDataAccess => author.bulk(),
        Scenario::RoleChaining => author.chain(),
        Scenario::DefenceEvasion => author.evasion(),
        Scenario::AgentHijack => author.hijack(),
        Scenario::DeniedProbing => author.probing(),
        Scenario::ServiceAccountShell => author.shell(),
    }
    Script { guise, steps: author.steps }
}

struct Author<'a> {
    victim: &'a Actor,
    random: &'a mut Random,
    steps: Vec<Step>,
    /// Mean seconds between steps.
    pause_secs: f64,
    /// Part of the calls outside the victim's own that are refused.
    refused: f64,
    by_accomplice: bool,
    region: Option<&'static str>,
}

impl<'a> Author<'a> {
    fn new(victim: &'a Actor, random: &'a mut Random) -> Self {
        // From a script that rushes to a person that thinks.
        let pause_secs = 6.0 * random.log_normal(1.2).clamp(0.3, 40.0);
        let refused = *random.pick(&[0.0, 0.1, 0.2, 0.4, 0.6]);
        Self { victim, random, steps: Vec::new(), pause_secs, refused, by_accomplice: false, region: None }
    }

    fn guise(&mut self, scenario: Scenario) -> Guise {
        let of = |choices: &[Guise], random: &mut Random| *random.pick(choices);
        let is_bound = self.victim.member.archetype.principal != Principal::User;
        match scenario {
            Scenario::StolenKey | Scenario::InstanceCredentialOutside => Guise::Outside,
            Scenario::StolenKeySameClient => Guise::Disguised,
            Scenario::HumanInPipelineRole => Guise::Console,
            Scenario::ServiceAccountShell => Guise::Shell,
            Scenario::InsiderInWorkload | Scenario::AgentHijack => Guise::Inside,
            // Temporary credentials do not last as long as a slow attack does.
            Scenario::LowAndSlow if is_bound => Guise::Inside,
            Scenario::LowAndSlow => of(&[Guise::Outside, Guise::Disguised, Guise::Inside], self.random),
            Scenario::DormantKeyAwakened | Scenario::RetiredIdentity => {
                of(&[Guise::Outside, Guise::Outside, Guise::Disguised], self.random)
            }
            Scenario::MassDataAccess | Scenario::DeniedProbing => {
                of(&[Guise::Inside, Guise::Inside, Guise::Outside, Guise::Disguised], self.random)
            }
            Scenario::RoleChaining | Scenario::DefenceEvasion => {
                of(&[Guise::Inside, Guise::Outside], self.random)
            }
        }
    }

    fn theft(&mut self) {
        self.first_look(3, 9);
        self.goal();
    }

    /// A thief who read the victim's configuration. One in three never does what the victim does not do.
    fn copycat(&mut self) {
        if self.random.chance(0.33) {
            let count = self.random.between(15, 120);
            return self.usual(count as u32);
        }
        self.usual(3);
        self.first_look(1, 4);
        self.goal();
    }

    /// Foreign code beside the workload's own, with all that it has.
    fn insider(&mut self) {
        if self.random.chance(0.3) {
            self.usual(5);
        }
        self.first_look(1, 6);
        self.goal();
    }

    fn slowly(&mut self) {
        let (steps, days) = (self.random.between(8, 30), self.random.between(6, 14));
        self.pause_secs = (days * 86_400 / steps) as f64;
        let looks = self.random.between(3, 8) as usize;
        self.some(&RECON, looks);
        while (self.steps.len() as i64) < steps {
            if self.random.chance(0.5) { self.usual(1) } else { self.some(&LOOT, 1) }
        }
        if self.random.chance(0.5) {
            self.some(&PERSISTENCE, 1);
        }
    }

    fn by_hand(&mut self) {
        self.pause_secs = self.random.between(8, 90) as f64;
        self.refused /= 2.0;
        let count = self.random.between(5, 15) as usize;
        self.some(&CONSOLE, count);
        if self.random.chance(0.4) {
            self.goal();
        }
    }

    fn awakening(&mut self) {
        if self.random.chance(0.6) {
            self.first_look(1, 6);
        }
        let count = self.random.between(2, 30);
        self.usual(count as u32);
        if self.random.chance(0.5) {
            self.goal();
        }
    }

    /// Hundreds of reads within minutes to hours: mostly of what the victim reads anyway.
    fn bulk(&mut self) {
        self.pause_secs = *self.random.pick(&[0.3, 0.8, 2.0, 6.0]);
        let count = self.random.between(250, 1_500) as u32;
        let mut reads: Vec<Action> = self.victim.usual_actions().filter(|action| is_read(*action)).collect();
        if reads.is_empty() {
            reads.extend(known("s3:GetObject"));
        }
        if self.random.chance(0.4) {
            self.some(
                &["s3:ListBuckets", "s3:ListObjects", "secretsmanager:ListSecrets", "dynamodb:ListTables"],
                2,
            );
        }
        if reads.iter().any(is_object) && self.random.chance(0.3) {
            return self.dumps();
        }
        let own = *self.random.pick(&reads);
        let action = if self.random.chance(0.7) { Some(own) } else { known(self.random.pick::<&str>(&LOOT)) };
        for _ in 0..count {
            self.push(action, Ending::Success);
        }
    }

    /// A handful of objects that hold everything.
    fn dumps(&mut self) {
        for _ in 0..self.random.between(8, 40) {
            let bytes = self.random.between(100, 900) as u64 * 1_000_000;
            self.push(known("s3:GetObject"), Ending::Success);
            if let Some(step) = self.steps.last_mut() {
                step.bytes = Some(bytes);
            }
        }
    }

    /// Tries roles until one lets it in, and works there.
    fn chain(&mut self) {
        if self.random.chance(0.6) {
            self.some(&["sts:GetCallerIdentity", "iam:ListRoles", "organizations:ListAccounts"], 2);
        }
        for _ in 0..self.random.below(4) {
            self.push(known("sts:AssumeRole"), Ending::Denied);
        }
        self.push(known("sts:AssumeRole"), Ending::Success);
        self.by_accomplice = true;
        self.first_look(1, 5);
        self.goal();
    }

    fn evasion(&mut self) {
        if self.random.chance(0.7) {
            self.some(
                &[
                    "cloudtrail:DescribeTrails",
                    "guardduty:ListDetectors",
                    "config:DescribeConfigurationRecorders",
                ],
                2,
            );
        }
        self.refused /= 2.0;
        let count = self.random.between(1, 5) as usize;
        self.some(&EVASION, count);
        if self.random.chance(0.5) {
            self.goal();
        }
    }

    /// Many tools within minutes, as fast as a model calls them.
    fn hijack(&mut self) {
        self.pause_secs = 1.0 + 6.0 * self.random.unit();
        let count = self.random.between(8, 20) as usize;
        self.usual(2);
        self.some(&AGENT_TOOLS, count);
        for _ in 0..self.random.below(25) {
            self.some(&AGENT_TOOLS, 1);
        }
    }

    fn probing(&mut self) {
        self.refused = 0.8 + 0.2 * self.random.unit();
        self.pause_secs = self.pause_secs.min(20.0);
        for _ in 0..self.random.between(25, 80) {
            let pool: &[&'static str] = if self.random.chance(0.75) { &RECON } else { &PERSISTENCE };
            self.some(pool, 1);
        }
    }

    fn shell(&mut self) {
        self.pause_secs = self.random.between(10, 90) as f64;
        self.push(Some(Action::Host("ssh")), Ending::Success);
        let mut commands = COMMANDS.to_vec();
        for _ in 0..self.random.between(2, 7) {
            let index = self.random.below(commands.len() as u64) as usize;
            self.push(Some(Action::Host(commands.swap_remove(index))), Ending::Success);
        }
    }

    /// Between `least` and `most` looks around, often beginning with who one is.
    fn first_look(&mut self, least: i64, most: i64) {
        if self.random.chance(0.8) {
            self.call("sts:GetCallerIdentity");
        }
        let count = self.random.between(least, most + 1) as usize;
        self.some(&RECON, count);
    }

    /// What the intruder came for.
    fn goal(&mut self) {
        match self.random.below(7) {
            0 => {
                let count = self.random.between(1, 5) as usize;
                self.some(&PERSISTENCE, count);
            }
            1 => self.some(&SNAPSHOTS, 3),
            2 => {
                self.region = Some(*self.random.pick(&ELSEWHERE));
                self.some(&MINING, 5);
                self.region = None;
            }
            3 => {
                self.some(&MODELS, 3);
                self.repeat("bedrock:InvokeModel", 5, 60);
            }
            4 => {
                self.some(&MAIL, 3);
                self.repeat("ses:SendEmail", 3, 40);
            }
            5 => {
                self.call("secretsmanager:ListSecrets");
                self.repeat("secretsmanager:GetSecretValue", 3, 25);
            }
            _ => {
                self.call("s3:ListBuckets");
                self.repeat("s3:ListObjects", 1, 6);
                self.repeat("s3:GetObject", 10, 150);
            }
        }
    }

    /// So many of the victim's own calls.
    fn usual(&mut self, count: u32) {
        let own: Vec<Action> = self.victim.usual_actions().collect();
        for _ in 0..if own.is_empty() { 0 } else { count } {
            let action = *self.random.pick(&own);
            self.push(Some(action), Ending::Success);
        }
    }

    /// So many different ones of `pool`, in any order.
    fn some(&mut self, pool: &[&'static str], count: usize) {
        let mut left = pool.to_vec();
        for _ in 0..count.min(pool.len()) {
            let index = self.random.below(left.len() as u64) as usize;
            self.call(left.swap_remove(index));
        }
    }

    fn repeat(&mut self, action: &'static str, least: i64, most: i64) {
        for _ in 0..self.random.between(least, most) {
            self.call(action);
        }
    }

    fn call(&mut self, action: &'static str) {
        let is_refused = action != "sts:GetCallerIdentity" && self.random.chance(self.refused);
        self.push(known(action), if is_refused { Ending::Denied } else { Ending::Success });
    }

    fn push(&mut self, action: Option<Action>, ending: Ending) {
        let Some(action) = action else { return };
        let pause_ms = (self.pause_secs * 1_000.0 * (0.3 + 1.4 * self.random.unit())) as i64;
        let Self { region, by_accomplice, .. } = *self;
        self.steps.push(Step { action, ending, pause_ms, region, by_accomplice, bytes: None });
    }
}

fn known(action: &'static str) -> Option<Action> {
    catalog::find(action).map(Action::Call)
}

fn is_object(action: &Action) -> bool {
    matches!(action, Action::Call(call) if call.service == "s3" && call.name == "GetObject")
}

fn is_read(action: Action) -> bool {
    matches!(action, Action::Call(call) if matches!(call.nature, Nature::DataRead) || call.service == "secretsmanager")
}
