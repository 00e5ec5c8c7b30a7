//! Where a login came from.

use std::net::IpAddr;

use crate::activity::Origin;
use crate::normalize::origin;

/// The origin for a logged address; empty where it is a host name or `UNKNOWN`.
///
/// A host name is what the peer's own DNS says: it must not pass for a provider's service.
pub(super) fn origin(logged: &str) -> Origin<'_> {
    if is_address(logged) { origin::origin(&without_zone(logged).into()) } else { Origin::default() }
}

/// Whether this is an IP address, with or without a zone (`fe80::1%eth0`).
pub(super) fn is_address(logged: &str) -> bool {
    without_zone(logged).parse::<IpAddr>().is_ok()
}

fn without_zone(logged: &str) -> &str {
    logged.split('%').next().unwrap_or(logged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_are_origins() {
        let check = |logged: &str, ip: Option<&str>, network: Option<&str>| {
            let origin = origin(logged);
            assert_eq!((origin.ip.as_deref(), origin.network.as_deref()), (ip, network), "{logged}");
            assert_eq!(origin.provider_service, None, "{logged}");
        };
        check("203.0.113.9", Some("203.0.113.9"), Some("203.0.113.0/24"));
        check("2001:DB8:1:2::0001", Some("2001:db8:1:2::1"), Some("2001:db8:1::/48"));
        check("fe80::1%eth0", Some("fe80::1"), Some("fe80::/48"));
        check("UNKNOWN", None, None);
        check("evil.amazonaws.com", None, None);
        check("203.0.113.009", None, None);
    }
}
