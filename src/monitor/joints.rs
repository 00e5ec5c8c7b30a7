//! Which incidents credentials join: the graph that a chain is walked along, over all partitions of an instance.
//!
//! Most incidents are joined with none, so two looks at each are enough: one for the credentials that any of them gave out, one for
//! the incidents that were made with those. The graph of what is left is small, and is walked without another look.

use std::collections::{HashMap, HashSet};

use crate::detect::incident::Incident;
use crate::detect::kept::KeptSignal;
use crate::term::{Term, stable_hash};

use super::held::IncidentFilter;
use super::view::View;

/// Incidents that one walk goes to: five times as many as an answer may list, so that filters find what they look for, and some
/// 10 MB with their texts. Those nearest to the start come first.
pub const MAX_JOINED: usize = 1_000;

/// An incident in the graph; credentials by the hash of their public id.
#[derive(Clone, Debug)]
struct Joint {
    identity: Term,
    is_start: bool,
    issued: Vec<u64>,
    used: Vec<u64>,
}

/// Identities whose incidents credentials join, in any number of steps, with one that `start` takes; that one first, then those
/// nearest to it, at most [`MAX_JOINED`].
#[must_use]
pub fn joined(views: &[View], start: &IncidentFilter) -> Vec<Term> {
    let issued: HashSet<u64> = views.iter().flat_map(View::issued).collect();
    let mut joints: Vec<Joint> = views.iter().flat_map(|view| view.joints(start, &issued)).collect();
    joints.sort_unstable_by(|one, other| one.identity.as_str().cmp(other.identity.as_str()));
    walk(&joints).into_iter().map(|place| joints[place].identity.clone()).collect()
}

impl View {
    /// The credentials that the partition's incidents gave out.
    fn issued(&self) -> HashSet<u64> {
        let incidents = self.shared.identities.iter();
        incidents.flat_map(|entry| entry.incident.as_deref().map(issued).unwrap_or_default()).collect()
    }

    /// The incidents that may be joined with others, where these credentials were given out; and those to start from.
    fn joints(&self, start: &IncidentFilter, issued: &HashSet<u64>) -> Vec<Joint> {
        let joint = |identity: &Term, incident: &Incident| {
            let joint = Joint::new(identity, incident, issued, start.takes(identity, incident));
            let is_joint = joint.is_start || !joint.issued.is_empty() || !joint.used.is_empty();
            is_joint.then_some(joint)
        };
        let entries = self.shared.identities.iter();
        entries.filter_map(|entry| joint(entry.key(), entry.incident.as_deref()?)).collect()
    }
}

impl Joint {
    fn new(identity: &Term, incident: &Incident, all_issued: &HashSet<u64>, is_start: bool) -> Self {
        let mut used = Vec::new();
        // What a signal holds is unpacked for this, so not where it could lead nowhere.
        if !all_issued.is_empty() {
            let shown = incident.signals.iter().filter_map(KeptSignal::credential);
            used.extend(shown.map(|id| stable_hash(&id)).filter(|used| all_issued.contains(used)));
            used.sort_unstable();
            used.dedup();
        }
        Self { identity: identity.clone(), is_start, issued: issued(incident), used }
    }
}

fn issued(incident: &Incident) -> Vec<u64> {
    incident.opened.iter().map(|opened| stable_hash(&opened.credential)).collect()
}

/// Places of the joints that those to start from are joined with, nearest first.
fn walk(joints: &[Joint]) -> Vec<usize> {
    let users = places(joints, |joint| &joint.used);
    let issuers = places(joints, |joint| &joint.issued);
    let mut seen: Vec<bool> = joints.iter().map(|joint| joint.is_start).collect();
    let mut found: Vec<usize> = (0..joints.len()).filter(|place| seen[*place]).take(MAX_JOINED).collect();
    let mut at = 0;
    while let Some(from) = found.get(at).map(|place| &joints[*place]) {
        let on = from.issued.iter().filter_map(|credential| users.get(credential));
        let back = from.used.iter().filter_map(|credential| issuers.get(credential));
        for to in on.chain(back).flatten() {
            if found.len() < MAX_JOINED && !std::mem::replace(&mut seen[*to], true) {
                found.push(*to);
            }
        }
        at += 1;
    }
    found
}

/// Where each credential is.
fn places(joints: &[Joint], of: impl Fn(&Joint) -> &[u64]) -> HashMap<u64, Vec<usize>> {
    let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
    for (place, joint) in joints.iter().enumerate() {
        of(joint).iter().for_each(|credential| places.entry(*credential).or_default().push(place));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::Interner;

    fn joints(of: &[(bool, &[u64], &[u64])]) -> Vec<Joint> {
        let terms = Interner::new();
        let joint = |(place, (is_start, used, issued)): (usize, &(bool, &[u64], &[u64]))| Joint {
            identity: terms.intern(&format!("linux:web:{place}")),
            is_start: *is_start,
            issued: issued.to_vec(),
            used: used.to_vec(),
        };
        of.iter().enumerate().map(joint).collect()
    }

    #[test]
    fn a_walk_goes_along_credentials_either_way_and_nearest_first() {
        let chain = joints(&[
            (false, &[], &[1]),
            (false, &[1], &[2, 3]),
            (true, &[2], &[4]),
            (false, &[4], &[2]),
            (false, &[3], &[]),
            (false, &[9], &[8]),
        ]);
        let found = walk(&chain);
        assert_eq!(found[0], 2, "where it starts");
        assert_eq!(&found[1..3], [3, 1], "one step");
        assert_eq!(found[3..].iter().copied().collect::<HashSet<_>>(), HashSet::from([0, 4]), "two");
        assert!(
            walk(&joints(&[(false, &[], &[1]), (false, &[1], &[])])).is_empty(),
            "from nowhere to nowhere"
        );
    }

    #[test]
    fn a_walk_ends_after_so_many_and_has_those_nearest_to_its_start() {
        let credentials: Vec<[u64; 1]> = (0..3_000).map(|number| [number]).collect();
        let chain: Vec<(bool, &[u64], &[u64])> =
            credentials.windows(2).map(|pair| (false, &pair[0][..], &pair[1][..])).collect();
        let mut chain = joints(&chain);
        chain[1_500].is_start = true;
        let found = walk(&chain);
        assert_eq!(found.len(), MAX_JOINED);
        assert!(found.iter().all(|place| place.abs_diff(1_500) <= MAX_JOINED / 2));
    }
}
