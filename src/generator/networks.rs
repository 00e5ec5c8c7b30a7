//! The networks that the company and others call from.
//!
//! NAT gateways have addresses of EC2, as in real logs. Other outside addresses are from 198.18.0.0/15 (RFC 2544,
//! benchmarking) and 2001:db8::/32 (RFC 3849), which nobody owns; the intruders' are from the documentation networks of
//! RFC 5737, or from EC2 as well.

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
const NAT_LIFE_DAYS: i64 = 150;

/// Days after which a supplier calls from other networks, on average.
const SUPPLIER_LIFE_DAYS: i64 = 170;

/// Suppliers of the company.
pub(super) const SUPPLIERS: u64 = 6;

/// Some prefixes of EC2 (ip-ranges.amazonaws.com/ip-ranges.json, service EC2), two bytes each, by region of [`REGIONS`]: from
/// `52.48.0.0/14`, `54.170.0.0/15`, `54.216.0.0/15`; `18.192.0.0/15`, `52.58.0.0/15`, `3.124.0.0/14`; `54.144.0.0/14`,
/// `107.20.0.0/14`, `54.236.0.0/15`.
const EC2: [[(u8, u8); 3]; 3] =
    [[(52, 48), (54, 170), (54, 216)], [(18, 192), (52, 58), (3, 124)], [(54, 144), (107, 20), (54, 236)]];

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
        Origin::Supplier => {
            let era = era(own % SUPPLIERS * 29, SUPPLIER_LIFE_DAYS, time).0 as u64;
            format!("198.19.{}.{}", 16 + own % SUPPLIERS * 20 + era % 20, 10 + random.below(4))
        }
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

/// An address that no identity of the company ever has: of a hosting provider, a home, an anonymiser, or the same cloud.
pub(super) fn intruder(random: &mut Random) -> String {
    match random.below(8) {
        0..3 => format!("203.0.113.{}", 1 + random.below(254)),
        3 => format!("198.51.100.{}", 1 + random.below(254)),
        4 | 5 => format!("192.0.2.{}", 1 + random.below(254)),
        6 => format!("2001:db8:bad:{:x}::{:x}", random.below(0xFFFF), 1 + random.below(0xFFFF)),
        _ => {
            // The company's own have a lower third byte.
            let region = random.pick(&EC2);
            let (first, second) = random.pick(region);
            format!("{first}.{second}.{}.{}", 128 + random.below(128), 1 + random.below(254))
        }
    }
}

/// Where a person of the company sits who uses what is not theirs: the office, or at home.
pub(super) fn person(random: &mut Random) -> String {
    match random.below(2) {
        0 => format!("198.19.200.{}", 10 + random.below(6)),
        _ => format!("2001:db8:{:x}:1::{:x}", 0x4000 + random.below(4096), 1 + random.below(9)),
    }
}

/// The autonomous system and country of an address, as a database of addresses would say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// Autonomous system. Of the addresses that nobody owns, one from the range for documentation (RFC 5398).
    pub asn: u32,
    /// ISO 3166 country.
    pub country: &'static str,
}

/// Where an address of generated traffic is; `None` for private addresses and names of services.
#[must_use]
pub fn whereabouts(ip: &str) -> Option<Whereabouts> {
    let of = |asn, country| Some(Whereabouts { asn, country });
    if let Some(rest) = ip.strip_prefix("2001:db8:") {
        return if rest.starts_with("bad:") { of(64_504, "US") } else { of(64_500, "DE") };
    }
    let mut bytes = ip.split('.').map_while(|part| part.parse::<u8>().ok());
    match (bytes.next()?, bytes.next()?, bytes.next()?) {
        (10, ..) => None,
        (203, 0, 113) => of(64_501, "NL"),
        (198, 51, 100) => of(64_502, "BR"),
        (192, 0, 2) => of(64_503, "RO"),
        (198, 18, _) => of(64_497, "US"),
        (198, 19, 200) => of(64_499, "DE"),
        (198, 19, third @ 16..) => {
            let number = (third - 16) / 20;
            of(65_536 + u32::from(number), if number % 2 == 0 { "US" } else { "IE" })
        }
        (198, 19, _) => of(64_498, "DE"),
        (first, second, _) => {
            let has =
                |prefixes: &[(u8, u8); 3]| prefixes.iter().any(|(a, b)| *a == first && second / 2 == b / 2);
            let region = EC2.iter().position(has)?;
            of(16_509, ["IE", "DE", "US"][region])
        }
    }
}

