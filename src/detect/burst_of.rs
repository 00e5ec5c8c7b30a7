//! What a burst is of.

use serde::{Deserialize, Serialize};

use crate::baseline::rate::Burst;
use crate::baseline::volume::Bursts;

/// What a burst counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BurstOf {
    /// All events, against any active hour.
    All,
    /// All events, at a time of the week (give or take an hour) that usually has fewer than other active hours, or none.
    OddHour,
    /// Denied events.
    Denied,
    /// Different calls that were refused, of an identity so seldom used that nothing is usual of it.
    RefusedCalls,
    /// Different actions, as estimated from 64 bits: at most 310.
    Actions,
    /// Different services.
    Services,
    /// Different services within one minute, against the busiest minute of each active hour.
    ServicesInMinute,
    /// Bytes taken out, where the log tells: data events of S3. Hours without any do not count.
    Bytes,
}

impl BurstOf {
    /// What was judged of it.
    #[must_use]
    pub const fn among(self, bursts: &Bursts) -> Burst {
        match self {
            Self::All => bursts.events,
            Self::OddHour => bursts.odd_hour,
            Self::Denied => bursts.denied,
            Self::RefusedCalls => bursts.refused_calls,
            Self::Actions => bursts.actions,
            Self::Services => bursts.services,
            Self::ServicesInMinute => bursts.services_in_minute,
            Self::Bytes => bursts.bytes,
        }
    }
}
