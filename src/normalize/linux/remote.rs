//! Where a login came from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::activity::Origin;
use crate::text::Text;

/// The origin for a logged address; empty where it is a host name or `UNKNOWN`.
///
/// IPv4 networks count as /24 and IPv6 networks as /48: the sizes in which sites are handed out.
pub(super) fn origin(address: &str) -> Origin<'_> {
    let Some(ip) = parse(address) else { return Origin::default() };
    Origin { ip: Some(canonical(address, ip)), network: Some(network(ip).into()), ..Origin::default() }
}

/// The address, with `::ffff:192.0.2.1` as IPv4 and a zone (`%eth0`) left out.
pub(super) fn parse(address: &str) -> Option<IpAddr> {
    let bare = address.split_once('%').map_or(address, |(bare, _zone)| bare);
    bare.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

fn canonical(logged: &str, ip: IpAddr) -> Text<'_> {
    match ip {
        // Four decimal octets have one spelling, which Rust's parser insists on.
        IpAddr::V4(_) if !logged.contains(':') => logged.into(),
        _ => ip.to_string().into(),
    }
}

fn network(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => format!("{}/24", Ipv4Addr::from(u32::from(ip) & !0xff)),
        IpAddr::V6(ip) => format!("{}/48", Ipv6Addr::from(u128::from(ip) & !(u128::MAX >> 48))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_spelling_and_a_network() {
        let check = |logged: &str, ip: Option<&str>, network: Option<&str>| {
            let origin = origin(logged);
            assert_eq!((origin.ip.as_deref(), origin.network.as_deref()), (ip, network), "{logged}");
        };
        check("203.0.113.9", Some("203.0.113.9"), Some("203.0.113.0/24"));
        check("::ffff:203.0.113.9", Some("203.0.113.9"), Some("203.0.113.0/24"));
        check("2001:DB8:1:2::0001", Some("2001:db8:1:2::1"), Some("2001:db8:1::/48"));
        check("fe80::1%eth0", Some("fe80::1"), Some("fe80::/48"));
        check("UNKNOWN", None, None);
        check("203.0.113.009", None, None);
    }
}
