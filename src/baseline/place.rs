//! What kind of place an address belongs to: within the company, within the cloud provider, or elsewhere.
//!
//! The provider's ranges are `aws_networks.txt`, made by `scripts/aws_networks.py` from what AWS publishes. They change slowly;
//! an address that is missing counts as elsewhere, as every address does where nothing is known of it.

use std::net::IpAddr;
use std::sync::LazyLock;

use crate::normalize::endpoint::Endpoint;

/// What kind of place an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A private network: RFC 1918, shared space (RFC 6598), unique local (RFC 4193), loopback, link-local.
    Private,
    /// Workloads in this region of AWS.
    Aws(&'static str),
    /// Anywhere else.
    Elsewhere,
}

impl Place {
    /// The place of an address, or of a network by its first address (`203.0.113.0/24`) or as a VPC endpoint; `None` where it
    /// is none of these.
    ///
    /// ```
    /// use nhi_monitor::baseline::place::Place;
    ///
    /// assert_eq!(Place::of("10.2.3.4"), Some(Place::Private));
    /// assert_eq!(Place::of("203.0.113.0/24"), Some(Place::Elsewhere));
    /// assert_eq!(Place::of("cloudformation.amazonaws.com"), None);
    /// ```
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let address = text.split_once('/').map_or(text, |(address, _)| address);
        let Ok(address) = address.parse::<IpAddr>() else {
            return Endpoint::of(text).map(|_| Self::Private);
        };
        let address = address.to_canonical();
        if is_private(address) {
            return Some(Self::Private);
        }
        Some(region(address).map_or(Self::Elsewhere, Self::Aws))
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => {
            let is_shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xC0 == 64;
            ip.is_private() || is_shared || ip.is_loopback() || ip.is_link_local()
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local(),
    }
}

/// One range of addresses, both ends included; IPv4 as IPv4-mapped IPv6.
struct Range {
    first: u128,
    last: u128,
    region: &'static str,
}

/// The region that an address of a workload in AWS belongs to.
fn region(address: IpAddr) -> Option<&'static str> {
    static RANGES: LazyLock<Vec<Range>> = LazyLock::new(|| parse(include_str!("aws_networks.txt")));
    let number = number(address);
    let behind = RANGES.partition_point(|range| range.first <= number);
    let range = RANGES.get(behind.checked_sub(1)?)?;
    (number <= range.last).then_some(range.region)
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// The table is part of the program: a test shows that every range in it can be read.
fn parse(text: &'static str) -> Vec<Range> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut ranges: Vec<Range> = lines.flat_map(parse_line).collect();
    ranges.sort_unstable_by_key(|range| range.first);
    ranges
}

fn parse_line(line: &'static str) -> impl Iterator<Item = Range> {
    let mut words = line.split(' ');
    let region = words.next().unwrap_or_default();
    words.filter_map(move |word| parse_range(word, region))
}

fn parse_range(text: &str, region: &'static str) -> Option<Range> {
    let (address, bits) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let width: u32 = if address.is_ipv4() { 32 } else { 128 };
    let free = width.checked_sub(bits.parse().ok()?)?;
    let first = number(address);
    let last = first | 1_u128.checked_shl(free).map_or(u128::MAX, |size| size - 1);
    Some(Range { first, last, region })
}

/// A new network beside those that are known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Strangeness {
    /// What is left of its surprise, in bits.
    pub bits: f32,
    /// Whether everything known is private or within the provider, and this is not.
    pub is_outside: bool,
}

/// What is left of a new network's surprise where it is of the same kind as those known: private, or of the same region of the
/// provider.
const SAME_PLACE_SHARE: f32 = 0.3;

/// What is left of it for a private network where there was none: a way in through the company's own.
const PRIVATE_SHARE: f32 = 0.6;

/// What is left of it for a network of the same /16 (IPv4) or /32 (IPv6) as one that is known.
const NEIGHBOUR_SHARE: f32 = 0.6;

