//! Addresses: canonical text, and the network that an address counts as.

use std::net::{IpAddr, Ipv6Addr};

use crate::activity::Origin;
use crate::text::Text;

/// Where a source address points to: an IP address with its network, or a provider's service.
///
/// IPv4 counts as its /24, IPv6 as its /48 (what one site is usually given, RFC 6177); private ranges the
/// same way. What is neither an address nor a service name is left out.
#[must_use]
pub fn origin<'a>(source: &Text<'a>) -> Origin<'a> {
    match source.parse::<IpAddr>() {
        Ok(ip) => address(source, ip.to_canonical()),
        Err(_) if is_service(source) => {
            Origin { provider_service: Some(source.clone()), ..Origin::default() }
        }
        Err(_) => Origin::default(),
    }
}

/// Whether a name is that of an AWS service (`cloudformation.amazonaws.com`) or of AWS as a whole.
#[must_use]
pub fn is_service(name: &str) -> bool {
    name.ends_with(".amazonaws.com") || name.ends_with(".amazonaws.com.cn") || name == "AWS Internal"
}

fn address<'a>(source: &Text<'a>, ip: IpAddr) -> Origin<'a> {
    let ip_text = canonical(source, ip);
    let network = match ip {
        IpAddr::V4(_) => network_v4(&ip_text),
        IpAddr::V6(ip) => network_v6(ip),
    };
    Origin { ip: Some(ip_text), network: Some(network.into()), ..Origin::default() }
}

fn canonical<'a>(source: &Text<'a>, ip: IpAddr) -> Text<'a> {
    // An IPv4 address has one accepted spelling only.
    if ip.is_ipv4() && !source.contains(':') {
        return source.clone();
    }
    let text = ip.to_string();
    if *source == *text { source.clone() } else { text.into() }
}

fn network_v4(canonical: &str) -> String {
    let last_octet = canonical.rfind('.').map_or(0, |dot| dot + 1);
    [&canonical[..last_octet], "0/24"].concat()
}

fn network_v6(ip: Ipv6Addr) -> String {
    let [a, b, c, ..] = ip.segments();
    format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, ip: Option<&str>, network: Option<&str>, service: Option<&str>) {
        let text = Text::from(source);
        let found = origin(&text);
        assert_eq!(found.ip.as_deref(), ip, "{source}");
        assert_eq!(found.network.as_deref(), network, "{source}");
        assert_eq!(found.provider_service.as_deref(), service, "{source}");
    }

    #[test]
    fn addresses_are_canonical_and_have_a_network() {
        check("203.0.113.77", Some("203.0.113.77"), Some("203.0.113.0/24"), None);
        check("10.1.2.3", Some("10.1.2.3"), Some("10.1.2.0/24"), None);
        check("::ffff:203.0.113.7", Some("203.0.113.7"), Some("203.0.113.0/24"), None);
        check("2001:DB8:1:2:0:0:0:5", Some("2001:db8:1:2::5"), Some("2001:db8:1::/48"), None);
        check("2001:db8::1", Some("2001:db8::1"), Some("2001:db8::/48"), None);
    }

    #[test]
    fn services_are_no_addresses_and_the_rest_is_left_out() {
        check("cloudformation.amazonaws.com", None, None, Some("cloudformation.amazonaws.com"));
        check("AWS Internal", None, None, Some("AWS Internal"));
        for odd in
            ["", "redacted", "203.0.113.256", "203.0.113.007", "2001:db8::1%eth0", "amazonaws.com.evil.test"]
        {
            check(odd, None, None, None);
        }
    }
}
