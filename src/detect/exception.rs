//! What a detector lets pass: known and wanted behaviour, with who answers for it.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::activity::Event;
use crate::time::EventTime;

use super::form::{DateText, Network, NetworkText, SaidText, Wildcard};
use super::scope::Who;

/// What a detector lets pass. All conditions that are given must hold, and at least one must be given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Identity id, with the wildcards `*` and `?`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub identity: Option<Wildcard>,
    /// Action, with wildcards: `s3:GetObject`, or `s3:*` for a whole service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub action: Option<Wildcard>,
    /// Network of the source address: `192.0.2.0/24`, `2001:db8::/32`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NetworkText>")]
    pub network: Option<Network>,
    /// Client family, with wildcards: `Terraform`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub client: Option<Wildcard>,
    /// Why it is let pass.
    #[schemars(with = "SaidText")]
    pub reason: String,
    /// Who answers for it.
    #[schemars(with = "SaidText")]
    pub owner: String,
    /// Last day (UTC, by the time of the event) on which it holds; for ever where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateText>")]
    pub expires: Option<NaiveDate>,
}

impl Exception {
    /// The fields of which at least one must be given.
    pub(super) const CONDITIONS: [&str; 4] = ["identity", "action", "network", "client"];

    /// Whether it lets pass what an identity did in an event; or at `time` without any event, which only an exception for
    /// the identity as a whole does.
    #[must_use]
    pub fn applies(&self, who: &Who<'_>, event: Option<&Event<'_>>, time: EventTime) -> bool {
        !self.is_expired(time)
            && self.identity.as_ref().is_none_or(|identity| identity.matches(who.id))
            && match event {
                Some(event) => self.fits(event),
                None => self.action.is_none() && self.network.is_none() && self.client.is_none(),
            }
    }

    /// Whether its last day was before the day of `time`.
    #[must_use]
    pub fn is_expired(&self, time: EventTime) -> bool {
        self.expires.is_some_and(|last| time.to_utc().date_naive() > last)
    }

    fn fits(&self, event: &Event<'_>) -> bool {
        let address = event.origin.ip.as_deref();
        let client = event.client.as_ref().map(|client| client.family.as_str());
        self.action.as_ref().is_none_or(|action| action.matches(&event.action()))
            && self.network.is_none_or(|network| address.is_some_and(|ip| network.contains(ip)))
            && self.client.as_ref().is_none_or(|wanted| client.is_some_and(|family| wanted.matches(family)))
    }
}
