//! From where something was done.

use serde::{Deserialize, Serialize};

use crate::text::Text;

/// From where it was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin<'a> {
    /// Source address, in canonical text.
    #[serde(borrow)]
    pub ip: Option<Text<'a>>,
    /// The network it counts as: `203.0.113.0/24`, `2001:db8:1::/48`; `vpce-0a1b…` where it passed a VPC endpoint, with the
    /// account before it where that is another's (`444455556666/vpce-0a1b…`).
    #[serde(borrow)]
    pub network: Option<Text<'a>>,
    /// ISO 3166 country, where the log or a database knows it.
    #[serde(borrow)]
    pub country: Option<Text<'a>>,
    /// The provider service that the call came from (`cloudformation.amazonaws.com`), instead of an address.
    #[serde(borrow)]
    pub provider_service: Option<Text<'a>>,
    /// The VPC endpoint it passed.
    #[serde(borrow)]
    pub vpc_endpoint: Option<Text<'a>>,
    /// The autonomous system that announces the address, as `AS64500`, where the log or a database knows it.
    #[serde(borrow)]
    pub asn: Option<Text<'a>>,
    /// Who runs that system, where known.
    #[serde(borrow)]
    pub as_name: Option<Text<'a>>,
    /// The operator's list of networks that has the address.
    #[serde(borrow)]
    pub listed: Option<Listed<'a>>,
}

/// A list of networks that has an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed<'a> {
    /// What its networks are.
    pub class: NetworkClass,
    /// Its name.
    #[serde(borrow)]
    pub list: Text<'a>,
}

/// What kind of network the operator says it is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NetworkClass {
    /// The organisation's own: offices, gateways, VPN.
    Own,
    /// A supplier that works for the organisation.
    Vendor,
    /// Machines that anybody rents.
    Hosting,
    /// People's homes and phones.
    Residential,
    /// Open proxies and commercial VPN.
    Proxy,
    /// Exits of the Tor network.
    Tor,
}

impl NetworkClass {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Own, Self::Vendor, Self::Hosting, Self::Residential, Self::Proxy, Self::Tor];

    /// The name used in settings, records and baselines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Vendor => "vendor",
            Self::Hosting => "hosting",
            Self::Residential => "residential",
            Self::Proxy => "proxy",
            Self::Tor => "tor",
        }
    }

    /// Whether the operator answers for what comes from there.
    #[must_use]
    pub const fn is_trusted(self) -> bool {
        matches!(self, Self::Own | Self::Vendor)
    }

    /// What an address of it is, in a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Own => "an own network",
            Self::Vendor => "a vendor's network",
            Self::Hosting => "a hosting provider",
            Self::Residential => "a residential network",
            Self::Proxy => "an open proxy or VPN",
            Self::Tor => "a Tor exit",
        }
    }
}
