//! Detection: detectors raise signals, signals add up to risk, risk opens incidents.

pub mod detector;
pub mod finding;
pub mod sensitivity;
pub mod testing;

use std::sync::Arc;

pub use detector::Detector;

/// The detectors in force.
#[derive(Clone, Debug, Default)]
pub struct Detectors {
    detectors: Vec<Arc<Detector>>,
}

impl Detectors {
    /// The detectors that are built in, from `detectors/*.yaml`.
    #[must_use]
    pub fn builtin() -> Self {
        Self::default()
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Detector>> {
        self.detectors.iter()
    }

    /// The detector with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Detector>> {
        self.detectors.iter().find(|detector| detector.id == id)
    }
}
