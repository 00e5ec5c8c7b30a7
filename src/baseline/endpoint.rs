//! How strange a VPC endpoint is beside the networks that an identity comes from.

use crate::normalize::endpoint::Endpoint;

use super::place::{Place, Strangeness};

/// What is left of a new endpoint's surprise where private networks are usual: one more service behind an endpoint, or one more
/// subnet. Each service has an endpoint of its own in each VPC, so that releases bring them.
const OWN_SHARE: f32 = 0.3;

/// What is left of it where none were: a way in through the company's own network.
const FIRST_SHARE: f32 = 0.6;

/// How strange an endpoint is, of which novelty alone says `bits`, beside the networks known. One of an account of which the
/// identity used none is as strange as any network: the log says whose it is, and it is not the company's as far as it knows.
#[must_use]
pub fn strangeness(endpoint: Endpoint<'_>, bits: f32, known: &[&str]) -> Strangeness {
    let is_other_private =
        |known: &&str| Endpoint::of(known) != Some(endpoint) && Place::of(known) == Some(Place::Private);
    let share = if is_of_strangers(endpoint, known) {
        1.0
    } else if known.iter().any(is_other_private) {
        OWN_SHARE
    } else {
        FIRST_SHARE
    };
    Strangeness { bits: bits * share, is_outside: false }
}

/// Whether an endpoint belongs to another account, of which none of the networks known is.
#[must_use]
pub fn is_of_strangers(endpoint: Endpoint<'_>, known: &[&str]) -> bool {
    let Some(account) = endpoint.foreign_account else { return false };
    let is_other = |other: &Endpoint<'_>| *other != endpoint && other.foreign_account == Some(account);
    !known.iter().any(|known| Endpoint::of(known).as_ref().is_some_and(is_other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_of_strangers_is_as_strange_as_any_network_and_one_more_of_the_usual_is_not() {
        let check = |network: &str, known: &[&str], bits: f32| {
            let endpoint = Endpoint::of(network).unwrap();
            let found = strangeness(endpoint, 10.0, known);
            assert_eq!(found, Strangeness { bits, is_outside: false }, "{network} beside {known:?}");
        };
        check("vpce-2", &["vpce-1"], 3.0);
        check("vpce-2", &["10.0.1.0/24"], 3.0);
        check("vpce-2", &["203.0.113.0/24"], 6.0);
        check("vpce-2", &["vpce-2"], 6.0);
        check("444455556666/vpce-2", &["vpce-1", "10.0.1.0/24"], 10.0);
        check("444455556666/vpce-2", &["444455556666/vpce-1"], 3.0);
        check("444455556666/vpce-2", &["999900001111/vpce-1"], 10.0);
    }
}
