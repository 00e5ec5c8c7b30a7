//! The detectors that are built in.

use std::collections::BTreeMap;

use super::{Detectors, Error};

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../detectors/", $name)))),*]
    };
}

/// The files in `detectors/`, by name. A test holds that none is left out.
pub const FILES: &[(&str, &str)] = files![
    "denied-burst.yaml",
    "dormant-identity-awakened.yaml",
    "human-use.yaml",
    "instance-credential-elsewhere.yaml",
    "never-used-identity.yaml",
    "new-network-and-client.yaml",
    "new-service.yaml",
    "sensitive-action-first-use.yaml",
    "unused-identity.yaml",
    "volume-burst.yaml",
];

impl Detectors {
    /// The detectors that are built in.
    ///
    /// # Errors
    /// Never in a build that passed its tests.
    pub fn builtin() -> Result<Self, Error> {
        Self::parse(FILES.iter().copied()).map(|detectors| Self { files: BTreeMap::new(), ..detectors })
    }
}
