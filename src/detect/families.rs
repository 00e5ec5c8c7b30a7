//! The families that run detectors: from an event and what is surprising in it to signals.

mod burst;
mod program;
mod sharing;

use std::sync::Arc;

use crate::activity::{Event, Interactive, NetworkClass, Outcome, Usage};
use crate::baseline::place::Place;
use crate::baseline::terms::{TermEntry, TermSet};
use crate::baseline::{Behaviour, Dimension, Sighting};
use crate::identity::Declared;
use crate::identity::declared::DeclaredStatus;
use crate::time::{DAY_MS, EventTime};

use super::bound;
use super::detector::{Detector, Rule};
use super::explain;
use super::finding::Signal;
use super::inventory;
use super::sensitivity::{Level, Sensitivity, runs_programs, sensitivity};

/// Most bits that one signal weighs: a one-in-65,000 event. More would be a claim that a month of data cannot back.
pub const MAX_SIGNAL_BITS: f32 = 16.0;

/// Share of what else is new about an origin that counts beside the most surprising: a new region brings new networks.
const CORRELATED_SHARE: f32 = 0.25;

/// Active days after which an identity has shown its weekly work twice.
const MATURE_DAYS: f32 = 12.0;

/// Days of life, and events, after which one that seldom works has shown what it does.
const MATURE_AGE_DAYS: f32 = 30.0;
const MATURE_ACTIVITIES: f32 = 60.0;

/// Most of what adds up that counts for it: seldom at work is seldom seen.
const MOST_BY_AGE: f32 = 0.8;

/// Surprise of a new network, in bits, of an identity that is at home in many, and of one that stays where it is.
const ROAMING_BITS: f32 = 1.5;
const SETTLED_BITS: f32 = 4.5;

/// Weight up to which a sensitive action is one that releases and people bring all the time: it adds up to a limit.
const LOOKING_BITS: f32 = 1.5;

/// What is left of a sensitive action's weight for an identity that does something new every day.
const RESTLESS_SHARE: f32 = 0.4;

/// Time from which on a known action is a habit: what somebody did minutes or a day ago, to look at first, is no excuse for what
/// comes next.
const HABIT_MS: i64 = 3 * DAY_MS;

/// How many times the shortest pause it takes for an identity of which little is known: a monthly job is not dormant.
const YOUNG_PAUSE: u32 = 6;

/// What each doubling of a pause weighs more, and the most that a pause weighs: alone it opens no incident, or each yearly job would.
const PAUSE_DOUBLING_BITS: f32 = 2.0;
const MAX_PAUSE_BITS: f32 = 12.0;

/// What a family looks at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The event.
    pub event: &'a Event<'a>,
    /// What is surprising in it.
    pub sighting: &'a Sighting,
    /// The baseline, with the event learned.
    pub behaviour: &'a Behaviour,
    /// Who it is about.
    pub identity_id: &'a str,
    /// What the inventory says.
    pub declared: Option<&'a Declared>,
}

/// What a detector saw: its weight, and the words for it.
pub(super) struct Match {
    /// Surprise, of which the strongest of an axis counts.
    pub(super) peak: f32,
    /// Weight that adds up.
    pub(super) extra: f32,
    /// Weight that adds up to a limit.
    pub(super) harmless: f32,
    pub(super) reason: String,
    pub(super) expected: String,
    pub(super) observed: String,
}

/// What a person who says who they are leaves of the surprise in what they work with, and from where. What they do that only
/// attackers need weighs as ever.
const EXPLAINED_SHARE: f32 = 0.3;

impl Match {
    fn explained(self) -> Self {
        Self { peak: self.peak * EXPLAINED_SHARE, harmless: self.harmless * EXPLAINED_SHARE, ..self }
    }
}

/// Whether a session that is named after a person explains what a detector saw: another tool, another place, a look around.
fn is_explained(rule: &Rule, event: &Event<'_>) -> bool {
    let is_of_person = matches!(rule, Rule::NewOrigin { .. } | Rule::NewAction { .. } | Rule::Novelty { .. });
    is_of_person && is_named_at_work(event)
}

/// Whether somebody who tells their name works as engineers do: with a tool. The web console of a machine's role is nobody's tool.
fn is_named_at_work(event: &Event<'_>) -> bool {
    event.interactive.contains(Interactive::NAMED) && !event.interactive.contains(Interactive::CONSOLE)
}

