//! One credential at work in two places by turns: a copy beside its owner.
//!
//! A credential that moves goes one way. Used here, there, here and there again, it is in two hands; of a session's that can be said
//! within minutes, since it was given to one process. Only credentials that turn up in a strange place are remembered, so that an
//! identity to which nothing happens takes no memory for it. Ways out that one machine has at the same time (a private network
//! and the provider's, addresses of one region or one neighbourhood, IPv4 and IPv6) are one place.

use thin_vec::ThinVec;

use crate::activity::{Credential, CredentialKind, Event};
use crate::normalize::endpoint::Endpoint;
use crate::term::{Interner, Term, stable_hash};
use crate::time::{EventTime, HOUR_MS};

use super::place::{Place, are_neighbours};

/// Credentials remembered per identity. An identity has two keys; a thief of more sessions than that has been seen by then.
pub const CAPACITY: usize = 4;

/// How long one is remembered after it turned up: the longest that a session lives (`GetSessionToken`, 36 hours).
const MEMORY_MS: i64 = 36 * HOUR_MS;

/// Credentials that turned up in a strange place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sharing(ThinVec<Suspect>);

/// A credential that turned up in a strange place.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspect {
    /// Hash of its public id.
    pub credential: u64,
    /// The strange network.
    pub strange: Term,
    /// When it turned up there.
    pub since: EventTime,
    /// Newest event that was taken for one side or the other.
    pub until: EventTime,
    /// Whether that was in the strange place.
    pub is_strange: bool,
    /// How many times it went from one to the other.
    pub turns: u8,
}

/// A credential that went once more from one place to the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// The strange network.
    pub strange: Term,
    /// How many times it went from one to the other, this time included.
    pub turns: u8,
    /// Milliseconds since it turned up in the strange place.
    pub lasting_ms: i64,
}

/// What an event showed of its credential.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Where it went from one place to the other.
    pub turn: Option<Turn>,
    /// Whether another credential had to be forgotten for it.
    pub is_evicted: bool,
}

/// How the network of an event stands to its identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Known.
    Usual,
    /// New, as surprising as a place must be for a copy to be in it.
    Strange,
    /// New, and no more than that.
    Other,
}

impl Sharing {
    /// Takes in an event from a network of this standing; tells where its credential went from one place to the other.
    pub fn observe(&mut self, event: &Event<'_>, standing: Standing, terms: &Interner) -> Observed {
        let is_strange = standing == Standing::Strange;
        if self.0.is_empty() && !is_strange {
            return Observed::default();
        }
        let (Some(network), Some(credential)) = (event.origin.network.as_deref(), suspected(event)) else {
            return Observed::default();
        };
        self.0.retain(|known| event.time.millis_since(known.since) < MEMORY_MS);
        match self.0.iter_mut().find(|known| known.credential == credential) {
            Some(known) => Observed { turn: known.go_on(network, standing, event.time), is_evicted: false },
            None if is_strange => {
                let suspect = Suspect::new(credential, terms.intern(network), event.time);
                Observed { turn: None, is_evicted: self.note(suspect) }
            }
            None => Observed::default(),
        }
    }

    /// What is remembered, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Suspect> {
        self.0.iter()
    }

    /// As a snapshot holds it; what exceeds the capacity is left out.
    #[must_use]
    pub fn restored(suspects: impl Iterator<Item = Suspect>) -> Self {
        Self(suspects.take(CAPACITY).collect())
    }

    /// Says whether another had to go for it.
    fn note(&mut self, suspect: Suspect) -> bool {
        let is_full = self.0.len() >= CAPACITY;
        if is_full {
            self.0.remove(0);
        }
        self.0.reserve_exact(1);
        self.0.push(suspect);
        is_full
    }
}

impl Suspect {
    const fn new(credential: u64, strange: Term, time: EventTime) -> Self {
        Self { credential, strange, since: time, until: time, is_strange: true, turns: 0 }
    }

    fn go_on(&mut self, network: &str, standing: Standing, time: EventTime) -> Option<Turn> {
        let is_strange = are_one(self.strange.as_str(), network);
        // Neither side: a third place, or what comes late.
        if (!is_strange && standing != Standing::Usual) || time < self.until {
            return None;
        }
        self.until = time;
        if is_strange == self.is_strange {
            return None;
        }
        self.is_strange = is_strange;
        self.turns = self.turns.saturating_add(1);
        let lasting_ms = time.millis_since(self.since);
        Some(Turn { strange: self.strange.clone(), turns: self.turns, lasting_ms })
    }
}

