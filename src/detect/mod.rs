//! Detection: detectors raise signals, signals add up to risk, risk opens incidents.

pub mod bound;
pub mod budget;
pub mod builtin;
pub mod burst_of;
pub mod chain;
pub mod credential;
pub mod detector;
pub mod exception;
pub mod explain;
pub mod families;
pub mod finding;
pub mod form;
pub mod heartbeat;
pub mod incident;
mod inventory;
pub mod kept;
pub mod message;
mod posture;
pub mod problem;
mod read;
pub mod rotation;
pub mod scope;
pub mod sensitivity;
mod shape;
pub mod shortfall;
pub mod source;
pub mod testing;
pub mod unused;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::time::EventTime;

pub use detector::Detector;
pub use problem::{Error, Fault, Problem};

use detector::{Rule, Status};
use exception::Exception;
use families::Subject;
use finding::Signal;
use scope::Who;

/// Detectors in one set: each runs over every notable event, and has series of its own in the metrics.
pub const MAX_DETECTORS: usize = 1_000;

/// The detectors in force.
#[derive(Clone, Debug, Default)]
pub struct Detectors {
    detectors: Vec<Arc<Detector>>,
    /// The files of those that are not built in, by id.
    files: BTreeMap<String, String>,
}

/// What becomes of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It weighs.
    Raised,
    /// It is only counted: its detector is in shadow.
    Shadow,
    /// It is only counted: an exception lets it pass.
    Excepted,
}