/// Runs one detector over one event.
#[must_use]
pub fn run(detector: &Arc<Detector>, subject: Subject<'_>) -> Option<Signal> {
    let found = match &detector.rule {
        Rule::NewOrigin { .. } => new_origin(&detector.rule, subject),
        Rule::NewAction { .. } => new_action(&detector.rule, subject),
        Rule::Novelty { .. } => novelty(&detector.rule, subject),
        Rule::NewProgram { .. } => program::new_program(&detector.rule, subject),
        Rule::Burst { .. } => burst::burst(&detector.rule, subject),
        Rule::TwoOrigins { bits } => two_origins(*bits, subject),
        Rule::SharedCredential { .. } => sharing::shared_credential(&detector.rule, subject),
        Rule::ForeignEndpoint { bits } => sharing::foreign_endpoint(*bits, subject),
        Rule::OffHours { min_bits } => off_hours(*min_bits, subject),
        Rule::CrossEnvironment { bits } => cross_environment(*bits, subject),
        Rule::Retired { bits } => retired(*bits, subject),
        Rule::ExpiredUse { bits } => inventory::expired(*bits, subject),
        Rule::OutsideDeclared { bits, known_days } => inventory::outside(*bits, *known_days, subject),
        Rule::HumanUse { .. } => human_use(&detector.rule, subject),
        Rule::DisplacedCredential { workloads, bits } => displaced(workloads, *bits, subject),
        Rule::Dormancy { min_days, bits } => dormancy(*min_days, *bits, subject),
        Rule::Unused {}
        | Rule::NeverUsed {}
        | Rule::UnusedCredential {}
        | Rule::NotRotated { .. }
        | Rule::OldCredential { .. }
        | Rule::MissedHeartbeat { .. }
        | Rule::SourceSilent { .. }
        | Rule::Undeclared { .. }
        | Rule::Unowned { .. }
        | Rule::Expired {} => None,
    }?;
    let found = if is_explained(&detector.rule, subject.event) { found.explained() } else { found };
    let peak = found.peak.min(MAX_SIGNAL_BITS);
    Some(Signal {
        detector: Arc::clone(detector),
        bits: (peak + found.extra + found.harmless).min(MAX_SIGNAL_BITS),
        harmless: found.harmless,
        peak,
        reason: found.reason,
        expected: found.expected,
        observed: found.observed,
        size: bound::size(&detector.rule, subject.sighting),
        time: subject.event.time,
        evidence: explain::evidence(subject.event),
    })
}

/// A network that so many others use is a way out of the company, not a thief's.
const SHARED_BY: u32 = 2;

/// The dimensions that say where an identity comes from.
const ORIGIN: [Dimension; 4] = [Dimension::Network, Dimension::Region, Dimension::Country, Dimension::Asn];

fn new_origin(rule: &Rule, subject: Subject<'_>) -> Option<Match> {
    let Rule::NewOrigin { min_bits, max_bits, outside_bits, class_bits } = rule else { return None };
    let Subject { event, sighting, behaviour, .. } = settled(subject)?;
    let is_outside = sighting.network.is_outside && sighting.peers[Dimension::Network as usize] < SHARED_BY;
    let network = sighting.network.bits + if is_outside { *outside_bits } else { 0.0 };
    let class = event.origin.listed.as_ref().map(|listed| listed.class);
    let each = ORIGIN.map(|dimension| match (dimension, sighting.bits(dimension).unwrap_or_default()) {
        (Dimension::Network, _) => network,
        // Where a network is that the operator answers for, is known to the operator.
        (Dimension::Country | Dimension::Asn, bits) if class.is_some_and(NetworkClass::is_trusted) => {
            bits.min(network)
        }
        (_, bits) => bits,
    });
    let strongest = each.into_iter().fold(0.0, f32::max);
    let bits = strongest + CORRELATED_SHARE * (each.iter().sum::<f32>() - strongest);
    let is_new_class = sighting.is_new(Dimension::NetworkClass);
    let class_bits = class.filter(|_| is_new_class).map_or(0.0, |class| class_bits.of(class));
    let new: Vec<Dimension> = ORIGIN.into_iter().filter(|dimension| sighting.is_new(*dimension)).collect();
    (!new.is_empty() && bits + class_bits >= *min_bits).then(|| Match {
        peak: bits.min(*max_bits) + class_bits,
        extra: 0.0,
        harmless: 0.0,
        reason: format!("comes from a new {}: {}", explain::names(&new), explain::origin_of(&new, event)),
        expected: explain::usual(&new, event, behaviour),
        observed: explain::values(&new, event),
    })
}

