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
    "action-burst.yaml",
    "agent-fan-out.yaml",
    "credential-not-rotated.yaml",
    "cross-account-use.yaml",
    "cross-environment-use.yaml",
    "data-burst.yaml",
    "denied-burst.yaml",
    "dormant-identity-awakened.yaml",
    "expired-identity-used.yaml",
    "expired-identity.yaml",
    "foreign-vpc-endpoint.yaml",
    "human-use.yaml",
    "instance-credential-elsewhere.yaml",
    "key-in-two-workloads.yaml",
    "missed-heartbeat.yaml",
    "never-used-identity.yaml",
    "new-action.yaml",
    "new-caller.yaml",
    "new-client.yaml",
    "new-origin.yaml",
    "new-program.yaml",
    "new-resource.yaml",
    "new-role-assumed.yaml",
    "new-service.yaml",
    "odd-hour-burst.yaml",
    "off-hours.yaml",
    "old-credential-still-used.yaml",
    "outside-declared.yaml",
    "refused-search.yaml",
    "retired-identity-used.yaml",
    "sensitive-action-first-use.yaml",
    "service-burst.yaml",
    "session-in-two-places.yaml",
    "source-silent.yaml",
    "undeclared-identity.yaml",
    "unowned-identity.yaml",
    "unused-credential.yaml",
    "unused-identity.yaml",
    "used-in-two-places.yaml",
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
