//! What is in force for all workers of a process: detectors, and what is known of addresses.

use std::sync::{Arc, PoisonError, RwLock};

use crate::detect::Detectors;
use crate::enrich::Enrichment;

/// What workers go by from their next transaction on.
#[derive(Debug)]
pub(crate) struct InForce<T>(RwLock<Arc<T>>);

impl<T> InForce<T> {
    pub(crate) const fn new(it: Arc<T>) -> Self {
        Self(RwLock::new(it))
    }

    pub(crate) fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, it: Arc<T>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = it;
    }
}

/// What a service goes by beside its settings; both may be read again while it runs.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    /// What to look for.
    pub detectors: Arc<Detectors>,
    /// What is known of addresses.
    pub enrichment: Arc<Enrichment>,
}

impl From<Arc<Detectors>> for Knowledge {
    /// Detectors, and nothing known of addresses but what logs say.
    fn from(detectors: Arc<Detectors>) -> Self {
        Self { detectors, enrichment: Arc::default() }
    }
}
