//! What was looked up lately, bounded.

use std::net::IpAddr;

use xxhash_rust::xxh3::xxh3_64;

/// Addresses remembered. A fleet's calls come from some hundred gateways and machines; with 4,096 places few of them share
/// one. Full of long names, that is half a megabyte for each worker.
const PLACES: usize = 4_096;

/// What was found of an address.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) asn: Option<Box<str>>,
    pub(super) as_name: Option<Box<str>>,
    pub(super) country: Option<Box<str>>,
    /// Place of the list that has it.
    pub(super) list: Option<u16>,
}

/// Each address has one place, in which the newest stays.
#[derive(Default)]
pub(super) struct Cache {
    places: Vec<Option<(IpAddr, Known)>>,
}

impl Cache {
    /// What is known of an address, which is looked up where it is not remembered.
    pub(super) fn get(&mut self, ip: IpAddr, look_up: impl FnOnce() -> Known) -> &Known {
        if self.places.is_empty() {
            self.places.resize_with(PLACES, || None);
        }
        let place = &mut self.places[place(ip)];
        let is_other = place.as_ref().is_none_or(|(known, _)| *known != ip);
        if is_other {
            *place = None;
        }
        &place.get_or_insert_with(|| (ip, look_up())).1
    }
}

fn place(ip: IpAddr) -> usize {
    let hash = match ip {
        IpAddr::V4(ip) => xxh3_64(&ip.octets()),
        IpAddr::V6(ip) => xxh3_64(&ip.octets()),
    };
    hash as usize % PLACES
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn an_address_is_looked_up_once_while_it_is_remembered_and_never_taken_for_another() {
        let (mut cache, looked_up) = (Cache::default(), Cell::new(0));
        let mut of = |ip: IpAddr| {
            let known = cache.get(ip, || {
                looked_up.set(looked_up.get() + 1);
                Known { asn: Some(ip.to_string().into()), ..Known::default() }
            });
            assert_eq!(known.asn.as_deref(), Some(&*ip.to_string()));
        };
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        of(one);
        of(one);
        assert_eq!(looked_up.get(), 1);
        // Far more than there are places, so that many share one.
        for number in 0..5 * PLACES as u32 {
            of(IpAddr::from(number.to_be_bytes()));
        }
        assert_eq!(looked_up.get(), 1 + 5 * PLACES);
        assert_eq!(cache.places.len(), PLACES);
    }
}