/// How long ago the networks of this origin changed, in milliseconds; `None` for origins whose networks do not change at once.
pub(super) fn changed_ago(origin: Origin, home: &Home<'_>, time: EventTime) -> Option<i64> {
    match origin {
        Origin::Nat => Some(era(place(home), NAT_LIFE_DAYS, time).1),
        Origin::Supplier => Some(era(stable_hash(home.name) % SUPPLIERS * 29, SUPPLIER_LIFE_DAYS, time).1),
        _ => None,
    }
}

/// One of the three NAT gateways of an account and region, each in a zone of its own; now and then all three are replaced.
fn nat(home: &Home<'_>, time: EventTime, random: &mut Random) -> String {
    let place = place(home);
    let generation = era(place, NAT_LIFE_DAYS, time).0 as u64;
    let gateway = generation.wrapping_mul(3).wrapping_add(random.below(3));
    let own = stable_hash(&format!("{place} {gateway}"));
    let region = REGIONS.iter().position(|region| *region == home.region).unwrap_or(0);
    let (first, second) = EC2[region][(own % 3) as usize];
    format!("{first}.{second}.{}.{}", own / 3 % 128, 4 + own / 512 % 250)
}

fn place(home: &Home<'_>) -> u64 {
    stable_hash(home.account) ^ stable_hash(home.region)
}

/// How many times something that lives for `life_days` was replaced, and how long ago the last time was, in milliseconds.
fn era(place: u64, life_days: i64, time: EventTime) -> (i64, i64) {
    let phase = (place % life_days as u64) as i64 * DAY_MS;
    let age = time.millis() + phase;
    (age / (life_days * DAY_MS), age % (life_days * DAY_MS))
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
        assert!((2..=3).contains(&blocks(Origin::Nat)));
        assert_eq!(blocks(Origin::Supplier), 1);
        assert_eq!(blocks(Origin::DataCentre), 1);
        assert!(blocks(Origin::Runners) > 30);
    }

    #[test]
    fn addresses_are_where_a_database_would_say() {
        let mut random = Random::new(2, "net");
        let home = Home { name: "checkout", account: ACCOUNTS[0], region: REGIONS[1] };
        let nat = address(Origin::Nat, &home, EventTime::from_millis(0), &mut random);
        assert_eq!(whereabouts(&nat), Some(Whereabouts { asn: 16_509, country: "DE" }));
        let supplier = address(Origin::Supplier, &home, EventTime::from_millis(0), &mut random);
        assert!((65_536..65_542).contains(&whereabouts(&supplier).unwrap().asn));
        for none in ["10.1.2.3", "ec2.amazonaws.com", "", "999.1.1.1"] {
            assert_eq!(whereabouts(none), None, "{none}");
        }
        assert!((0..100).all(|_| whereabouts(&intruder(&mut random)).is_some()));
    }

    #[test]
    fn all_gateways_of_a_place_change_at_once() {
        let home = Home { name: "checkout", account: ACCOUNTS[0], region: REGIONS[0] };
        let ages = (0..NAT_LIFE_DAYS).filter_map(|day| {
            changed_ago(Origin::Nat, &home, EventTime::from_millis(20_000 * DAY_MS + day * DAY_MS))
        });
        assert_eq!(ages.filter(|age| *age < DAY_MS).count(), 1);
    }
}
