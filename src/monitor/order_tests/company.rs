//! A generated company's payloads, late, out of order and delivered again, against the generator's truth.

use super::traffic::Dice;
use super::*;
use crate::config::Limits;
use crate::decode::FormatHint;
use crate::generator::{Company, Mix, Mixer, Payload, Plan, Topic, Truth};
use crate::ingest::{Ingest, Rejected, Sink};
use crate::time::EventTime;

const SEED: u64 = 11;

/// Places by which most payloads may be out of order: some minutes of traffic.
const USUAL_DISORDER: u64 = 100;

fn made() -> (Vec<Payload>, Truth) {
    let company = Company::new(SEED, 80);
    let until = EventTime::parse_rfc3339("2026-01-31T00:00:00Z").unwrap();
    let since = until.plus_millis(-10 * DAY_MS);
    let emissions = company.emissions(&Plan { since, until, events: 5_000, incidents: Some((since, until)) });
    let mut truth = Truth::new(&company, emissions.incidents());
    let (mut mixer, mut payloads) = (Mixer::new(SEED, Mix::mixed()), Vec::new());
    emissions.into_iter().for_each(|emission| mixer.push(&emission, &mut truth, &mut payloads));
    mixer.finish(&mut truth, &mut payloads);
    (payloads, truth)
}

/// Payloads as transport delivers them: all somewhat out of order, one in fifty late by days, and one in ten again later.
fn delivered(payloads: &[Payload]) -> Vec<&Payload> {
    let mut dice = Dice(SEED);
    let mut placed: Vec<(u64, &Payload)> = Vec::new();
    for (place, payload) in (0..).zip(payloads) {
        let late = if dice.chance(0.02) { payloads.len() as u64 } else { USUAL_DISORDER };
        placed.push((place + dice.below(late), payload));
        if dice.chance(0.1) {
            placed.push((place + dice.below(payloads.len() as u64), payload));
        }
    }
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, payload)| payload).collect()
}

/// Hands activities to a relay.
struct Feed<'r>(&'r mut Relay);

impl Sink for Feed<'_> {
    fn activity(&mut self, activity: Activity<'_>) {
        self.0.monitor.activity(&activity, &mut self.0.effects);
    }

    fn skipped(&mut self, _reason: &'static str) {}

    fn rejected(&mut self, _rejected: Rejected<'_>) {}
}

#[test]
fn a_company_delivered_late_out_of_order_and_again_is_known_as_it_was() {
    let (payloads, truth) = made();
    let (mut relay, mut ingest) = (Relay::new(), Ingest::new(Limits::default()));
    for (offset, payload) in (0..).zip(delivered(&payloads)) {
        let source = if payload.topic == Topic::Auth { "auth.linux" } else { "cloudtrail" };
        let received = ProcessingTime::from_millis(payload.time.millis());
        let payload = crate::ingest::Payload {
            bytes: &payload.bytes,
            source,
            partition: 0,
            offset,
            received,
            format: FormatHint::Auto,
        };
        ingest.ingest(payload, &mut Feed(&mut relay));
        if offset % 500 == 499 {
            relay.hand_over();
        }
    }
    relay.finish();
    let stats = relay.monitor.stats();
    assert!(stats.late > 0 && stats.duplicates > 0, "the delivery must be bad: {stats:?}");
    let known: BTreeMap<String, LastSeen> = relay
        .monitor
        .view()
        .identities(&Filter::default(), None, usize::MAX)
        .into_iter()
        .map(|facts| (facts.identity_id.clone(), facts))
        .collect();
    assert!(truth.identities.len() > 50);
    for (id, used) in &truth.identities {
        let facts = &known[id];
        let found = (facts.first_seen, facts.last_seen, facts.last_success, facts.last_denied);
        assert_eq!(found, (used.first_seen, used.last_seen, used.last_success, used.last_denied), "{id}");
    }
    assert_eq!(relay.published(), all_timeless(&relay.shown()));
}
