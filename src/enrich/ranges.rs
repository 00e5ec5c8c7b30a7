//! Which of many nested ranges of addresses an address is in: the narrowest.

use std::net::IpAddr;

use ipnet::IpNet;

/// The places of lists by ranges of addresses. IPv4 counts as IPv4-mapped IPv6.
///
/// Prefixes lie within one another or apart, so that they can be laid flat: each address belongs to the piece that begins
/// last before it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Ranges {
    /// First address of each piece, in order.
    starts: Vec<u128>,
    /// The list that each piece belongs to; [`NOBODY`] where it is on none.
    owners: Vec<u16>,
}

/// Stands for no list.
const NOBODY: u16 = u16::MAX;

impl Ranges {
    /// Lays prefixes flat. Of equal ones, that of the list with the lower place counts.
    pub(super) fn new(mut prefixes: Vec<(IpNet, u16)>) -> Self {
        // The wider before what lies within it; of equals, the one that counts last.
        prefixes.sort_unstable_by_key(|(prefix, owner)| (first(prefix), !last(prefix), !owner));
        let mut ranges = Self::default();
        let mut around: Vec<(u128, u16)> = Vec::new();
        for (prefix, owner) in prefixes {
            let (first, last) = (first(&prefix), last(&prefix));
            ranges.close(&mut around, Some(first));
            ranges.begin(first, owner);
            around.push((last, owner));
        }
        ranges.close(&mut around, None);
        ranges.starts.shrink_to_fit();
        ranges.owners.shrink_to_fit();
        ranges
    }

    /// The list that an address belongs to.
    pub(super) fn find(&self, ip: IpAddr) -> Option<u16> {
        let number = number(ip);
        let behind = self.starts.partition_point(|start| *start <= number);
        let owner = *self.owners.get(behind.checked_sub(1)?)?;
        (owner != NOBODY).then_some(owner)
    }

    /// Ends those of the prefixes `around` that end before `until`: what follows belongs to the one around them.
    fn close(&mut self, around: &mut Vec<(u128, u16)>, until: Option<u128>) {
        while let Some((last, _)) = around.pop_if(|(last, _)| until.is_none_or(|until| *last < until)) {
            let Some(next) = last.checked_add(1) else { continue };
            self.begin(next, around.last().map_or(NOBODY, |(_, owner)| *owner));
        }
    }

    fn begin(&mut self, start: u128, owner: u16) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.owners.pop();
        }
        if self.owners.last() != Some(&owner) {
            self.starts.push(start);
            self.owners.push(owner);
        }
    }
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

fn first(prefix: &IpNet) -> u128 {
    number(prefix.network())
}

fn last(prefix: &IpNet) -> u128 {
    number(prefix.broadcast())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranges(prefixes: &[(&str, u16)]) -> Ranges {
        Ranges::new(prefixes.iter().map(|(prefix, owner)| (prefix.parse().unwrap(), *owner)).collect())
    }

    #[test]
    fn the_narrowest_prefix_counts_and_what_is_around_goes_on_behind_it() {
        let ranges = ranges(&[
            ("198.51.100.0/24", 0),
            ("198.51.100.64/26", 1),
            ("198.51.100.65/32", 2),
            ("0.0.0.0/0", 3),
            ("2001:db8::/32", 4),
            ("203.0.113.0/24", 6),
            ("203.0.113.0/24", 5),
        ]);
        for (ip, owner) in [
            ("198.51.100.1", Some(0)),
            ("198.51.100.64", Some(1)),
            ("198.51.100.65", Some(2)),
            ("198.51.100.66", Some(1)),
            ("198.51.100.128", Some(0)),
            ("198.51.101.0", Some(3)),
            ("255.255.255.255", Some(3)),
            ("203.0.113.9", Some(5)),
            ("2001:db8::1", Some(4)),
            ("2001:db9::", None),
            ("::1", None),
        ] {
            assert_eq!(ranges.find(ip.parse().unwrap()), owner, "{ip}");
        }
    }

    #[test]
    fn everything_may_be_one_range() {
        let all = ranges(&[("::/0", 0)]);
        for ip in ["::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "192.0.2.1"] {
            assert_eq!(all.find(ip.parse().unwrap()), Some(0), "{ip}");
        }
        assert_eq!(Ranges::default().find("192.0.2.1".parse().unwrap()), None);
    }

    proptest! {
        /// Beside a search through all prefixes, within a space so small that they meet.
        #[test]
        fn what_is_found_is_what_a_search_through_all_finds(
            prefixes in prop::collection::vec((any::<u8>(), 24_u8..=32, 0_u16..4), 0..40),
            ip in any::<u8>(),
        ) {
            let prefixes: Vec<(IpNet, u16)> = prefixes
                .into_iter()
                .map(|(byte, bits, owner)| (format!("192.0.2.{byte}/{bits}").parse::<IpNet>().unwrap().trunc(), owner))
                .collect();
            let ip = IpAddr::from([192, 0, 2, ip]);
            let fitting = prefixes.iter().filter(|(prefix, _)| prefix.contains(&ip));
            let expected = fitting.max_by_key(|(prefix, owner)| (prefix.prefix_len(), !owner)).map(|(_, owner)| *owner);
            prop_assert_eq!(Ranges::new(prefixes.clone()).find(ip), expected);
        }
    }
}
