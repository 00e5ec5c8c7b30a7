//! One company: its traffic made, taken in by the product and by the naive detector, and judged.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::ensure;

use super::Args;
use crate::activity::{Activity, Kind, Origin};
use crate::cli::replay::Replay;
use crate::config::Config;
use crate::decode::FormatHint;
use crate::detect::Detectors;
use crate::evaluation::{Judge, Judged, Ledger, Naive, Tally};
use crate::generator::{
    Company, Emission, Emissions, Mix, Mixer, Payload, Plan, Topic, Truth, inventory, whereabouts,
};
use crate::ingest::{self, Ingest, Rejected, Sink};
use crate::monitor::{Effect, HeldIncident};
use crate::time::{DAY_MS, EventTime, ProcessingTime};
use crate::wire::declared;

/// Days before the first attack: what is usual must be known first.
const LEARNING_DAYS: i64 = 14;
/// Days at the end without a new attack, so that its end is seen.
const LAST_DAYS: i64 = 1;
/// The first day that may begin a stream: 2025-01-01. The day is drawn from two years, so that months, holidays and changes
/// of the clock fall anywhere.
const FIRST_DAY: u64 = 20_089;
const START_DAYS: u64 = 730;

/// What became of one company.
pub(super) struct Outcome {
    /// The seed that the company was made from.
    pub(super) seed: u64,
    /// What is true.
    pub(super) ledger: Ledger,
    /// What the product made of it.
    pub(super) product: Tally,
    /// Its alerts.
    pub(super) alerts: Vec<Judged>,
    /// The incident of each attack's identity, by the attack's index, as it weighed most while the attack was on.
    pub(super) closest: BTreeMap<usize, HeldIncident>,
    /// What a first-seen detector made of it.
    pub(super) naive: Tally,
}

/// Makes the traffic of one company and judges what is alerted.
pub(super) fn evaluate(
    args: &Args,
    seed: u64,
    config: &Config,
    detectors: &Arc<Detectors>,
) -> anyhow::Result<Outcome> {
    // Up to three in ten more.
    let identities = args.identities + (args.identities as u64 * (seed >> 8) % 1_000 * 3 / 10_000) as usize;
    let company = Company::new(seed, identities);
    let plan = plan(args, &company);
    let emissions = company.campaign(&plan, args.attacks_per_seed as usize);
    let mut stream = Stream::new(config, detectors, &emissions, !args.no_asn);
    if !args.no_inventory {
        for record in inventory(&company, plan.since) {
            stream.declare(record.value.as_bytes())?;
        }
        let retirements = emissions.retirements().iter();
        stream.retirements = retirements.map(|(time, record)| (*time, record.value.clone())).collect();
    }
    stream.run(&company, emissions)?;
    Ok(stream.finish(seed))
}

fn plan(args: &Args, company: &Company) -> Plan {
    let first = FIRST_DAY + (company.seed() >> 16) % START_DAYS;
    let since = EventTime::from_millis(first as i64 * DAY_MS);
    let until = since.plus_millis(args.days * DAY_MS);
    let incidents = (since.plus_millis(LEARNING_DAYS * DAY_MS), until.plus_millis(-LAST_DAYS * DAY_MS));
    let events = args.events * args.days as u64 * company.members().len() as u64;
    Plan { since, until, events, incidents: Some(incidents) }
}

struct Stream {
    ingest: Ingest,
    /// What the inventory comes to say on the way, in order of time.
    retirements: Vec<(EventTime, String)>,
    taker: Taker,
}

/// Takes in activities, and judges what comes of them.
struct Taker {
    replay: Replay,
    ledger: Ledger,
    judge: Judge,
    closest: BTreeMap<usize, HeldIncident>,
    naive: Naive,
    place: i64,
    /// Records that were not understood as activities: there must be none.
    lost: u64,
    /// Whether it tells the autonomous system and country of addresses.
    knows_networks: bool,
}

impl Stream {
    fn new(config: &Config, detectors: &Arc<Detectors>, emissions: &Emissions, knows_networks: bool) -> Self {
        let taker = Taker {
            replay: Replay::new(config, std::slice::from_ref(detectors)),
            ledger: Ledger::new(emissions.incidents()),
            judge: Judge::default(),
            closest: BTreeMap::new(),
            naive: Naive::default(),
            place: 0,
            lost: 0,
            knows_networks,
        };
        Self { ingest: Ingest::new(config.limits.clone()), retirements: Vec::new(), taker }
    }

    fn declare(&mut self, line: &[u8]) -> anyhow::Result<()> {
        self.taker.replay.declare(declared::parse_line(line)?);
        Ok(())
    }