/// Hash of the credential, where it is of a kind that tells who holds it.
fn suspected(event: &Event<'_>) -> Option<u64> {
    let Credential { kind, id } = event.credential.as_ref()?;
    matches!(kind, CredentialKind::LongTerm | CredentialKind::Temporary).then(|| stable_hash(id))
}

/// Whether two networks may be ways out of one machine.
fn are_one(strange: &str, usual: &str) -> bool {
    let is_foreign =
        |network: &str| Endpoint::of(network).is_some_and(|endpoint| endpoint.foreign_account.is_some());
    if strange == usual {
        return true;
    }
    match (Place::of(strange), Place::of(usual)) {
        (Some(Place::Private), Some(Place::Private | Place::Aws(_)))
        | (Some(Place::Aws(_)), Some(Place::Private)) => !is_foreign(strange),
        (Some(Place::Aws(one)), Some(Place::Aws(other))) => one == other,
        (Some(Place::Elsewhere), Some(Place::Elsewhere)) => {
            strange.contains(':') != usual.contains(':') || are_neighbours(strange, usual)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::Sample;
    use crate::monitor::fixture;
    use crate::time::MINUTE_MS;

    /// The turns that one credential's events in these networks make, ten minutes apart; `!` stands before what is strange.
    fn turns(networks: &[&str]) -> Vec<u8> {
        let (mut sharing, terms) = (Sharing::default(), Interner::new());
        let mut turn = |(number, network): (usize, &&str)| {
            let standing = if network.starts_with('!') { Standing::Strange } else { Standing::Usual };
            let sample = Sample {
                network: Some(network.trim_start_matches('!').into()),
                credential: Some("ASIAEXAMPLE".into()),
                ..Sample::default()
            };
            let activity = fixture::activity("app", &sample, number as i64 * 10 * MINUTE_MS, "e");
            sharing.observe(&activity.event, standing, &terms).turn.map(|turn| turn.turns)
        };
        networks.iter().enumerate().filter_map(&mut turn).collect()
    }

    #[test]
    fn only_going_back_and_forth_makes_turns() {
        let (home, thief) = ("203.0.113.0/24", "!198.51.100.0/24");
        assert_eq!(turns(&[home, thief, home, thief, thief, home, home]), [1, 2, 3]);
        assert_eq!(turns(&[home, thief, thief, thief]), [0_u8; 0], "a move goes one way");
        assert_eq!(turns(&[home, home]), [0_u8; 0]);
    }

    #[test]
    fn ways_out_of_one_machine_are_one_place() {
        for (usual, strange) in [
            ("10.0.1.0/24", "!3.250.10.0/24"),
            ("3.251.10.0/24", "!3.250.10.0/24"),
            ("203.0.113.0/24", "!2001:db8:1::/48"),
            ("203.0.113.0/24", "!203.0.114.0/24"),
            ("vpce-1", "!vpce-2"),
        ] {
            assert_eq!(turns(&[strange, usual, strange, usual]), [0_u8; 0], "{strange} beside {usual}");
        }
        for (usual, strange) in [
            ("10.0.1.0/24", "!198.51.100.0/24"),
            ("18.193.0.0/24", "!3.250.10.0/24"),
            ("vpce-1", "!444455556666/vpce-2"),
        ] {
            assert_eq!(turns(&[strange, usual, strange, usual]), [1, 2, 3], "{strange} beside {usual}");
        }
    }

    #[test]
    fn the_oldest_makes_room_and_no_more_than_a_few_are_held() {
        let (mut sharing, terms) = (Sharing::default(), Interner::new());
        for number in 0..20 {
            let sample = Sample { credential: Some(format!("ASIA{number}")), ..Sample::default() };
            let activity = fixture::activity("app", &sample, number * MINUTE_MS, "e");
            let observed = sharing.observe(&activity.event, Standing::Strange, &terms);
            assert_eq!(observed, Observed { turn: None, is_evicted: number >= CAPACITY as i64 });
        }
        assert_eq!(sharing.iter().count(), CAPACITY);
        assert!(sharing.iter().all(|known| known.credential != stable_hash("ASIA15")));
    }
}