/// The subject, where the identity is known for long enough for novelty to mean anything.
fn settled(subject: Subject<'_>) -> Option<Subject<'_>> {
    subject.sighting.is_settled.then_some(subject)
}

fn new_action(rule: &Rule, subject: Subject<'_>) -> Option<Match> {
    let Rule::NewAction { at_least, below, min_bits, max_bits, each_bits, denied_bits } = rule else {
        return None;
    };
    let Subject { event, sighting, behaviour, .. } = settled(subject)?;
    let bits = sighting.bits(Dimension::Action)?;
    let known = sensitivity(&event.service, &event.operation);
    let level = known.map(|known| known.level);
    let is_meant = at_least.is_none_or(|least| level >= Some(least))
        && below.is_none_or(|limit| level.is_none_or(|level| level < limit));
    // Who does new things all the time does sensitive ones, too.
    let settled = (sighting.action_bits().unwrap_or_default() / max_bits).clamp(0.0, 1.0);
    let sensitive = known.map_or(0.0, |known| sensitive_bits(known, settled, event, behaviour));
    let looking = sensitive.min(LOOKING_BITS);
    let looking = if sensitive > looking { 0.0 } else { looking };
    let denied = if event.outcome == Outcome::Denied { *denied_bits } else { 0.0 };
    let peak = bits.min(*max_bits);
    let named = level.filter(|level| *level >= Level::Medium);
    (is_meant && peak + sensitive + denied >= *min_bits).then(|| Match {
        peak,
        extra: (sensitive - looking + denied) * maturity(subject),
        harmless: (each_bits + looking) * maturity(subject),
        reason: explain::action_reason(event, named, sighting.is_new(Dimension::Service)),
        expected: explain::usual(&[Dimension::Action], event, behaviour),
        observed: explain::values(&[Dimension::Action], event),
    })
}

/// How much of what adds up counts: of a young identity the weekly and the rare are still to come. One that works once a month has
/// shown what it does when it has worked some times.
fn maturity(Subject { sighting, behaviour, .. }: Subject<'_>) -> f32 {
    let by_days = behaviour.active_days / MATURE_DAYS;
    let by_age = (sighting.age_days as f32 / MATURE_AGE_DAYS).min(1.0)
        * (behaviour.activities as f32 / MATURE_ACTIVITIES).min(1.0)
        * MOST_BY_AGE;
    by_days.max(by_age).min(1.0)
}

/// What an action is good for in an attack, in bits; less for an identity whose work is of that kind.
fn sensitive_bits(known: &Sensitivity, settled: f32, event: &Event<'_>, behaviour: &Behaviour) -> f32 {
    let own = event.action();
    let is_alike = |action: &str| {
        let alike = action.split_once(':').and_then(|(service, operation)| {
            (service == &*event.service).then(|| sensitivity(service, operation)).flatten()
        });
        action != own && alike.is_some_and(|alike| alike.level >= known.level.min(Level::Medium))
    };
    let restless = if known.is_blinding() { 1.0 } else { RESTLESS_SHARE + (1.0 - RESTLESS_SHARE) * settled };
    let habitual = habitual(behaviour.values(Dimension::Action), event.time, is_alike);
    known.bits(&event.service, &event.operation) * restless / habitual
}

/// By how much less something weighs for an identity whose habits are of that kind: half as much again for each.
fn habitual(known: TermSet<'_>, time: EventTime, is_alike: impl Fn(&str) -> bool) -> f32 {
    let is_habit =
        |entry: &TermEntry| entry.is_learned() && time.millis_since(entry.first_seen()) >= HABIT_MS;
    let habits = known.iter().filter(|entry| is_habit(entry) && is_alike(entry.term.as_str())).count();
    1.0 + 0.5 * habits as f32
}

fn novelty(rule: &Rule, subject: Subject<'_>) -> Option<Match> {
    let Rule::Novelty { dimensions, actions, min_bits, max_bits, each_bits, denied_bits } = rule else {
        return None;
    };
    let Subject { event, sighting, behaviour, .. } = settled(subject)?;
    let is_meant = actions.is_empty() || actions.iter().any(|action| is_action(action, event));
    // A program is judged by what it is good for.
    let is_other = |of: &Dimension| *of != Dimension::Resource || !runs_programs(&event.service);
    let new: Vec<Dimension> =
        dimensions.iter().copied().filter(|of| sighting.is_new(*of) && is_other(of)).collect();
    let bits = new.iter().filter_map(|dimension| sighting.bits(*dimension)).fold(0.0, f32::max);
    let denied = if event.outcome == Outcome::Denied { *denied_bits } else { 0.0 };
    let is_ordinary = |of: &Dimension| matches!(of, Dimension::Resource | Dimension::Service);
    let harmless = if dimensions.iter().all(is_ordinary) { *each_bits } else { 0.0 };
    (is_meant && !new.is_empty() && bits >= *min_bits).then(|| Match {
        peak: bits.min(*max_bits),
        extra: (denied + each_bits - harmless) * (bits / max_bits).min(1.0) * maturity(subject),
        harmless: harmless * (bits / max_bits).min(1.0) * maturity(subject),
        reason: explain::novelty_reason(&new, event),
        expected: explain::usual(&new, event, behaviour),
        observed: explain::values(&new, event),
    })
}

fn is_action(action: &str, event: &Event<'_>) -> bool {
    action
        .split_once(':')
        .is_some_and(|(service, operation)| service == &*event.service && operation == &*event.operation)
}

fn two_origins(bits: f32, subject: Subject<'_>) -> Option<Match> {
    let Subject { event, sighting, behaviour, .. } = subject;
    let other = sighting.second_origin.as_ref()?;
    let other = explain::shortened(other.as_str());
    // Who is at home in many networks is in two of them at a time.
    let habit = behaviour.innovation[Dimension::Network as usize].surprise_bits(behaviour.active_days);
    let bits = bits * ((habit - ROAMING_BITS) / (SETTLED_BITS - ROAMING_BITS)).clamp(0.0, 1.0);
    Some(Match {
        peak: 0.0,
        extra: bits,
        harmless: 0.0,
        reason: format!(
            "at work in two places: from {other} lately, and from {} as ever",
            explain::origin(event)
        ),
        expected: explain::usual(&[Dimension::Network], event, behaviour),
        observed: other,
    })
}

fn off_hours(min_bits: f32, subject: Subject<'_>) -> Option<Match> {
    let Subject { event, sighting, .. } = settled(subject)?;
    let hour = event.time.hour_of_week();
    (sighting.off_hours_bits >= min_bits).then(|| Match {
        peak: 0.0,
        extra: sighting.off_hours_bits,
        harmless: 0.0,
        reason: format!("something new at {}, when it hardly ever works", explain::hour(hour)),
        expected: "its usual hours of the week".into(),
        observed: explain::hour(hour),
    })
}

/// What a refused use of a retired or expired identity weighs: somebody has the key all the same.
pub(super) const REFUSED_SHARE: f32 = 0.95;

/// Names of environments in which nothing of production is touched, and of production.
const LOWER_ENVIRONMENTS: [&str; 9] =
    ["dev", "develop", "development", "test", "testing", "qa", "staging", "stage", "sandbox"];
const PRODUCTION: [&str; 4] = ["prod", "prd", "production", "live"];

/// By the inventory's word on the environment, or else by the names, as people give them: `media-export-dev`, `prod/orders/db`.
fn cross_environment(bits: f32, subject: Subject<'_>) -> Option<Match> {
    let Subject { event, sighting, behaviour, declared, .. } = settled(subject)?;
    let new =
        [Dimension::Resource, Dimension::Role].into_iter().find(|dimension| sighting.is_new(*dimension))?;
    let resource = event.resource.as_deref().filter(|_| !runs_programs(&event.service))?;
    let own = declared.and_then(|declared| declared.environment.as_deref());
    let is_lower = match own {
        Some(own) => has_word(own, &LOWER_ENVIRONMENTS),
        None => {
            has_word(subject.identity_id, &LOWER_ENVIRONMENTS) && !has_word(subject.identity_id, &PRODUCTION)
        }
    };
    let is_production = has_word(resource, &PRODUCTION) && !has_word(resource, &LOWER_ENVIRONMENTS);
    (is_lower && is_production).then(|| Match {
        peak: 0.0,
        extra: bits,
        harmless: 0.0,
        reason: format!("an identity outside of production turns to {}", explain::shortened(resource)),
        expected: explain::usual(&[new], event, behaviour),
        observed: explain::values(&[new], event),
    })
}

/// Whether one of these words stands in a name, between its letters and digits' ends.
fn has_word(name: &str, words: &[&str]) -> bool {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|part| words.iter().any(|word| part.eq_ignore_ascii_case(word)))
}

