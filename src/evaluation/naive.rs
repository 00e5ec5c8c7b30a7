//! The yardstick: a detector that alerts on everything that an identity does for the first time.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::ledger::Ledger;
use super::tally::{Found, Tally};
use crate::activity::{Activity, CredentialKind};
use crate::term::stable_hash;
use crate::time::{DAY_MS, EventTime};

/// Days in which it only learns, counted from an identity's first event.
const LEARNING_DAYS: i64 = 7;

/// A first-seen detector: one alert for each identity and day on which an action, service, region, network, client or
/// credential is new after the identity's first seven days. It never forgets, and knows nothing else.
#[derive(Default)]
pub struct Naive {
    tally: Tally,
    known: HashMap<String, Known>,
}

struct Known {
    since: EventTime,
    /// Hashes of dimension and value. Memory follows what identities do differently, not how often.
    values: HashSet<u64>,
    /// The last day with an alert, and the attack that it was about.
    alerted: Option<(u32, BTreeSet<usize>)>,
}

impl Naive {
    /// Takes in one activity, whose record stands at `place` in the stream.
    pub fn observe(&mut self, activity: &Activity<'_>, place: i64, ledger: &Ledger) {
        let (id, time) = (&*activity.identity.id, activity.event.time);
        if !self.known.contains_key(id) {
            self.known.insert(id.to_owned(), Known { since: time, values: HashSet::new(), alerted: None });
        }
        let Some(known) = self.known.get_mut(id) else { return };
        let mut is_new = false;
        for value in values(activity) {
            is_new |= known.values.insert(value);
        }
        if is_new && time.millis_since(known.since) >= LEARNING_DAYS * DAY_MS {
            alert(&mut self.tally, known, (id, time, place), ledger);
        }
    }

    /// What was counted.
    #[must_use]
    pub fn finish(self) -> Tally {
        self.tally
    }
}

/// Joins the alert of the day, or opens it. An alert is true as soon as one of its records is an attack's.
fn alert(tally: &mut Tally, known: &mut Known, (id, time, place): (&str, EventTime, i64), ledger: &Ledger) {
    let (day, attack) = (time.day(), ledger.attack_at(place));
    let uid = format!("{id} {day}");
    let is_open = known.alerted.as_ref().is_some_and(|(alerted, _)| *alerted == day);
    if !is_open {
        known.alerted = Some((day, BTreeSet::new()));
        if attack.is_none() {
            tally.count_false(&uid, ledger.cause_at(place), "first-seen");
        }
    }
    let (Some(index), Some((_, attacks))) = (attack, &mut known.alerted) else { return };
    if attacks.is_empty() {
        tally.true_alerts += 1;
        tally.take_back(&uid);
    }
    attacks.insert(index);
    tally.find(index, Found::at(&ledger.attacks()[index].times, time));
}

/// What is compared, as hashes of dimension and value. Temporary credentials are new by nature and left out.
fn values(activity: &Activity<'_>) -> impl Iterator<Item = u64> {
    let event = &activity.event;
    let credential =
        event.credential.as_ref().filter(|credential| credential.kind != CredentialKind::Temporary);
    let texts = [
        Some(("action", event.action())),
        Some(("service", event.service.to_string())),
        event.region.as_ref().map(|region| ("region", region.to_string())),
        event.origin.network.as_ref().map(|network| ("network", network.to_string())),
        event.client.as_ref().map(|client| ("client", client.family.to_string())),
        credential.map(|credential| ("credential", credential.id.to_string())),
    ];
    texts.into_iter().flatten().map(|(dimension, value)| stable_hash(&format!("{dimension} {value}")))
}
