//! What kind of place an address belongs to: within the company, within the cloud provider, or elsewhere.
//!
//! The provider's ranges are `aws_networks.txt`, made by `scripts/aws_networks.py` from what AWS publishes. They change slowly;
//! an address that is missing counts as elsewhere, as every address does where nothing is known of it.

use std::net::IpAddr;
use std::sync::LazyLock;

use crate::activity::NetworkClass;
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

/// A new network, and what is known of it beside its address.
#[derive(Clone, Copy, Debug)]
pub struct Newcomer<'n> {
    /// The network.
    pub network: &'n str,
    /// What the operator's lists say that it is.
    pub class: Option<NetworkClass>,
    /// Its autonomous system (`AS64500`), where the identity is known to come from there.
    pub known_asn: Option<&'n str>,
}

/// A new network beside those that are known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Strangeness {
    /// What is left of its surprise, in bits.
    pub bits: f32,
    /// Whether everything known is private or within the provider, and this is neither, nor trusted by the operator.
    pub is_outside: bool,
}

/// What is left of a new network's surprise where it is of the same kind as those known: private, or of the same region of the
/// provider.
const SAME_PLACE_SHARE: f32 = 0.3;

/// What is left of it for a private network where there was none: a way in through the company's own.
const PRIVATE_SHARE: f32 = 0.6;

/// What is left of it for a network of the same /16 (IPv4) or /32 (IPv6) as one that is known.
const NEIGHBOUR_SHARE: f32 = 0.6;

/// What is left of it for a network of the same autonomous system as one that is known, unless anybody rents machines there.
/// No less than for a neighbour: a carrier's customers are as many as those of a /16.
const SAME_ASN_SHARE: f32 = 0.6;

/// What is left of it for one of the operator's own networks: as much as for another private one.
const OWN_SHARE: f32 = 0.3;

/// What is left of it for a vendor's network: the vendor's other customers come from there, too.
const VENDOR_SHARE: f32 = 0.5;

/// Autonomous systems in which anybody has an address within minutes: to be in the same one says nothing. From the public
/// registries (RIPE, ARIN, APNIC): Amazon, Microsoft, Google, Oracle, IBM, Alibaba, Tencent, DigitalOcean, OVH, Hetzner, Akamai
/// (Linode), Vultr, Scaleway, Contabo, Leaseweb, Cloudflare (WARP), M247, Datacamp.
const RENTED: [&str; 24] = [
    "AS14618", "AS16509", "AS8075", "AS15169", "AS396982", "AS31898", "AS36351", "AS37963", "AS45102",
    "AS45090", "AS132203", "AS14061", "AS16276", "AS24940", "AS213230", "AS63949", "AS20473", "AS12876",
    "AS51167", "AS60781", "AS13335", "AS9009", "AS60068", "AS212238",
];

impl Strangeness {
    /// How strange a network is, of which novelty alone says `bits`, beside the networks known. `never` is the surprise of what
    /// never happened to this identity: where all networks known are inside, so is leaving them, however often they change.
    #[must_use]
    pub fn of<'n>(
        new: Newcomer<'_>,
        (bits, never): (f32, f32),
        known: impl Iterator<Item = &'n str>,
    ) -> Self {
        let known: Vec<&str> = known.filter(|known| *known != new.network).collect();
        let places: Vec<Place> = known.iter().filter_map(|known| Place::of(known)).collect();
        let place = Place::of(new.network);
        let is_trusted = new.class.is_some_and(NetworkClass::is_trusted);
        let was_inside = !places.is_empty() && !places.contains(&Place::Elsewhere);
        let is_outside = place == Some(Place::Elsewhere) && was_inside && !is_trusted;
        let beside = bits * new.share_beside(place, &known, &places);
        Self { bits: if is_outside { beside.max(never) } else { beside }, is_outside }
    }
}