impl Strangeness {
    /// How strange `network` is, of which novelty alone says `bits`, beside the networks known.
    #[must_use]
    pub fn of<'n>(network: &str, bits: f32, known: impl Iterator<Item = &'n str>) -> Self {
        let known: Vec<&str> = known.filter(|known| *known != network).collect();
        let places: Vec<Place> = known.iter().filter_map(|known| Place::of(known)).collect();
        let place = Place::of(network);
        let share = match place {
            Some(Place::Elsewhere) if known.iter().any(|known| are_neighbours(known, network)) => {
                NEIGHBOUR_SHARE
            }
            Some(place) if place != Place::Elsewhere && places.contains(&place) => SAME_PLACE_SHARE,
            Some(Place::Private) => PRIVATE_SHARE,
            _ => 1.0,
        };
        let was_inside = !places.is_empty() && !places.contains(&Place::Elsewhere);
        Self { bits: bits * share, is_outside: place == Some(Place::Elsewhere) && was_inside }
    }
}

/// Whether two networks are of the same /16 (IPv4) or /32 (IPv6).
pub(super) fn are_neighbours(a: &str, b: &str) -> bool {
    let separator = if a.contains(':') { ':' } else { '.' };
    a.contains(separator) && a.split(separator).take(2).eq(b.split(separator).take(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_within() {
        for text in [
            "10.0.0.1",
            "172.31.0.0/24",
            "192.168.1.1",
            "100.64.0.1",
            "fd00::1",
            "127.0.0.1",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(Place::of(text), Some(Place::Private), "{text}");
        }
    }

    #[test]
    fn workloads_of_the_provider_have_a_region() {
        // 3.248.0.0/13 is in AWS' list of eu-west-1, 18.192.0.0/13 in that of eu-central-1.
        assert_eq!(Place::of("3.250.10.20"), Some(Place::Aws("eu-west-1")));
        assert_eq!(Place::of("18.193.0.0/24"), Some(Place::Aws("eu-central-1")));
        for text in ["203.0.113.5", "192.0.2.0/24", "2001:db8::1", "172.32.0.1", "100.128.0.1"] {
            assert_eq!(Place::of(text), Some(Place::Elsewhere), "{text}");
        }
        assert_eq!((Place::of("AWS Internal"), Place::of("")), (None, None));
    }

    #[test]
    fn a_network_is_the_less_strange_the_more_it_is_like_those_known() {
        let check = |network: &str, known: &[&str], bits: f32, is_outside: bool| {
            let strangeness = Strangeness::of(network, 10.0, known.iter().copied());
            assert_eq!(strangeness, Strangeness { bits, is_outside }, "{network} beside {known:?}");
        };
        check("203.0.113.0/24", &["198.51.100.0/24"], 10.0, false);
        check("203.0.114.0/24", &["203.0.113.0/24"], 6.0, false);
        check("10.1.2.0/24", &["10.9.9.0/24"], 3.0, false);
        check("3.250.10.0/24", &["3.251.10.0/24"], 3.0, false);
        check("18.193.0.0/24", &["3.251.10.0/24"], 10.0, false);
        check("203.0.113.0/24", &["3.251.10.0/24", "10.0.0.0/24"], 10.0, true);
        check("10.1.2.0/24", &["203.0.113.0/24"], 6.0, false);
        check("203.0.113.0/24", &[], 10.0, false);
    }

    #[test]
    fn every_range_of_the_table_is_read_and_none_lies_across_another() {
        let text = include_str!("aws_networks.txt");
        let written: usize =
            text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(' ').count() - 1).sum();
        let ranges = parse(text);
        assert_eq!(ranges.len(), written);
        for pair in ranges.windows(2) {
            assert!(pair[0].last < pair[1].first || pair[1].last <= pair[0].last, "{}", pair[0].region);
        }
    }
}
