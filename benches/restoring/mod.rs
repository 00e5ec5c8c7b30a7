//! Restoring from changelog records, in a process of its own: what another left in memory would hide what it takes.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;

use dashmap::DashMap;
use nhi_monitor::monitor::Monitor;
use nhi_monitor::monitor::identity::IdentityState;
use nhi_monitor::term::{Term, TextHash};
use nhi_monitor::wire::snapshot::{self, Change};

use crate::clock::timed;
use crate::{empty_monitor, report_resident, resident_bytes};

/// What tells the process that it is to restore, before the file's path.
const ARGUMENT: &str = "--restore-from";
/// Times that everything is restored. Memory that was used before is faster than what the system has to bring first.
const ROUNDS: usize = 5;

/// A changelog record, key and value, in the file's bytes.
type Stored<'a> = (&'a [u8], Option<&'a [u8]>);

/// As much memory as an identity takes in one piece.
type Floor = DashMap<Term, (Box<[u8; size_of::<IdentityState>()]>, Box<[u8]>), TextHash>;

/// Does what [`in_its_own_process`] started this process for; `false` where it was not.
pub(crate) fn is_done() -> bool {
    let Some(path) = std::env::args().skip_while(|arg| arg != ARGUMENT).nth(1) else { return false };
    let bytes = std::fs::read(path).expect("it was just written");
    let changes: Vec<Stored<'_>> = postcard::from_bytes(&bytes).expect("it was just written");

    let before = resident_bytes();
    let first = restored(&changes);
    report_resident("restored", before, first.1);
    drop(first.0);
    let rounds: Vec<[f64; 2]> = (0..ROUNDS).map(|_| [restored(&changes).2, floor(&changes)]).collect();
    let best = |of: usize| rounds.iter().map(|round| round[of]).fold(0.0, f64::max);
    println!("{:>12.0} identities/s restored on one thread, into memory never used before", first.2);
    println!("{:>12.0} identities/s restored on one thread, best of {ROUNDS}", best(0));
    println!("{:>12.0} identities/s as boxes of that size put into the same map, best of {ROUNDS}", best(1));
    true
}

/// Restores `changes` in a process of its own, which reports.
pub(crate) fn in_its_own_process(changes: &[Change]) {
    let path = std::env::temp_dir().join(format!("nhi-monitor-bench-{}", std::process::id()));
    let pairs: Vec<_> = changes.iter().map(|change| (&change.key, &change.value)).collect();
    let bytes = postcard::to_extend(&pairs, Vec::new()).expect("bytes have a binary form");
    std::fs::write(&path, bytes).expect("the temporary folder can be written to");
    let done = started(&path);
    std::fs::remove_file(&path).expect("it was just written");
    assert!(done, "the process that restores failed");
}

fn started(path: &Path) -> bool {
    let me = std::env::current_exe().expect("a process has a program");
    Command::new(me).arg(ARGUMENT).arg(path).status().is_ok_and(|status| status.success())
}

/// A monitor with `changes`, the identities in it, and how many came in a second.
fn restored(changes: &[Stored<'_>]) -> (Monitor, usize, f64) {
    let mut monitor = empty_monitor();
    let (spent, ()) = timed(|| {
        for (key, value) in changes {
            snapshot::restore(&mut monitor, key, *value).expect("it was just written");
        }
    });
    let identities = monitor.shared().identities.len();
    (monitor, identities, identities as f64 / spent.as_secs_f64())
}

/// How many came in a second.
fn floor(changes: &[Stored<'_>]) -> f64 {
    let map = Floor::default();
    let (spent, ()) = timed(|| {
        for (key, value) in changes {
            let id = Term::unshared(std::str::from_utf8(key).expect("keys are text"));
            let value = value.unwrap_or_default();
            map.insert(id, (Box::new([0; size_of::<IdentityState>()]), value.into()));
        }
    });
    black_box(map).len() as f64 / spent.as_secs_f64()
}
