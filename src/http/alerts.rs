//! `/api/v1/alerts`: what was published lately, from memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::value::{RawValue, to_raw_value};

use crate::detect::chain::{self, Links};
use crate::detect::finding::{IncidentReport, Severity};
use crate::time::ProcessingTime;
use crate::wire::Alert;

/// One published alert.
#[derive(Debug)]
pub struct RecentAlert {
    /// The incident that it reports.
    pub uid: String,
    /// What joins that with others.
    pub links: Links,
    /// Who it is about.
    pub identity_id: String,
    /// Its severity.
    pub severity: Severity,
    /// When it was found.
    pub found_at: ProcessingTime,
    /// The alert as the topic carries it.
    pub json: Box<RawValue>,
}

impl RecentAlert {
    /// The alert that reports this.
    ///
    /// # Errors
    /// Never in practice: every part has a JSON form.
    pub fn from_report(report: &IncidentReport) -> Result<Self, serde_json::Error> {
        Ok(Self {
            uid: report.uid.clone(),
            links: Links::of(report),
            identity_id: report.subject.identity_id.clone(),
            severity: report.severity,
            found_at: report.found_at,
            json: to_raw_value(&Alert::from_report(report))?,
        })
    }
}

/// Which alerts to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertQuery {
    /// Only this severity or worse.
    pub severity: Option<Severity>,
    /// Only about this identity.
    pub identity: Option<String>,
    /// Only about incidents that credentials join with those of this identity or uid.
    pub chain: Option<String>,
    /// Only found at this time or later.
    pub since: Option<ProcessingTime>,
    /// At most so many.
    pub limit: usize,
}

impl AlertQuery {
    fn takes(&self, alert: &RecentAlert) -> bool {
        self.severity.is_none_or(|least| alert.severity >= least)
            && self.identity.as_deref().is_none_or(|identity| alert.identity_id == identity)
            && self.since.is_none_or(|since| alert.found_at >= since)
    }
}

/// The last alerts published by this instance. Older ones are in the topic.
#[derive(Debug)]
pub struct RecentAlerts {
    capacity: usize,
    alerts: Mutex<VecDeque<Arc<RecentAlert>>>,
}

impl RecentAlerts {
    /// Room for `capacity` alerts (`http.recent_alerts`); beyond it, the oldest goes.
    #[must_use]
    pub const fn new(capacity: usize) -> Self {
        Self { capacity, alerts: Mutex::new(VecDeque::new()) }
    }

    /// Adds an alert that was published.
    pub fn push(&self, alert: RecentAlert) {
        let mut alerts = self.alerts.lock().unwrap_or_else(PoisonError::into_inner);
        alerts.push_front(Arc::new(alert));
        alerts.truncate(self.capacity);
    }

    /// Those that fit, newest first.
    #[must_use]
    pub fn list(&self, query: &AlertQuery) -> Vec<Arc<RecentAlert>> {
        let alerts = self.alerts.lock().unwrap_or_else(PoisonError::into_inner);
        let chain = query.chain.as_deref().map(|of| joined_with(of, &alerts));
        let is_joined = |alert: &RecentAlert| chain.as_ref().is_none_or(|uids| uids.contains(&alert.uid));
        let found = alerts.iter().filter(|alert| query.takes(alert) && is_joined(alert));
        found.take(query.limit).cloned().collect()
    }
}

/// Uids of the incidents that credentials join with those of this identity or uid.
fn joined_with(of: &str, alerts: &VecDeque<Arc<RecentAlert>>) -> BTreeSet<String> {
    let mut incidents: BTreeMap<&str, (Links, bool)> = BTreeMap::new();
    for alert in alerts {
        let (links, is_meant) = incidents.entry(&alert.uid).or_default();
        links.extend(&alert.links);
        *is_meant |= alert.uid == of || alert.identity_id == of;
    }
    let (uids, incidents): (Vec<&str>, Vec<(Links, bool)>) = incidents.into_iter().unzip();
    let (links, is_meant): (Vec<Links>, Vec<bool>) = incidents.into_iter().unzip();
    let groups = chain::groups(&links).into_iter().filter(|group| group.iter().any(|index| is_meant[*index]));
    groups.flatten().map(|index| uids[index].to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: AlertQuery =
        AlertQuery { severity: None, identity: None, chain: None, since: None, limit: 10 };

    /// Each incident gave out what the one after the next was made with.
    fn links(number: i64) -> Links {
        Links { issued: vec![format!("ASIA{}", number + 2)], used: vec![format!("ASIA{number}")] }
    }

    fn kept(query: AlertQuery) -> Vec<i64> {
        let recent = RecentAlerts::new(3);
        for (number, severity) in
            [(1, Severity::Critical), (2, Severity::Low), (3, Severity::High), (4, Severity::Low)]
        {
            recent.push(RecentAlert {
                uid: format!("incident-{number}"),
                links: links(number),
                identity_id: format!("linux:web:{}", number % 2),
                severity,
                found_at: ProcessingTime::from_millis(number),
                json: RawValue::NULL.to_owned(),
            });
        }
        recent.list(&query).iter().map(|alert| alert.found_at.millis()).collect()
    }

    #[test]
    fn the_newest_are_kept_and_filtered() {
        assert_eq!(kept(ANY), [4, 3, 2]);
        assert_eq!(kept(AlertQuery { severity: Some(Severity::Medium), ..ANY }), [3]);
        assert_eq!(kept(AlertQuery { identity: Some("linux:web:0".into()), ..ANY }), [4, 2]);
        assert_eq!(kept(AlertQuery { since: Some(ProcessingTime::from_millis(3)), ..ANY }), [4, 3]);
        assert_eq!(kept(AlertQuery { limit: 1, ..ANY }), [4]);
        assert_eq!(kept(AlertQuery { chain: Some("incident-2".into()), ..ANY }), [4, 2]);
        assert_eq!(kept(AlertQuery { chain: Some("linux:web:1".into()), ..ANY }), [3]);
        assert_eq!(kept(AlertQuery { chain: Some("linux:web:7".into()), ..ANY }), [0_i64; 0]);
    }
}