    fn run(&mut self, company: &Company, emissions: Emissions) -> anyhow::Result<()> {
        let mut mixer = Mixer::new(company.seed(), Mix::bare());
        let (mut truth, mut payloads) = (Truth::default(), Vec::new());
        let machines = Truth::kinds(company);
        let mut retirements = self.retirements.clone().into_iter().peekable();
        for emission in emissions {
            while let Some((_, line)) = retirements.next_if(|(time, _)| *time <= emission.time) {
                self.declare(line.as_bytes())?;
            }
            let counts = machines.get(&*emission.identity).is_some_and(|kind| *kind != Kind::Human);
            mixer.push(&emission, &mut truth, &mut payloads);
            self.take(&emission, counts, &payloads);
            payloads.clear();
        }
        self.taker.replay.finish();
        self.taker.settle();
        let lost = self.taker.lost;
        ensure!(lost == 0, "{lost} records were not understood (please report this)");
        Ok(())
    }

    fn take(&mut self, emission: &Emission, counts: bool, payloads: &[Payload]) {
        self.taker.place = self.taker.ledger.records() as i64;
        self.taker.ledger.enter(emission, counts);
        for payload in payloads {
            let (source, format) = match payload.topic {
                Topic::CloudTrail => ("cloudtrail", FormatHint::Cloudtrail),
                Topic::Auth => ("auth.linux", FormatHint::LinuxAuth),
            };
            let received = ProcessingTime::from_millis(payload.time.millis());
            let offset = self.taker.place;
            let payload =
                ingest::Payload { bytes: &payload.bytes, source, partition: 0, offset, received, format };
            self.ingest.ingest(payload, &mut self.taker);
        }
        if let Some(attack) = emission.incident {
            self.taker.look_at(attack, &emission.identity);
        }
    }

    fn finish(self, seed: u64) -> Outcome {
        let Taker { ledger, judge, closest, naive, .. } = self.taker;
        let (product, alerts) = judge.finish();
        Outcome { seed, ledger, product, alerts, closest, naive: naive.finish() }
    }
}

impl Taker {
    /// Remembers how far an attack's identity came, at the highest.
    fn look_at(&mut self, attack: usize, identity: &str) {
        let Some(incident) = self.replay.incident(identity) else { return };
        let highest = self.closest.get(&attack).map_or(0.0, |closest| closest.bits);
        if incident.bits > highest {
            self.closest.insert(attack, incident);
        }
    }

    fn settle(&mut self) {
        let now = self.replay.now();
        for (_, effect) in self.replay.effects() {
            if let Effect::Alert(report) = effect {
                self.judge.take(&report, now, &self.ledger);
            }
        }
    }
}

impl Sink for Taker {
    fn activity(&mut self, mut activity: Activity<'_>) {
        self.naive.observe(&activity, self.place, &self.ledger);
        if self.knows_networks {
            locate(&mut activity.event.origin);
        }
        self.replay.activity(activity);
        self.settle();
    }

    fn skipped(&mut self, _: &'static str) {
        self.lost += 1;
    }

    fn rejected(&mut self, _: Rejected<'_>) {
        self.lost += 1;
    }
}

/// Adds what a database of addresses would say.
fn locate(origin: &mut Origin<'_>) {
    let Some(place) = origin.ip.as_deref().and_then(whereabouts) else { return };
    origin.asn = Some(format!("AS{}", place.asn).into());
    origin.country = Some(place.country.into());
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn outcome(seed: u64, options: &[&str]) -> Outcome {
        let small =
            ["evaluate", "--days", "30", "--identities", "40", "--events", "10", "--attacks-per-seed", "6"];
        let args = Line::parse_from(small.iter().chain(options)).args;
        let detectors = Arc::new(Detectors::builtin().unwrap());
        evaluate(&args, seed, &Config::default(), &detectors).unwrap()
    }

    /// All that is counted.
    fn counts(outcome: &Outcome) -> (u64, Tally, Tally) {
        (outcome.ledger.records(), outcome.product.clone(), outcome.naive.clone())
    }

    #[test]
    fn the_same_company_gives_the_same_result() {
        let (first, again) = (outcome(4, &[]), outcome(4, &[]));
        assert_eq!(counts(&first), counts(&again));
        assert_ne!(counts(&first), counts(&outcome(6, &[])));
        assert!(first.ledger.identity_days() > 500 && !first.naive.found.is_empty());
    }

    #[test]
    fn the_inventory_and_the_places_of_addresses_can_be_left_out() {
        let owners = |options| {
            let alerts = outcome(4, options).alerts;
            alerts.iter().filter(|alert| alert.report.subject.owner.is_some()).count()
        };
        let countries = |options| {
            let alerts = outcome(4, options).alerts;
            let signals = alerts.iter().flat_map(|alert| &alert.report.signals);
            signals.filter(|signal| signal.evidence.country.is_some()).count()
        };
        assert!(owners(&[]) > 0 && countries(&[]) > 0);
        assert_eq!(owners(&["--no-inventory"]), 0);
        assert_eq!(countries(&["--no-asn"]), 0);
    }
}
