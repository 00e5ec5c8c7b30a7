//! A generated fleet over 120 days against its truth: gaps, late records, losses and restarts, with the real ingest, frames, monitors
//! and changelogs, and only Kafka left out.

mod audit;
mod made;
mod sources;
mod world;

use std::collections::BTreeMap;

use crate::baseline::LastSeen;
use crate::monitor::Effect;
use crate::time::HOUR_MS;
use crate::wire::LastSeenRecord;
use audit::Audit;
use made::{DAYS, Fleet};
use world::World;

/// Hours from one restart to the next: not whole days, so that they come at all times of the day.
const RESTART_HOURS: i64 = 4 * 24 + 7;

/// Days from one comparison with the truth to the next.
const COMPARE_DAYS: i64 = 2;

/// What stands about all identities in the end, but for when it was written.
type Words = BTreeMap<String, String>;

fn words(facts: &LastSeen) -> String {
    let record = LastSeenRecord { updated_at: String::new(), ..LastSeenRecord::from(facts) };
    String::from_utf8(record.to_bytes().unwrap()).unwrap()
}

/// Lets the fleet's days pass. Returns what readers are shown in the end, and what the topic holds.
fn lived(fleet: &Fleet, audit: &mut Audit<'_>, has_restarts: bool) -> (Words, Words, usize) {
    let (mut world, mut published) = (World::new(), Words::new());
    for hour in 1..=DAYS * 24 {
        let now = hour * HOUR_MS;
        world.hour(fleet, now);
        if hour == DAYS * 24 {
            world.flush(now);
        }
        for effect in world.effects.drain(..) {
            if let Effect::LastSeen(facts) = effect {
                audit.published(&facts);
                published.insert(facts.identity_id.clone(), words(&facts));
            }
        }
        if hour % (COMPARE_DAYS * 24) == 0 {
            audit.compare(&world, now);
        }
        if has_restarts && hour % RESTART_HOURS == 0 {
            world.restart();
        }
    }
    let shown = world.all_shown().iter().map(|facts| (facts.identity_id.clone(), words(facts))).collect();
    (shown, published, world.restarts)
}

fn prove(seed: u64) {
    let fleet = Fleet::new(seed);
    let mut audit = Audit::new(&fleet);
    let (shown, published, restarts) = lived(&fleet, &mut audit, true);
    let without = lived(&fleet, &mut Audit::new(&fleet), false);
    println!("seed {seed}: {} restarts, {}", restarts, audit.figures());
    audit.hold();
    assert_eq!(shown, without.0, "restarts change nothing");
    assert_eq!(published, without.1, "restarts change nothing that is published");
    assert!(restarts > 20);
}

#[test]
fn a_fleet_of_120_days_is_known_as_it_was_and_nothing_is_called_unused_without_proof() {
    (1..=2).for_each(prove);
}