fn retired(bits: f32, subject: Subject<'_>) -> Option<Match> {
    let declared = subject.declared.filter(|declared| declared.status == DeclaredStatus::Retired)?;
    let since = declared.retired_at;
    let is_after =
        since.is_none_or(|since| subject.event.time > since) && subject.event.usage != Usage::Unproven;
    let is_refused = subject.event.outcome == Outcome::Denied;
    is_after.then(|| Match {
        peak: 0.0,
        extra: if is_refused { bits * REFUSED_SHARE } else { bits },
        harmless: 0.0,
        reason: match since {
            Some(since) => format!("at work though it was retired on {}", &since.to_rfc3339()[..10]),
            None => "at work though the inventory calls it retired".into(),
        },
        expected: "no use after it was retired".into(),
        observed: explain::shortened(&subject.event.action()),
    })
}

fn human_use(rule: &Rule, subject: Subject<'_>) -> Option<Match> {
    let Rule::HumanUse { bits, usual_network_bits, named_bits } = rule else { return None };
    let Subject { event, sighting, .. } = subject;
    if !sighting.is_new_human_use {
        return None;
    }
    let signs = event.interactive.names().join(", ");
    let bits = if !sighting.is_new(Dimension::Network) {
        *usual_network_bits
    } else if is_named_at_work(event) {
        *named_bits
    } else {
        *bits
    };
    Some(Match {
        peak: 0.0,
        extra: bits,
        harmless: 0.0,
        reason: format!("a person uses this non-human identity ({signs})"),
        expected: "only machine use".into(),
        observed: format!("signs of a person: {signs}"),
    })
}

