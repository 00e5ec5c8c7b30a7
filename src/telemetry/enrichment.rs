//! What is known of addresses, and as of when.

use prometheus::{IntCounter, IntGauge, IntGaugeVec};

use crate::enrich::Enrichment;

use super::catalog;
use super::families::Families;

/// Databases and lists as metrics know them.
pub(super) struct Addresses {
    built: IntGaugeVec,
    networks: IntGauge,
    reloads: IntCounter,
    failures: IntCounter,
}

impl Addresses {
    pub(super) fn new(families: &mut Families) -> Self {
        Self {
            built: families.gauges(&catalog::ENRICHMENT_BUILT),
            networks: families.gauge(&catalog::ENRICHMENT_NETWORKS),
            reloads: families.counter(&catalog::ENRICHMENT_RELOADS),
            failures: families.counter(&catalog::ENRICHMENT_RELOAD_FAILURES),
        }
    }

    /// These are in force. A database that there is not has no series: its age would be that of the epoch.
    pub(super) fn show(&self, enrichment: &Enrichment) {
        for (name, database) in [("asn", &enrichment.systems), ("country", &enrichment.countries)] {
            if let Some(database) = database {
                self.built.with_label_values(&[name]).set(database.built().millis() / 1_000);
            }
        }
        self.networks.set(enrichment.lists.prefixes() as i64);
    }

    /// They were read again.
    pub(super) fn reloaded(&self, enrichment: &Enrichment) {
        self.reloads.inc();
        self.show(enrichment);
    }

    /// They could not be read again.
    pub(super) fn failed(&self) {
        self.failures.inc();
    }
}
