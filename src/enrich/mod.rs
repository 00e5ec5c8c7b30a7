//! What is known of an address beside its number: autonomous system, country, and the operator's lists of networks.
//!
//! Everything here is held in memory and given by the caller; reading files is the edges' part. Without databases and lists
//! there is nothing to look up, and an address is what the log says.

mod cache;
mod database;
mod lists;
mod problem;
mod ranges;

use std::net::IpAddr;
use std::sync::Arc;

use crate::activity::{Listed, Origin};
use crate::text::Text;

use cache::{Cache, Known};
pub use database::{Content, Database};
pub use lists::{List, Lists, MAX_PREFIXES, parse, prefix};
pub use problem::{Error, Fault, Problem};

/// Databases and lists, as they were read.
#[derive(Debug, Default)]
pub struct Enrichment {
    /// Knows autonomous systems.
    pub systems: Option<Arc<Database>>,
    /// Knows countries. May be the same.
    pub countries: Option<Arc<Database>>,
    /// The operator's lists.
    pub lists: Lists,
}

impl Enrichment {
    /// Whether there is nothing to look up.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.systems.is_none() && self.countries.is_none() && self.lists.is_empty()
    }

    fn look_up(&self, ip: IpAddr) -> Known {
        let (asn, as_name) = self.systems.as_ref().map(|database| database.system(ip)).unwrap_or_default();
        let country = self.countries.as_ref().and_then(|database| database.country(ip));
        Known { asn, as_name, country, list: self.lists.find(ip) }
    }
}

/// Looks addresses up for one worker, and remembers those looked up lately.
#[derive(Default)]
pub struct Locator {
    enrichment: Arc<Enrichment>,
    cache: Cache,
}

impl Locator {
    /// A locator that goes by these databases and lists.
    #[must_use]
    pub fn new(enrichment: Arc<Enrichment>) -> Self {
        Self { enrichment, cache: Cache::default() }
    }

    /// Adds what is known of an origin's address. What the log says itself stays.
    pub fn locate<'x>(&'x mut self, origin: &mut Origin<'x>) {
        if self.enrichment.is_empty() {
            return;
        }
        let Some(ip) = origin.ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok()) else { return };
        let Self { enrichment, cache } = self;
        let ip = ip.to_canonical();
        let known = cache.get(ip, || enrichment.look_up(ip));
        let text = |text: &'x Option<Box<str>>| text.as_deref().map(Text::from);
        if origin.asn.is_none() {
            origin.asn = text(&known.asn);
            origin.as_name = text(&known.as_name);
        }
        if origin.country.is_none() {
            origin.country = text(&known.country);
        }
        let list = known.list.and_then(|place| enrichment.lists.get(place));
        origin.listed = list.map(|(class, name)| Listed { class, list: name.into() });
    }
}

#[cfg(test)]
mod tests;
