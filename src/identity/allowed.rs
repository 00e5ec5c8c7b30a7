//! What the inventory allows an identity to do, held against what it does.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Declared;
use crate::activity::{Event, Origin};

/// A network that an identity is meant to come from; as text `203.0.113.0/24`, `2001:db8::7`, `AS64500` or `DE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum AllowedNetwork {
    /// Addresses of either version; one alone is the prefix that holds only it.
    Prefix(IpNet),
    /// An autonomous system.
    System(u32),
    /// An ISO 3166 country.
    Country([u8; 2]),
}

/// Text that names no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a network; write 203.0.113.0/24, 2001:db8::/32, an address, AS64500 or a country such as DE")]
pub struct NotANetwork;

impl AllowedNetwork {
    /// Whether an address is of it; `None` where nothing tells its autonomous system or country.
    fn admits(self, ip: IpAddr, origin: &Origin<'_>) -> Option<bool> {
        match self {
            Self::Prefix(prefix) => Some(prefix.contains(&ip)),
            Self::System(number) => origin.asn.as_deref().map(|asn| system(asn) == Some(number)),
            Self::Country(code) => {
                let country = origin.country.as_deref();
                country.map(|country| country.as_bytes().eq_ignore_ascii_case(&code))
            }
        }
    }
}

impl TryFrom<String> for AllowedNetwork {
    type Error = NotANetwork;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if let Some(number) = system(&text) {
            return Ok(Self::System(number));
        }
        if let [a, b] = *text.as_bytes()
            && a.is_ascii_alphabetic()
            && b.is_ascii_alphabetic()
        {
            return Ok(Self::Country([a.to_ascii_uppercase(), b.to_ascii_uppercase()]));
        }
        let prefix = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        prefix.map(Self::Prefix).map_err(|_| NotANetwork)
    }
}

impl fmt::Display for AllowedNetwork {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(prefix) => prefix.fmt(out),
            Self::System(number) => write!(out, "AS{number}"),
            Self::Country([a, b]) => write!(out, "{}{}", char::from(*a), char::from(*b)),
        }
    }
}

impl From<AllowedNetwork> for String {
    fn from(network: AllowedNetwork) -> Self {
        network.to_string()
    }
}

/// The number in `AS64500`, whatever its case.
fn system(text: &str) -> Option<u32> {
    let (prefix, digits) = text.split_at_checked(2)?;
    let is_system = prefix.eq_ignore_ascii_case("AS") && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_system.then(|| digits.parse().ok()).flatten()
}

/// A service as the inventory names it, in the form in which logs are read: `s3` for `S3` or `s3.amazonaws.com`.
#[must_use]
pub fn service(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    name.strip_suffix(".amazonaws.com").map_or_else(|| name.clone(), str::to_owned)
}

impl Declared {
    /// Whether an event uses a service that is not allowed. What a provider's service does on somebody's behalf follows from the
    /// call to that service, which is judged.
    #[must_use]
    pub fn forbids_service(&self, event: &Event<'_>) -> bool {
        let is_allowed = |allowed: &String| allowed.eq_ignore_ascii_case(&event.service);
        !self.allowed_services.is_empty()
            && event.via_service.is_none()
            && !self.allowed_services.iter().any(is_allowed)
    }

    /// Whether an event is at a time at which the identity is not meant to work. What a provider's service does on its behalf is not
    /// asked, as above.
    #[must_use]
    pub fn forbids_time(&self, event: &Event<'_>) -> bool {
        let schedule = self.allowed_schedule.as_deref();
        event.via_service.is_none() && schedule.is_some_and(|schedule| !schedule.admits(event.time))
    }

    /// Whether an origin is known to be in none of the allowed networks. The host itself is everywhere at home.
    #[must_use]
    pub fn forbids_origin(&self, origin: &Origin<'_>) -> bool {
        if self.allowed_networks.is_empty() {
            return false;
        }
        let Some(ip) = origin.ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok()) else { return false };
        let ip = ip.to_canonical();
        let is_outside = |network: &AllowedNetwork| network.admits(ip, origin) == Some(false);
        !ip.is_loopback() && self.allowed_networks.iter().all(is_outside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Text;

    fn network(text: &str) -> AllowedNetwork {
        AllowedNetwork::try_from(text.to_owned()).unwrap()
    }

    fn forbids(allowed: &[&str], ip: &str, asn: Option<&str>, country: Option<&str>) -> bool {
        let allowed_networks = allowed.iter().map(|text| network(text)).collect();
        let declared = Declared { allowed_networks, ..Declared::default() };
        let text = |text: &str| Text::from(text.to_owned());
        let origin = Origin {
            ip: Some(text(ip)),
            asn: asn.map(text),
            country: country.map(text),
            ..Origin::default()
        };
        declared.forbids_origin(&origin)
    }

    #[test]
    fn networks_are_read_in_every_form_and_nothing_else_is() {
        for (text, shown) in [
            ("203.0.113.0/24", "203.0.113.0/24"),
            ("203.0.113.7", "203.0.113.7/32"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("as64500", "AS64500"),
            ("de", "DE"),
            ("AS", "AS"),
        ] {
            assert_eq!(network(text).to_string(), shown, "{text}");
            assert_eq!(network(&network(text).to_string()), network(text), "{text} comes back as it was");
        }
        for text in ["", "office", "203.0.113.0/33", "AS", "ASx", "AS99999999999", "D1", "é", "a🦀"] {
            let found = AllowedNetwork::try_from(text.to_owned());
            assert_eq!(found.is_err(), text != "AS", "{text}");
        }
    }

    #[test]
    fn an_origin_is_forbidden_only_where_it_is_known_to_be_elsewhere() {
        let prefixes = ["192.0.2.0/24", "2001:db8::/32"];
        assert!(!forbids(&prefixes, "192.0.2.255", None, None));
        assert!(forbids(&prefixes, "192.0.3.0", None, None), "the first address behind it");
        assert!(!forbids(&prefixes, "::ffff:192.0.2.9", None, None));
        assert!(!forbids(&prefixes, "2001:db8:ffff::1", None, None));
        assert!(forbids(&prefixes, "2001:db9::1", None, None));
        assert!(!forbids(&prefixes, "127.0.0.1", None, None));
        assert!(!forbids(&prefixes, "ec2.amazonaws.com", None, None));
        assert!(!forbids(&[], "198.51.100.7", None, None));
        let named = ["AS64500", "DE"];
        assert!(!forbids(&named, "198.51.100.7", Some("AS64500"), Some("FR")));
        assert!(!forbids(&named, "198.51.100.7", Some("AS64501"), Some("DE")));
        assert!(forbids(&named, "198.51.100.7", Some("AS64501"), Some("FR")));
        assert!(!forbids(&named, "198.51.100.7", Some("AS64501"), None), "the country is not known");
    }

    #[test]
    fn services_are_named_as_logs_name_them() {
        assert_eq!((service("S3").as_str(), service("sts.amazonaws.com").as_str()), ("s3", "sts"));
        assert_eq!(service("sshd"), "sshd");
    }
}
