//! The operator's lists of networks.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::activity::NetworkClass;

use super::problem::Fault;
use super::ranges::Ranges;

/// Most prefixes of all lists together. Lists of Tor exits have some thousands, of hosting providers some tens of thousands, of
/// residential proxies some hundreds of thousands; a million takes up to 36 MB.
pub const MAX_PREFIXES: usize = 1_000_000;

/// Characters of a line that are told where it is not understood.
const SHOWN_CHARS: usize = 60;

/// One list, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// What its networks are.
    pub class: NetworkClass,
    /// Its name.
    pub name: String,
    /// Its networks.
    pub prefixes: Vec<IpNet>,
}

/// Named lists of networks, each of one class.
#[derive(Debug, Default)]
pub struct Lists {
    names: Vec<(NetworkClass, Box<str>)>,
    prefixes: usize,
    ranges: Ranges,
}

impl Lists {
    /// Lists in their order. An address is on the list that has its narrowest prefix; of equal ones, on
    /// the list that comes first.
    #[must_use]
    pub fn new(lists: Vec<List>) -> Self {
        let (mut names, mut prefixes) = (Vec::new(), Vec::new());
        for (place, list) in (0_u16..).zip(lists) {
            names.push((list.class, list.name.into()));
            prefixes.extend(list.prefixes.into_iter().map(|prefix| (prefix, place)));
        }
        Self { names, prefixes: prefixes.len(), ranges: Ranges::new(prefixes) }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// How many prefixes they have.
    #[must_use]
    pub const fn prefixes(&self) -> usize {
        self.prefixes
    }

    /// The place of the list that has an address.
    pub(super) fn find(&self, ip: IpAddr) -> Option<u16> {
        self.ranges.find(ip)
    }

    /// Class and name of the list at a place.
    pub(super) fn get(&self, place: u16) -> Option<(NetworkClass, &str)> {
        self.names.get(usize::from(place)).map(|(class, name)| (*class, &**name))
    }
}

/// The prefixes in the text of a list: one a line, as network or address; what follows a space, `#` or `;` is a comment.
///
/// # Errors
/// Where a line is neither, or there is no prefix or more than `most`.
pub fn parse(text: &str, most: usize) -> Result<Vec<IpNet>, Fault> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let word = line.split(['#', ';']).next().unwrap_or_default();
        let Some(word) = word.split_whitespace().next() else { continue };
        found.push(prefix(word).ok_or_else(|| no_network(index + 1, word))?);
        if found.len() > most {
            return Err(Fault::TooLarge { what: "networks in all lists", most: MAX_PREFIXES as u64 });
        }
    }
    if found.is_empty() { Err(Fault::Empty) } else { Ok(found) }
}

/// A network, or the one that holds only an address. Bits beyond its length are left out.
#[must_use]
pub fn prefix(text: &str) -> Option<IpNet> {
    let network = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    network.map(|network| network.trunc())
}

fn no_network(line: usize, text: &str) -> Fault {
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    Fault::NoNetwork { line, text: text.chars().take(SHOWN_CHARS).map(clean).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_addresses_are_read_and_comments_are_not() {
        let text = "# exits\n198.51.100.7\n\n 203.0.113.9/24 ; SBL1\n2001:db8::/32 # six\r\n2001:db8:1::1\n";
        let found = parse(text, 10).unwrap();
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["198.51.100.7/32", "203.0.113.0/24", "2001:db8::/32", "2001:db8:1::1/128"]);
    }

    #[test]
    fn what_is_no_list_is_named() {
        for (text, fault) in [
            ("", Fault::Empty),
            ("# only\n", Fault::Empty),
            ("192.0.2.0/24\nexit.example\n", Fault::NoNetwork { line: 2, text: "exit.example".into() }),
            ("192.0.2.0/33", Fault::NoNetwork { line: 1, text: "192.0.2.0/33".into() }),
            ("\u{1b}[2J", Fault::NoNetwork { line: 1, text: "\u{fffd}[2J".into() }),
            ("1.1.1.1\n2.2.2.2\n3.3.3.3", Fault::TooLarge { what: "networks in all lists", most: 1_000_000 }),
        ] {
            assert_eq!(parse(text, 2), Err(fault), "{text:?}");
        }
    }
}
