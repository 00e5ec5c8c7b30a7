//! The networks that the company and others call from.
//!
//! Outside addresses are from 198.18.0.0/15 (RFC 2544, benchmarking) and 2001:db8::/32 (RFC 3849), which nobody owns;
//! the intruders' are from the documentation networks of RFC 5737.

use super::archetype::Origin;
use super::random::Random;
use crate::term::stable_hash;
use crate::time::{DAY_MS, EventTime};

/// The accounts of the company: production and everything else.
pub(super) const ACCOUNTS: [&str; 2] = ["111122223333", "444455556666"];

/// The regions that it uses.
pub(super) const REGIONS: [&str; 3] = ["eu-west-1", "eu-central-1", "us-east-1"];

/// Address blocks of hosted runners: each run comes from any of them.
const RUNNER_BLOCKS: u64 = 48;

/// Days after which the NAT gateways of one account and region change their addresses, on average.
const NAT_LIFE_DAYS: i64 = 240;

/// An address for a call of the identity `member`, made from `origin` at `time`.
///
/// The same identity keeps to few addresses, except on hosted runners and in people's homes.
pub(super) fn address(origin: Origin, home: &Home<'_>, time: EventTime, random: &mut Random) -> String {
    let own = stable_hash(home.name);
    match origin {
        Origin::Nat => nat(home, time, random),
        Origin::Endpoint => format!("10.{}.{}.{}", 16 + own % 8, own / 8 % 240, 4 + random.below(240)),
        Origin::Service => String::new(),
        Origin::Runners => format!("198.18.{}.{}", 128 + random.below(RUNNER_BLOCKS), 1 + random.below(254)),
        Origin::Supplier => format!("198.19.{}.{}", 16 + own % 60, 10 + random.below(4)),
        Origin::DataCentre => format!("198.19.{}.{}", 1 + own % 3, 20 + own / 3 % 60 + random.below(2)),
        Origin::Offices if random.chance(0.7) => format!("198.19.200.{}", 10 + random.below(6)),
        Origin::Offices => format!("2001:db8:{:x}:1::{:x}", 0x4000 + own % 4096, 1 + random.below(9)),
    }
}

/// Where an identity lives.
pub(super) struct Home<'a> {
    /// Name of the identity.
    pub(super) name: &'a str,
    /// Its account.
    pub(super) account: &'a str,
    /// Its region.
    pub(super) region: &'a str,
}

/// An address that no identity of the company ever has.
pub(super) fn intruder(random: &mut Random) -> String {
    match random.below(4) {
        0 => format!("203.0.113.{}", 1 + random.below(254)),
        1 => format!("198.51.100.{}", 1 + random.below(254)),
        2 => format!("192.0.2.{}", 1 + random.below(254)),
        _ => format!("2001:db8:bad:{:x}::{:x}", random.below(0xFFFF), 1 + random.below(0xFFFF)),
    }
}

/// One of the three NAT gateways of an account and region; now and then all three are replaced.
fn nat(home: &Home<'_>, time: EventTime, random: &mut Random) -> String {
    let place = stable_hash(home.account) ^ stable_hash(home.region);
    let phase = (place % NAT_LIFE_DAYS as u64) as i64 * DAY_MS;
    let generation = (time.millis() + phase) / (NAT_LIFE_DAYS * DAY_MS);
    let block = (place.rotate_left(17) ^ (generation as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)) % 100;
    format!("198.18.{block}.{}", 30 + 7 * random.below(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_keeps_to_its_networks() {
        let mut random = Random::new(1, "net");
        let home = Home { name: "checkout", account: ACCOUNTS[0], region: REGIONS[0] };
        let mut blocks = |origin| {
            (0..200)
                .map(|_| address(origin, &home, EventTime::from_millis(0), &mut random))
                .map(|ip| ip.rsplit_once(['.', ':']).unwrap().0.to_owned())
                .collect::<std::collections::BTreeSet<_>>()
                .len()
        };
        assert_eq!(blocks(Origin::Nat), 1);
        assert_eq!(blocks(Origin::Supplier), 1);
        assert_eq!(blocks(Origin::DataCentre), 1);
        assert!(blocks(Origin::Runners) > 30);
    }
}
