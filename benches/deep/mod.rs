//! What an identity takes in memory, part by part: bytes asked of the allocator, to which its rounding comes on top.

use std::collections::BTreeSet;

use nhi_monitor::baseline::recent::KEY_BYTES;
use nhi_monitor::baseline::terms::TermEntry;
use nhi_monitor::detect::incident::Incident;
use nhi_monitor::detect::kept::KeptSignal;
use nhi_monitor::monitor::Monitor;
use nhi_monitor::monitor::identity::IdentityState;
use nhi_monitor::term::Term;

use crate::part;

/// The parts, in the order of [`of`].
const PARTS: [&str; 6] = [
    "its state in place, and its place in the map",
    "its name",
    "its values",
    "its keys against duplicates",
    "its incident, where it has one",
    "its hours, log sources and the rest",
];
/// What a list, or a text that is counted, has before its content.
const HEADER: usize = 16;

/// Says how much the identities of `monitor` take, and which parts of them.
pub(crate) fn report(monitor: &Monitor) {
    let all: Vec<[usize; PARTS.len()]> =
        monitor.shared().identities.iter().map(|entry| of(entry.key(), entry.value())).collect();
    let sums = || all.iter().map(|parts| parts.iter().sum::<usize>());
    println!("{:>12} bytes asked for an identity, median; p99 {}", part(sums(), 50), part(sums(), 99));
    for (nth, name) in PARTS.iter().enumerate() {
        let of_part = || all.iter().map(|parts| parts[nth]);
        let mean = of_part().sum::<usize>() / all.len().max(1);
        println!("{:>12} of them {name}: median {}, p99 {}", mean, part(of_part(), 50), part(of_part(), 99));
    }
    let with_incident = monitor.shared().identities.iter().filter(|state| state.incident.is_some()).count();
    println!(
        "{:>12.0} % of the identities have an incident",
        100.0 * with_incident as f64 / all.len() as f64
    );
}

fn of(id: &Term, state: &IdentityState) -> [usize; PARTS.len()] {
    let unique_id = state.unique_id.as_ref().map_or(0, text);
    let list = |bytes: usize| if bytes == 0 { 0 } else { HEADER + bytes };
    [
        size_of::<IdentityState>() + 2 * size_of::<usize>(),
        text(id) + unique_id,
        list(state.behaviour.terms.room() * size_of::<TermEntry>()),
        usize::from(state.recent.len()) * KEY_BYTES,
        state.incident.as_deref().map_or(0, incident),
        list(state.behaviour.volume.rhythm.hours.as_bytes().len())
            + list(state.scopes.len() * size_of::<Term>()),
    ]
}

fn incident(incident: &Incident) -> usize {
    let mut seen = BTreeSet::new();
    let once = incident.signals.iter().filter(|signal| seen.insert(signal.event().as_ptr()));
    let events: usize = once.map(|signal| HEADER + signal.event().len()).sum();
    let words: usize = incident.signals.iter().map(|signal| signal.words().len()).sum();
    let lists = HEADER * 3
        + incident.signals.capacity() * size_of::<KeptSignal>()
        + incident.distinct.capacity() * size_of::<u64>()
        + size_of_val(&*incident.held);
    size_of::<Incident>() + lists + events + words
}

fn text(term: &Term) -> usize {
    HEADER + term.as_str().len()
}
