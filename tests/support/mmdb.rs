//! Writes databases of addresses in MaxMind's format, for tests: <https://maxmind.github.io/MaxMind-DB/>.
//!
//! Used by tests of the whole program and by unit tests, and therefore on nothing but the standard library.

use std::net::{IpAddr, Ipv6Addr};

/// A value of a record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(&'static str),
    Number(u32),
    Map(Vec<(&'static str, Value)>),
}

/// A database on its way to bytes.
#[derive(Clone, Debug)]
pub(crate) struct Mmdb {
    /// `GeoLite2-ASN`, as the database says of itself.
    pub(crate) kind: &'static str,
    /// Bits of a record of the tree: 24, 28 or 32.
    pub(crate) record_bits: u16,
    /// Seconds since 1970.
    pub(crate) built: u64,
    /// Networks in CIDR notation with their records; a narrower one comes after what is around it.
    pub(crate) networks: Vec<(&'static str, Value)>,
}

/// A database of autonomous systems as MaxMind lays it out.
pub(crate) fn systems(networks: &[(&'static str, u32, &'static str)]) -> Mmdb {
    let record = |number, name| {
        Value::Map(vec![
            ("autonomous_system_number", Value::Number(number)),
            ("autonomous_system_organization", Value::Text(name)),
        ])
    };
    let networks =
        networks.iter().map(|(network, number, name)| (*network, record(*number, *name))).collect();
    Mmdb { kind: "GeoLite2-ASN", record_bits: 24, built: 1_767_225_600, networks }
}

/// A database of countries as MaxMind lays it out.
pub(crate) fn countries(networks: &[(&'static str, &'static str)]) -> Mmdb {
    let names = || Value::Map(vec![("en", Value::Text("a country"))]);
    let country = |code| Value::Map(vec![("iso_code", Value::Text(code)), ("names", names())]);
    let record = |code| Value::Map(vec![("country", country(code)), ("registered_country", country("US"))]);
    let networks = networks.iter().map(|(network, code)| (*network, record(*code))).collect();
    Mmdb { kind: "GeoLite2-Country", record_bits: 28, built: 1_767_225_600, networks }
}

#[derive(Clone, Copy, PartialEq)]
enum Record {
    Empty,
    Node(usize),
    /// Offset within the data.
    Data(usize),
}

/// Zero bytes between the tree and the data.
const SEPARATOR_BYTES: usize = 16;

impl Mmdb {
    /// The file's bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (mut nodes, mut data) = (vec![[Record::Empty; 2]], Vec::new());
        for (network, value) in &self.networks {
            let offset = data.len();
            put(&mut data, value);
            insert(&mut nodes, network, Record::Data(offset));
        }
        let mut bytes: Vec<u8> = nodes.iter().flat_map(|node| self.node(*node, nodes.len())).collect();
        bytes.extend([0; SEPARATOR_BYTES]);
        bytes.extend(data);
        self.put_metadata(&mut bytes, nodes.len());
        bytes
    }

    fn node(&self, [left, right]: [Record; 2], nodes: usize) -> Vec<u8> {
        let number = |record| match record {
            Record::Empty => nodes,
            Record::Node(node) => node,
            Record::Data(offset) => nodes + SEPARATOR_BYTES + offset,
        } as u32;
        let (left, right) = (number(left).to_be_bytes(), number(right).to_be_bytes());
        match self.record_bits {
            24 => [&left[1..], &right[1..]].concat(),
            28 => [&left[1..], &[left[0] << 4 | right[0]], &right[1..]].concat(),
            _ => [left, right].concat(),
        }
    }

    fn put_metadata(&self, bytes: &mut Vec<u8>, nodes: usize) {
        bytes.extend(b"\xab\xcd\xefMaxMind.com");
        bytes.push(7 << 5 | 9);
        for (key, number) in [
            ("binary_format_major_version", 2),
            ("binary_format_minor_version", 0),
            ("ip_version", 6),
            ("record_size", self.record_bits),
        ] {
            put_text(bytes, key);
            bytes.push(5 << 5 | 2);
            bytes.extend(number.to_be_bytes());
        }
        put_text(bytes, "node_count");
        put(bytes, &Value::Number(nodes as u32));
        put_text(bytes, "database_type");
        put_text(bytes, self.kind);
        put_text(bytes, "description");
        put(bytes, &Value::Map(vec![("en", Value::Text("made for a test"))]));
        put_text(bytes, "build_epoch");
        bytes.extend([8, 9 - 7]);
        bytes.extend(self.built.to_be_bytes());
        put_text(bytes, "languages");
        bytes.extend([1, 11 - 7]);
        put_text(bytes, "en");
    }
}

fn insert(nodes: &mut Vec<[Record; 2]>, network: &str, record: Record) {
    let (address, length) = network.split_once('/').unwrap();
    let (bits, length) = match address.parse().unwrap() {
        IpAddr::V4(ip) => (u128::from(u32::from(ip)), length.parse::<usize>().unwrap() + 96),
        IpAddr::V6(ip) => (Ipv6Addr::to_bits(ip), length.parse().unwrap()),
    };
    let side = |depth: usize| (bits >> (127 - depth) & 1) as usize;
    let mut node = 0;
    for depth in 0..length - 1 {
        node = match nodes[node][side(depth)] {
            Record::Node(next) => next,
            // What is around it goes on beside it.
            other => {
                nodes.push([other; 2]);
                let next = nodes.len() - 1;
                nodes[node][side(depth)] = Record::Node(next);
                next
            }
        };
    }
    nodes[node][side(length - 1)] = record;
}

fn put(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Text(text) => put_text(bytes, text),
        Value::Number(number) => {
            bytes.push(6 << 5 | 4);
            bytes.extend(number.to_be_bytes());
        }
        Value::Map(entries) => {
            bytes.push(7 << 5 | entries.len() as u8);
            for (key, value) in entries {
                put_text(bytes, key);
                put(bytes, value);
            }
        }
    }
}

/// Texts of up to 284 bytes.
fn put_text(bytes: &mut Vec<u8>, text: &str) {
    const EXTENDED: usize = 29;
    match text.len().checked_sub(EXTENDED) {
        None => bytes.push(2 << 5 | text.len() as u8),
        Some(more) => bytes.extend([2 << 5 | EXTENDED as u8, u8::try_from(more).unwrap()]),
    }
    bytes.extend(text.as_bytes());
}
