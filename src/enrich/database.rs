//! Databases of addresses in MaxMind's format (<https://maxmind.github.io/MaxMind-DB/>), in the layouts of their publishers.

use std::fmt;
use std::net::IpAddr;

use maxminddb::{Reader, WithinOptions};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::problem::Fault;
use crate::time::EventTime;

/// Longest name of an organisation that is kept, in characters. The registries' own fields are shorter.
const MAX_NAME_CHARS: usize = 80;

/// What is wanted of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Autonomous systems.
    Systems,
    /// Countries.
    Countries,
}

/// A database in memory, sound from end to end.
pub struct Database {
    reader: Reader<Vec<u8>>,
}

impl Database {
    /// A database from the bytes of its file.
    ///
    /// # Errors
    /// Where they are not such a database, or any part of it is damaged.
    pub fn new(bytes: Vec<u8>) -> Result<Self, Fault> {
        let read = Reader::from_source(bytes);
        let sound = read.and_then(|reader| reader.verify().map(|()| reader));
        sound.map(|reader| Self { reader }).map_err(|error| Fault::NotADatabase(error.to_string()))
    }

    /// Holds that addresses of it have what is wanted.
    ///
    /// # Errors
    /// Where none has.
    pub fn holds(&self, content: Content) -> Result<(), Fault> {
        let networks = self.reader.networks(WithinOptions::default());
        let mut records = networks.into_iter().flatten().filter_map(|found| found.ok()?.decode().ok()?);
        let (wanted, has): (_, fn(&Record<'_>) -> bool) = match content {
            Content::Systems => ("an autonomous system", |record| record.asn().is_some()),
            Content::Countries => ("a country", |record| record.country().is_some()),
        };
        let found = self.reader.metadata().database_type.clone();
        if records.any(|record| has(&record)) { Ok(()) } else { Err(Fault::OtherContent { found, wanted }) }
    }

    /// When it was built, as its publisher says.
    #[must_use]
    pub fn built(&self) -> EventTime {
        let seconds = i64::try_from(self.reader.metadata().build_epoch).unwrap_or(i64::MAX);
        EventTime::from_millis(seconds.saturating_mul(1_000))
    }

    /// Number (`AS64500`) and name of an address' autonomous system.
    pub(super) fn system(&self, ip: IpAddr) -> (Option<Box<str>>, Option<Box<str>>) {
        let Some(record) = self.record(ip) else { return (None, None) };
        let name = |_: &u32| {
            let name = record.name()?.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS);
            Some(name.collect::<String>().into_boxed_str())
        };
        let number = record.asn();
        let name = number.as_ref().and_then(name);
        (number.map(|number| format!("AS{number}").into_boxed_str()), name)
    }

    /// Country of an address.
    pub(super) fn country(&self, ip: IpAddr) -> Option<Box<str>> {
        self.record(ip)?.country().map(|code| code.to_ascii_uppercase().into_boxed_str())
    }

    fn record(&self, ip: IpAddr) -> Option<Record<'_>> {
        self.reader.lookup(ip).ok()?.decode().ok()?
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("type", &self.reader.metadata().database_type).finish()
    }
}

/// What is read of a record, under the names that the publishers use: MaxMind and DB-IP (`autonomous_system_number`,
/// `country.iso_code`), IPinfo (`asn: "AS64500"`, `country_code: "NL"`, `country: "NL"` in older files).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Record<'a> {
    autonomous_system_number: Option<u32>,
    #[serde(borrow)]
    autonomous_system_organization: Option<&'a str>,
    #[serde(borrow)]
    asn: Loose<'a>,
    #[serde(borrow)]
    as_name: Option<&'a str>,
    #[serde(borrow)]
    name: Option<&'a str>,
    #[serde(borrow)]
    country: Loose<'a>,
    #[serde(borrow)]
    country_code: Option<&'a str>,
    #[serde(borrow)]
    registered_country: Loose<'a>,
}

impl Record<'_> {
    fn asn(&self) -> Option<u32> {
        let text = || self.asn.text?.trim_start_matches(['A', 'S', 'a', 's']).parse().ok();
        self.autonomous_system_number.or(self.asn.number).or_else(text).filter(|number| *number > 0)
    }

    fn name(&self) -> Option<&str> {
        let named = self.autonomous_system_organization.or(self.as_name);
        named.or(self.asn.text.and(self.name)).filter(|name| !name.is_empty())
    }

    /// Where the address is used; else where it is registered.
    fn country(&self) -> Option<&str> {
        let all = [self.country.text, self.country_code, self.registered_country.text];
        let is_code = |text: &&str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
        all.into_iter().flatten().find(is_code)
    }
}

/// A value that is a text here, a number there, and a map with an `iso_code` elsewhere.
#[derive(Default)]
struct Loose<'a> {
    text: Option<&'a str>,
    number: Option<u32>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number or a map")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Loose { text: Some(text), number: None })
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Loose { text: None, number: u32::try_from(number).ok() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Loose::default();
        while let Some(key) = map.next_key::<&str>()? {
            if key == "iso_code" {
                found.text = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}
