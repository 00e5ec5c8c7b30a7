//! From declared families to registered handles.

use prometheus::{
    Counter, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, core::Collector,
};

use super::catalog::Family;

/// Makes handles of declared families and registers them, each once.
#[derive(Default)]
pub(super) struct Families {
    registry: Registry,
    #[cfg(test)]
    pub(super) made: std::sync::Arc<std::sync::Mutex<std::collections::BTreeSet<&'static str>>>,
}

impl Families {
    /// The registry that holds what was made.
    pub(super) fn into_registry(self) -> Registry {
        self.registry
    }

    /// A counter with labels.
    pub(super) fn counters(&mut self, family: &Family) -> IntCounterVec {
        self.register(family, IntCounterVec::new(opts(family), &label_names(family)))
    }

    /// A counter without labels.
    pub(super) fn counter(&mut self, family: &Family) -> IntCounter {
        self.register(family, IntCounter::with_opts(opts(family)))
    }

    /// A counter of fractions, without labels.
    pub(super) fn real_counter(&mut self, family: &Family) -> Counter {
        self.register(family, Counter::with_opts(opts(family)))
    }

    /// A whole-number gauge with labels.
    pub(super) fn gauges(&mut self, family: &Family) -> IntGaugeVec {
        self.register(family, IntGaugeVec::new(opts(family), &label_names(family)))
    }

    /// A whole-number gauge without labels.
    pub(super) fn gauge(&mut self, family: &Family) -> IntGauge {
        self.register(family, IntGauge::with_opts(opts(family)))
    }

    /// A gauge with labels.
    pub(super) fn real_gauges(&mut self, family: &Family) -> GaugeVec {
        self.register(family, GaugeVec::new(opts(family), &label_names(family)))
    }

    /// A gauge without labels.
    pub(super) fn real_gauge(&mut self, family: &Family) -> Gauge {
        self.register(family, Gauge::with_opts(opts(family)))
    }

    /// A histogram with labels.
    pub(super) fn histograms(&mut self, family: &Family) -> HistogramVec {
        self.register(family, HistogramVec::new(histogram_opts(family), &label_names(family)))
    }

    fn register<C: Collector + Clone + 'static>(
        &mut self,
        family: &Family,
        made: prometheus::Result<C>,
    ) -> C {
        #[cfg(test)]
        assert!(super::metrics::lock(&self.made).insert(family.name), "{} is made twice", family.name);
        let registered =
            made.and_then(|handle| self.registry.register(Box::new(handle.clone())).map(|()| handle));
        #[expect(clippy::expect_used, reason = "families are constants; a unit test makes them all")]
        registered.expect(family.name)
    }
}

fn opts(family: &Family) -> Opts {
    Opts::new(family.name, family.help)
}

fn histogram_opts(family: &Family) -> HistogramOpts {
    HistogramOpts::new(family.name, family.help).buckets(family.buckets.to_vec())
}

fn label_names(family: &Family) -> Vec<&'static str> {
    family.labels.iter().map(|label| label.as_str()).collect()
}
