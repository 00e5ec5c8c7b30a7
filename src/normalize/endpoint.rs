//! VPC endpoints as networks.
//!
//! The source address of a call through a VPC endpoint is one of the VPC's, which whoever owns it chooses: `10.0.1.7` behind a
//! thief's endpoint looks like the victim's own. The endpoint is named by AWS, and so is the account that it belongs to
//! (`vpcEndpointAccountId`, CloudTrail 1.09).

use crate::text::Text;

/// A network that is a VPC endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint<'a> {
    /// The account that it belongs to, where that is known to be neither the caller's nor the one called.
    pub foreign_account: Option<&'a str>,
    /// `vpce-0a1b2c3d4e5f60718`.
    pub id: &'a str,
}

impl<'a> Endpoint<'a> {
    /// The endpoint that a network stands for; `None` where it is none.
    ///
    /// ```
    /// use nhi_monitor::normalize::endpoint::Endpoint;
    ///
    /// let of_others = Endpoint::of("444455556666/vpce-0a1b").unwrap();
    /// assert_eq!((of_others.foreign_account, of_others.id), (Some("444455556666"), "vpce-0a1b"));
    /// assert_eq!(Endpoint::of("10.0.1.0/24"), None);
    /// ```
    #[must_use]
    pub fn of(network: &'a str) -> Option<Self> {
        let (foreign_account, id) = match network.split_once('/') {
            Some((account, id)) => (Some(account), id),
            None => (None, network),
        };
        id.starts_with(PREFIX).then_some(Self { foreign_account, id })
    }
}

/// What the ids of VPC endpoints begin with.
const PREFIX: &str = "vpce-";

/// The network that an endpoint counts as; `None` where the text is no endpoint's id.
#[must_use]
pub fn network<'a>(id: &Text<'a>, foreign_account: Option<&str>) -> Option<Text<'a>> {
    let is_id = id.starts_with(PREFIX) && !id.contains('/');
    is_id.then(|| match foreign_account {
        Some(account) => [account, "/", id.as_str()].concat().into(),
        None => id.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let id = Text::from("vpce-0a1b");
        for account in [None, Some("444455556666")] {
            let network = network(&id, account).unwrap();
            assert_eq!(Endpoint::of(&network), Some(Endpoint { foreign_account: account, id: "vpce-0a1b" }));
        }
    }

    #[test]
    fn what_is_no_endpoint_is_no_network_of_one() {
        for odd in ["", "eni-0a1b", "10.0.0.0/24", "a/vpce-0a1b"] {
            assert_eq!(network(&Text::from(odd), None), None, "{odd}");
        }
        for odd in ["", "10.0.0.0/24", "AS64500", "cloudformation.amazonaws.com"] {
            assert_eq!(Endpoint::of(odd), None, "{odd}");
        }
    }
}
