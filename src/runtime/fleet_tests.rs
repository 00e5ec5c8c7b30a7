//! A generated fleet over 120 days against its truth: gaps, late records, losses and restarts, with the real ingest, frames, monitors
//! and changelogs, and only Kafka left out.

mod audit;
mod made;
mod sources;
mod world;

use std::collections::BTreeMap;

use crate::baseline::LastSeen;
use crate::baseline::last_seen::Coverage;
use crate::monitor::Effect;
use crate::time::HOUR_MS;
use crate::wire::LastSeenRecord;
use audit::Audit;
use made::{DAYS, Fleet};
use world::World;

/// Hours from one restart to the next: not whole days, so that they come at all times of the day.
const RESTART_HOURS: i64 = 4 * 24 + 7;

/// Days from one comparison with the truth to the next.
const COMPARE_DAYS: i64 = 3;

/// What stands about all identities in the end, but for when it was written.
type Words = BTreeMap<String, String>;

fn words(facts: &LastSeen) -> String {
    let record = LastSeenRecord { updated_at: String::new(), ..LastSeenRecord::from(facts) };
    String::from_utf8(record.to_bytes().unwrap()).unwrap()
}

/// Without what is as of the time at which it was published: how far the log sources reached, and the days up to there.
fn timeless(facts: &LastSeen) -> String {
    words(&LastSeen { coverage: Coverage::default(), unused_days: None, ..facts.clone() })
}

/// Lets the fleet's days pass, with restarts where there is an audit. Returns what readers are shown in the end, and what the topic holds.
fn lived(fleet: &Fleet, mut audit: Option<&mut Audit<'_>>) -> (Words, Words, usize) {
    let (mut world, mut published) = (World::new(), Words::new());
    for hour in 1..=DAYS * 24 {
        let now = hour * HOUR_MS;
        world.hour(fleet, now);
        if hour == DAYS * 24 {
            world.flush(now);
        }
        for effect in world.effects.drain(..) {
            if let Effect::LastSeen(facts) = effect {
                audit.iter_mut().for_each(|audit| audit.published(&facts));
                published.insert(facts.identity_id.clone(), timeless(&facts));
            }
        }
        let Some(audit) = &mut audit else { continue };
        if hour % (COMPARE_DAYS * 24) == 0 {
            audit.compare(&world, now);
        }
        if hour % RESTART_HOURS == 0 {
            world.restart();
        }
    }
    let shown = world.all_shown().iter().map(|facts| (facts.identity_id.clone(), words(facts))).collect();
    (shown, published, world.restarts)
}

/// The figures of a fleet whose processes end every few days, held to its truth.
fn prove(fleet: &Fleet) -> (Words, Words) {
    let mut audit = Audit::new(fleet);
    let (shown, published, restarts) = lived(fleet, Some(&mut audit));
    println!("{restarts} restarts; {}", audit.figures());
    audit.hold();
    assert!(restarts > 20);
    (shown, published)
}

#[test]
fn a_fleet_of_120_days_is_known_as_it_was_and_nothing_is_called_unused_without_proof() {
    prove(&Fleet::new(1));
}

#[test]
fn a_fleet_with_restarts_is_known_as_one_without() {
    let fleet = Fleet::new(2);
    let (shown, published) = prove(&fleet);
    let (shown_without, published_without, _) = lived(&fleet, None);
    assert_eq!(shown, shown_without);
    assert_eq!(published, published_without);
}