impl Detectors {
    /// Detectors from the texts of their files.
    ///
    /// # Errors
    /// Where a file is not a detector, or two have one id; names every problem of every file.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        Self::read(files.into_iter().map(|(file, text)| (file, Ok(text.as_bytes()))))
    }

    /// Detectors from what was found in a folder, laid over the built-in ones: one with the id of a built-in detector takes
    /// its place as a whole.
    ///
    /// # Errors
    /// As [`Detectors::parse`]; and where a file could not be read, or there is none.
    pub fn over_builtin(folder: &str, files: &[(String, Result<Vec<u8>, Fault>)]) -> Result<Self, Error> {
        if files.is_empty() {
            return Err(Error(vec![Problem::of_file(folder, Fault::NoFiles)]));
        }
        let own =
            Self::read(files.iter().map(|(file, bytes)| {
                (file.as_str(), bytes.as_ref().map(Vec::as_slice).map_err(Clone::clone))
            }))?;
        let builtin = Self::builtin()?;
        let kept = builtin.detectors.into_iter().filter(|detector| own.get(&detector.id).is_none());
        let set = Self { detectors: kept.chain(own.detectors.iter().cloned()).collect(), ..own };
        set.sorted(folder)
    }

    fn read<'a>(files: impl IntoIterator<Item = (&'a str, Result<&'a [u8], Fault>)>) -> Result<Self, Error> {
        let (mut set, mut problems) = (Self::default(), Vec::new());
        for (file, bytes) in files {
            let bytes = bytes.map_err(|fault| vec![Problem::of_file(file, fault)]);
            let text = bytes.and_then(|bytes| read::text(file, bytes));
            match text.and_then(|text| read::detector(file, text)) {
                Ok(detector) => problems.extend(set.add(file, detector)),
                Err(more) => problems.extend(more),
            }
        }
        if problems.is_empty() { set.sorted("detectors") } else { Err(Error(problems)) }
    }

    fn add(&mut self, file: &str, detector: Detector) -> Option<Problem> {
        if let Some(other) = self.files.get(&detector.id) {
            let fault = Fault::Duplicate { id: detector.id, other: other.clone() };
            return Some(Problem::of_file(file, fault));
        }
        self.files.insert(detector.id.clone(), file.to_owned());
        self.detectors.push(Arc::new(detector));
        None
    }

    fn sorted(mut self, name: &str) -> Result<Self, Error> {
        if self.detectors.len() > MAX_DETECTORS {
            let fault = Fault::TooLarge { what: "detectors", most: MAX_DETECTORS as u64 };
            return Err(Error(vec![Problem::of_file(name, fault)]));
        }
        self.detectors.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(self)
    }

    /// One detector alone.
    #[must_use]
    pub fn only(detector: Arc<Detector>) -> Self {
        Self { detectors: vec![detector], ..Self::default() }
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Detector>> {
        self.detectors.iter()
    }

    /// The detector with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Detector>> {
        let place = self.detectors.binary_search_by(|detector| detector.id.as_str().cmp(id));
        place.ok().map(|place| &self.detectors[place])
    }

    /// The file that a detector was read from; `None` of one that is built in.
    #[must_use]
    pub fn file(&self, id: &str) -> Option<&str> {
        self.files.get(id).map(String::as_str)
    }

    /// The exceptions whose last day was over at `time`, with their detectors.
    pub fn expired(&self, time: EventTime) -> impl Iterator<Item = (&Arc<Detector>, &Exception)> {
        let of = move |detector| {
            let detector: &Arc<Detector> = detector;
            let expired = detector.exceptions.iter().filter(move |exception| exception.is_expired(time));
            expired.map(move |exception| (detector, exception))
        };
        self.detectors.iter().flat_map(of)
    }

    /// The detectors that judge unused identities, or never-used ones, whatever their status: those that alert first.
    pub fn posture(&self, is_never_used: bool) -> impl Iterator<Item = &Arc<Detector>> {
        let fits = if is_never_used { Rule::NeverUsed {} } else { Rule::Unused {} };
        let is_fitting = move |detector: &&Arc<Detector>| detector.rule == fits;
        let mut found: Vec<&Arc<Detector>> = self.detectors.iter().filter(is_fitting).collect();
        found.sort_by_key(|detector| detector.status != Status::Enabled);
        found.into_iter()
    }

    /// The detectors that judge credentials, whatever their status: those that alert first.
    pub fn of_credentials(&self) -> impl Iterator<Item = &Arc<Detector>> {
        let is_fitting = |detector: &&Arc<Detector>| detector.rule == Rule::UnusedCredential {};
        let mut found: Vec<&Arc<Detector>> = self.detectors.iter().filter(is_fitting).collect();
        found.sort_by_key(|detector| detector.status != Status::Enabled);
        found.into_iter()
    }

    /// The detectors that judge log sources, whatever their status: those that alert first.
    pub fn of_sources(&self) -> impl Iterator<Item = &Arc<Detector>> {
        let is_fitting = |detector: &&Arc<Detector>| matches!(detector.rule, Rule::SourceSilent { .. });
        let mut found: Vec<&Arc<Detector>> = self.detectors.iter().filter(is_fitting).collect();
        found.sort_by_key(|detector| detector.status != Status::Enabled);
        found.into_iter()
    }

    /// Runs all detectors over one event of an identity and hands their signals to `take`, with what becomes of each.
    pub fn run(&self, who: &Who<'_>, subject: Subject<'_>, mut take: impl FnMut(Signal, Fate)) {
        if !subject.sighting.is_notable() {
            return;
        }
        for detector in self.detectors.iter().filter(|detector| detector.runs()) {
            // Whose scope the identity is in takes longer to tell, by its wildcards, than that there is nothing to say.
            let signal = families::run(detector, subject).filter(|_| detector.scope.covers(who));
            if let Some(signal) = signal {
                let is_excepted = detector.exception(who, Some(subject.event), signal.time).is_some();
                take(signal, fate(detector, is_excepted));
            }
        }
    }
}

/// What becomes of a detector's signal.
#[must_use]
pub fn fate(detector: &Detector, is_excepted: bool) -> Fate {
    match detector.status {
        _ if is_excepted => Fate::Excepted,
        Status::Enabled => Fate::Raised,
        Status::Shadow | Status::Disabled => Fate::Shadow,
    }
}