impl Newcomer<'_> {
    /// What is left of its surprise beside the networks known, of which these are the places.
    fn share_beside(self, place: Option<Place>, known: &[&str], places: &[Place]) -> f32 {
        match (self.class, place) {
            (Some(NetworkClass::Own), _) => OWN_SHARE,
            (_, Some(place)) if place != Place::Elsewhere && places.contains(&place) => SAME_PLACE_SHARE,
            (Some(NetworkClass::Vendor), _) => VENDOR_SHARE,
            (_, Some(Place::Private)) => PRIVATE_SHARE,
            // What is there to be rented, or hides who comes from it, has no neighbours.
            (Some(_), _) => 1.0,
            (None, Some(Place::Elsewhere))
                if known.iter().any(|known| are_neighbours(known, self.network)) =>
            {
                NEIGHBOUR_SHARE
            }
            (None, _) if self.known_asn.is_some_and(|asn| !RENTED.contains(&asn)) => SAME_ASN_SHARE,
            _ => 1.0,
        }
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

    /// How strange `new` is beside the networks known, where novelty alone says ten bits.
    fn check(new: Newcomer<'_>, known: &[&str], bits: f32, is_outside: bool) {
        let strangeness = Strangeness::of(new, (10.0, 12.0), known.iter().copied());
        assert_eq!(strangeness, Strangeness { bits, is_outside }, "{new:?} beside {known:?}");
    }

    const fn plain(network: &str) -> Newcomer<'_> {
        Newcomer { network, class: None, known_asn: None }
    }

    #[test]
    fn a_network_is_the_less_strange_the_more_it_is_like_those_known() {
        check(plain("203.0.113.0/24"), &["198.51.100.0/24"], 10.0, false);
        check(plain("203.0.114.0/24"), &["203.0.113.0/24"], 6.0, false);
        check(plain("10.1.2.0/24"), &["10.9.9.0/24"], 3.0, false);
        check(plain("3.250.10.0/24"), &["3.251.10.0/24"], 3.0, false);
        check(plain("18.193.0.0/24"), &["3.251.10.0/24"], 10.0, false);
        check(plain("203.0.113.0/24"), &["3.251.10.0/24", "10.0.0.0/24"], 12.0, true);
        check(plain("10.1.2.0/24"), &["203.0.113.0/24"], 6.0, false);
        check(plain("203.0.113.0/24"), &[], 10.0, false);
    }

    #[test]
    fn the_same_autonomous_system_says_something_unless_anybody_rents_there() {
        let of = |network, asn| Newcomer { network, class: None, known_asn: Some(asn) };
        check(of("203.0.113.0/24", "AS64500"), &["198.51.100.0/24"], 6.0, false);
        check(of("203.0.113.0/24", "AS24940"), &["198.51.100.0/24"], 10.0, false);
        check(of("18.193.0.0/24", "AS16509"), &["3.251.10.0/24"], 10.0, false);
        check(of("3.250.10.0/24", "AS16509"), &["3.251.10.0/24"], 3.0, false);
        check(of("203.0.114.0/24", "AS64500"), &["203.0.113.0/24"], 6.0, false);
    }

    #[test]
    fn what_the_operator_trusts_is_less_strange_and_what_hides_its_users_has_no_neighbours() {
        let of = |network, class| Newcomer { network, class: Some(class), known_asn: Some("AS64500") };
        let inside: &[&str] = &["3.251.10.0/24"];
        check(of("203.0.113.0/24", NetworkClass::Own), inside, 3.0, false);
        check(of("203.0.113.0/24", NetworkClass::Vendor), inside, 5.0, false);
        check(of("10.1.2.0/24", NetworkClass::Vendor), &["10.9.9.0/24"], 3.0, false);
        for class in
            [NetworkClass::Tor, NetworkClass::Proxy, NetworkClass::Hosting, NetworkClass::Residential]
        {
            check(of("203.0.113.0/24", class), inside, 12.0, true);
            check(of("203.0.113.0/24", class), &["203.0.114.0/24"], 10.0, false);
        }
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
