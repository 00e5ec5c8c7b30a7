//! The detectors in force, for all workers of a process.

use std::sync::{Arc, PoisonError, RwLock};

use crate::detect::Detectors;

/// The set that workers go by from their next transaction on.
#[derive(Debug)]
pub(crate) struct InForce(RwLock<Arc<Detectors>>);

impl InForce {
    pub(crate) const fn new(detectors: Arc<Detectors>) -> Self {
        Self(RwLock::new(detectors))
    }

    pub(crate) fn get(&self) -> Arc<Detectors> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, detectors: Arc<Detectors>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = detectors;
    }
}