fn displaced(workloads: &[String], bits: f32, subject: Subject<'_>) -> Option<Match> {
    let Subject { event, sighting, behaviour, .. } = settled(subject)?;
    let workload = event.workload.as_deref()?;
    // A session that a person named is not the workload's own, whatever its role says.
    let is_own = !event.interactive.contains(Interactive::NAMED);
    let is_bound = is_own && workloads.iter().any(|prefix| workload.starts_with(prefix.as_str()));
    let is_own = event.origin.listed.as_ref().is_some_and(|listed| listed.class == NetworkClass::Own);
    let is_elsewhere = event.origin.ip.as_deref().and_then(Place::of) == Some(Place::Elsewhere);
    let is_outside = !is_own && (is_elsewhere || sharing::is_off_its_machine(subject));
    let is_shared = sighting.peers[Dimension::Network as usize] >= SHARED_BY;
    (is_bound && is_outside && !is_shared && sighting.network.bits >= 2.0).then(|| Match {
        peak: 0.0,
        extra: bits,
        harmless: 0.0,
        reason: format!(
            "the credential of {} is used from {}, a network where this identity never was",
            explain::shortened(workload),
            explain::origin(event)
        ),
        expected: explain::usual(&[Dimension::Network], event, behaviour),
        observed: explain::values(&[Dimension::Network], event),
    })
}

/// By what the identity did, and nothing else: whether its log source was covered in between is told by others' records, which
/// have no order with it, and two runs would weigh one awakening differently.
fn dormancy(min_days: u32, bits: f32, subject: Subject<'_>) -> Option<Match> {
    let Sighting { pause_days, longest_pause_days, is_settled, .. } = *subject.sighting;
    let is_beyond_habit = pause_days >= min_days && pause_days > longest_pause_days.saturating_mul(2);
    let is_known_well = is_settled || pause_days >= min_days.saturating_mul(YOUNG_PAUSE);
    (is_beyond_habit && is_known_well).then(|| Match {
        peak: 0.0,
        extra: (bits + PAUSE_DOUBLING_BITS * (pause_days as f32 / min_days.max(1) as f32).log2())
            .min(bits.max(MAX_PAUSE_BITS)),
        harmless: 0.0,
        reason: format!("active again after {pause_days} days of silence"),
        expected: match longest_pause_days {
            0 => "active every day, or retired".into(),
            longest => format!("pauses of at most {longest} days"),
        },
        observed: format!(
            "{pause_days} days without activity, then {}",
            explain::shortened(&subject.event.action())
        ),
    })
}
