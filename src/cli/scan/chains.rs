//! Incidents of several identities that are one attack.

use serde::Serialize;

use crate::detect::chain::{self, Links};
use crate::detect::finding::IncidentReport;

/// Incidents that credentials join: what one identity was given, another was used with.
#[derive(Debug, Serialize)]
pub(super) struct Chain {
    /// The identities, each once: first who was used first.
    pub(super) identities: Vec<String>,
    /// Uids of the incidents, in the same order.
    pub(super) incidents: Vec<String>,
    /// Their places among the reports.
    #[serde(skip)]
    pub(super) reports: Vec<usize>,
}

/// The attacks through more than one identity.
pub(super) fn of(reports: &[IncidentReport]) -> Vec<Chain> {
    let links: Vec<Links> = reports.iter().map(Links::of).collect();
    let chains = chain::groups(&links).into_iter().map(|group| Chain::new(reports, group));
    chains.filter(|chain| chain.identities.len() > 1).collect()
}

impl Chain {
    fn new(reports: &[IncidentReport], group: Vec<usize>) -> Self {
        let mut chain = Self { identities: Vec::new(), incidents: Vec::new(), reports: Vec::new() };
        for index in group {
            let report = &reports[index];
            if !chain.identities.contains(&report.subject.identity_id) {
                chain.identities.push(report.subject.identity_id.clone());
            }
            chain.incidents.push(report.uid.clone());
            chain.reports.push(index);
        }
        chain
    }
}

/// In which order reports are told: as they come, but a chain's as one, where its first comes. The chain, too, where one begins.
pub(super) fn told(chains: &[Chain], reports: usize) -> Vec<(Option<&Chain>, usize)> {
    let mut told = Vec::with_capacity(reports);
    for index in 0..reports {
        let chain = chains.iter().find(|chain| chain.reports.contains(&index));
        match chain {
            None => told.push((None, index)),
            Some(chain) if chain.reports.iter().min() == Some(&index) => {
                let begins = |place: usize| (place == 0).then_some(chain);
                told.extend(chain.reports.iter().enumerate().map(|(place, of)| (begins(place), *of)));
            }
            Some(_) => {}
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_told_as_one_where_its_gravest_stands() {
        let chain = |reports: Vec<usize>| Chain { identities: vec![], incidents: vec![], reports };
        let chains = [chain(vec![3, 1])];
        let order: Vec<(bool, usize)> =
            told(&chains, 5).into_iter().map(|(chain, index)| (chain.is_some(), index)).collect();
        assert_eq!(order, [(false, 0), (true, 3), (false, 1), (false, 2), (false, 4)]);
    }
}
