//! What joins incidents of several identities: a credential that one gave out and another was used with.
//!
//! Whoever steals a key and assumes a role with it acts as two identities, and each has an incident of its own: events of two
//! identities have no order between them, so that neither could be judged by the other and say the same in every run. The
//! credential's public id is in both: in the answer to the call that gave it out, and in every call made with it.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::activity::Event;
use crate::time::EventTime;

use super::explain::shortened;
use super::finding::IncidentReport;

/// Credentials given out that one incident remembers. Who goes on through more roles than that has been seen.
pub const MAX_OPENED: usize = 16;

/// A credential that was given out within an incident: the way on to another identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Its public id: `ASIA…` of a session, `AKIA…` of a user's new key.
    pub credential: String,
    /// The session's name.
    pub session: Option<String>,
    /// Whom it acts as, as the call names it: the role's ARN, the user's name.
    pub target: Option<String>,
    /// The call that gave it out: `sts:AssumeRole`.
    pub action: String,
    /// When.
    pub time: EventTime,
    /// Whether that call raised a signal; else it was made with a credential that had.
    pub is_signal: bool,
}

impl Opened {
    /// What an event gave out; `None` where it gave out nothing.
    #[must_use]
    pub fn of(event: &Event<'_>, is_signal: bool) -> Option<Self> {
        let issued = event.issued.as_ref()?;
        Some(Self {
            credential: shortened(&issued.id),
            session: issued.session.as_deref().map(shortened),
            target: event.resource.as_deref().map(shortened),
            action: shortened(&event.action()),
            time: event.time,
            is_signal,
        })
    }
}

/// The credentials that join an incident with others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// Public ids of those given out.
    pub issued: Vec<String>,
    /// Public ids of those that its signals were made with.
    pub used: Vec<String>,
}

impl Links {
    /// The links of an incident that gave these credentials out, and whose signals were made with those.
    #[must_use]
    pub fn new(opened: &[Opened], used: impl Iterator<Item = String>) -> Self {
        let mut used: Vec<String> = used.collect();
        used.sort_unstable();
        used.dedup();
        Self { issued: opened.iter().map(|opened| opened.credential.clone()).collect(), used }
    }

    /// The links of a reported incident.
    #[must_use]
    pub fn of(report: &IncidentReport) -> Self {
        Self::new(
            &report.opened,
            report.signals.iter().filter_map(|signal| signal.evidence.credential.clone()),
        )
    }

    /// Takes in another incident's links.
    pub fn extend(&mut self, other: &Self) {
        self.issued.extend_from_slice(&other.issued);
        self.used.extend_from_slice(&other.used);
    }
}

/// Groups incidents that credentials join, each group along its chain: first who was used first. Every incident is in one
/// group, most in one of their own; groups come in the order of their first members.
#[must_use]
pub fn groups(links: &[Links]) -> Vec<Vec<usize>> {
    let next = edges(links);
    let depths = depths(&next);
    let mut neighbours: Vec<Vec<usize>> = next.clone();
    for (from, tos) in next.iter().enumerate() {
        tos.iter().for_each(|to| neighbours[*to].push(from));
    }
    let mut seen = vec![false; links.len()];
    let mut groups = Vec::new();
    for start in 0..links.len() {
        if !seen[start] {
            let mut group = reached(start, &neighbours, &mut seen);
            group.sort_unstable_by_key(|index| (depths[*index], *index));
            groups.push(group);
        }
    }
    groups
}

/// To which incidents each one leads.
fn edges(links: &[Links]) -> Vec<Vec<usize>> {
    let mut users: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, links) in links.iter().enumerate() {
        links.used.iter().for_each(|used| users.entry(used).or_default().push(index));
    }
    let led_to = |(from, links): (usize, &Links)| {
        let all = links.issued.iter().filter_map(|issued| users.get(issued.as_str())).flatten().copied();
        all.filter(|to| *to != from).collect()
    };
    links.iter().enumerate().map(led_to).collect()
}

/// How many steps each is from one that nothing leads to; the most there is, where it is only reached in circles.
fn depths(next: &[Vec<usize>]) -> Vec<usize> {
    let mut is_led_to = vec![false; next.len()];
    next.iter().flatten().for_each(|to| is_led_to[*to] = true);
    let mut depths = vec![usize::MAX; next.len()];
    let mut queue: VecDeque<usize> = (0..next.len()).filter(|index| !is_led_to[*index]).collect();
    queue.iter().for_each(|root| depths[*root] = 0);
    while let Some(from) = queue.pop_front() {
        for to in &next[from] {
            if depths[*to] == usize::MAX {
                depths[*to] = depths[from] + 1;
                queue.push_back(*to);
            }
        }
    }
    depths
}

fn reached(start: usize, neighbours: &[Vec<usize>], seen: &mut [bool]) -> Vec<usize> {
    let mut group = vec![start];
    seen[start] = true;
    let mut at = 0;
    while let Some(from) = group.get(at).copied() {
        for to in &neighbours[from] {
            if !std::mem::replace(&mut seen[*to], true) {
                group.push(*to);
            }
        }
        at += 1;
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(used: &[&str], issued: &[&str]) -> Links {
        let owned = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
        Links { issued: owned(issued), used: owned(used) }
    }

    #[test]
    fn incidents_along_a_chain_are_one_group_in_its_order() {
        let (first, second, third) =
            (links(&["AKIA1"], &["ASIA1"]), links(&["ASIA1"], &["ASIA2"]), links(&["ASIA2"], &[]));
        let other = links(&["AKIA2"], &["ASIA9"]);
        assert_eq!(groups(&[third, other, first, second]), [vec![2, 3, 0], vec![1]]);
        assert!(groups(&[]).is_empty());
    }

    #[test]
    fn two_that_lead_to_one_are_of_its_group_and_circles_end() {
        let (one, two) = (links(&["AKIA1"], &["ASIA1"]), links(&["AKIA2"], &["ASIA2"]));
        assert_eq!(groups(&[links(&["ASIA1", "ASIA2"], &[]), one, two]), [vec![1, 2, 0]]);
        let circle = [links(&["ASIA1"], &["ASIA2"]), links(&["ASIA2"], &["ASIA1"])];
        assert_eq!(groups(&circle), [vec![0, 1]]);
        assert_eq!(groups(&[links(&["ASIA1"], &["ASIA1"])]), [vec![0]], "one's own session leads nowhere");
    }

    #[test]
    fn credentials_alone_join_whatever_else_is_alike() {
        let (one, two) = (links(&["AKIA1"], &["ASIA1"]), links(&["AKIA1"], &["ASIA2"]));
        let on = links(&["ASIA1"], &[]);
        assert_eq!(
            groups(&[one, two, on]),
            [vec![0, 2], vec![1]],
            "to use one key is no way from one to the other"
        );
    }
}
