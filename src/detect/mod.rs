//! Detection: detectors raise signals, signals add up to risk, risk opens incidents.

pub mod builtin;
pub mod detector;
pub mod explain;
pub mod families;
pub mod finding;
pub mod incident;
pub mod message;
pub mod sensitivity;
pub mod testing;
pub mod unused;

use std::sync::Arc;

pub use detector::{Detector, Error};

use detector::{Rule, Status};
use families::Subject;
use finding::Signal;

/// The detectors in force.
#[derive(Clone, Debug, Default)]
pub struct Detectors {
    detectors: Vec<Arc<Detector>>,
}

impl Detectors {
    /// Detectors from the texts of their files.
    ///
    /// # Errors
    /// Where a file is not a detector, or two have one id.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        let mut detectors: Vec<Arc<Detector>> = Vec::new();
        for (name, text) in files {
            let detector = Detector::parse(name, text)?;
            if detectors.iter().any(|other| other.id == detector.id) {
                return Err(Error::Duplicate { file: name.to_owned(), id: detector.id });
            }
            detectors.push(Arc::new(detector));
        }
        detectors.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(Self { detectors })
    }

    /// One detector alone.
    #[must_use]
    pub fn only(detector: Arc<Detector>) -> Self {
        Self { detectors: vec![detector] }
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

    /// The enabled detector that judges unused identities, or never-used ones.
    #[must_use]
    pub fn posture(&self, is_never_used: bool) -> Option<&Arc<Detector>> {
        self.detectors.iter().find(|detector| {
            let fits = if is_never_used { Rule::NeverUsed {} } else { Rule::Unused {} };
            detector.rule == fits && detector.status == Status::Enabled
        })
    }

    /// Runs all detectors over one event and hands their signals to `take`, shadow ones included.
    pub fn run(&self, subject: Subject<'_>, mut take: impl FnMut(Signal)) {
        if !subject.sighting.is_notable() {
            return;
        }
        for detector in self.detectors.iter().filter(|detector| detector.status != Status::Disabled) {
            if let Some(signal) = families::run(detector, subject) {
                take(signal);
            }
        }
    }
}
