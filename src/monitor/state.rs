//! What the monitor of one partition shares with its readers.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use dashmap::DashMap;

use crate::baseline::coverage::cadence::Limits;
use crate::baseline::{CoverageMap, behaviour, coverage};
use crate::config::{self, Config};
use crate::detect::incident;
use crate::term::{Term, TextHash};
use crate::time::{EventTime, ProcessingTime};

use super::identity::IdentityState;

/// Identities by id. The monitor writes; HTTP readers look at single identities in between.
pub type Identities = DashMap<Term, Box<IdentityState>, TextHash>;

/// State of one partition.
pub struct Shared {
    /// Identities by id.
    pub identities: Identities,
    /// Settings, in the units of the core.
    pub settings: Settings,
    coverage: RwLock<CoverageMap>,
    /// Newest time that the partition was told, in milliseconds.
    now_ms: AtomicI64,
}

/// Settings of the monitor, in the units of the core.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Baselines.
    pub behaviour: behaviour::Settings,
    /// Incidents.
    pub incident: incident::Settings,
    /// `last_seen.publish_every`, in milliseconds.
    pub publish_every_ms: i64,
    /// `unused.after_days`.
    pub unused_after_days: u32,
    /// What counts as covered.
    pub coverage: coverage::Settings,
    /// `baseline.max_identities`.
    pub max_identities: usize,
}

impl Settings {
    /// From the configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let millis = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self {
            behaviour: behaviour::Settings::new(&config.baseline, &config.detection),
            incident: incident::Settings::new(&config.detection),
            publish_every_ms: millis(config.last_seen.publish_every),
            unused_after_days: config.unused.after_days,
            coverage: coverage_settings(&config.unused),
            max_identities: config.baseline.max_identities,
        }
    }
}

fn coverage_settings(unused: &config::Unused) -> coverage::Settings {
    let hours = |span: std::time::Duration| u32::try_from(span.as_secs() / 3_600).unwrap_or(u32::MAX).max(1);
    let accepted = unused.accept_losses_before.as_deref().and_then(EventTime::parse_rfc3339);
    coverage::Settings {
        limits: Limits { silence: hours(unused.max_silence), weekly: hours(unused.max_weekly_silence) },
        tolerated_unreadable: unused.tolerated_unreadable,
        accepted_before: accepted.map_or(0, EventTime::hour),
    }
}

impl Shared {
    /// An empty partition.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            identities: DashMap::default(),
            coverage: RwLock::new(CoverageMap::new(settings.coverage)),
            now_ms: AtomicI64::new(0),
            settings,
        }
    }

    /// Newest time that the partition was told: what readers are shown is as of then, which while it catches up is
    /// not the time on the wall.
    pub fn now(&self) -> ProcessingTime {
        ProcessingTime::from_millis(self.now_ms.load(Ordering::Relaxed))
    }

    /// Moves the partition's time on; it never goes back.
    pub fn advance(&self, now: ProcessingTime) {
        self.now_ms.fetch_max(now.millis(), Ordering::Relaxed);
    }

    /// The coverage, for reading.
    pub fn coverage(&self) -> RwLockReadGuard<'_, CoverageMap> {
        self.coverage.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The coverage, for writing.
    pub fn coverage_mut(&self) -> RwLockWriteGuard<'_, CoverageMap> {
        self.coverage.write().unwrap_or_else(PoisonError::into_inner)
    }
}
