#[path = "../../tests/support/mmdb.rs"]
mod mmdb;

use proptest::prelude::*;

use super::*;
use crate::activity::NetworkClass;
use mmdb::{Mmdb, Value, countries, systems};

fn database(mmdb: &Mmdb) -> Arc<Database> {
    Arc::new(Database::new(mmdb.bytes()).unwrap())
}

fn list(class: NetworkClass, name: &str, cidrs: &[&str]) -> List {
    List { class, name: name.into(), prefixes: parse(&cidrs.join("\n"), 100).unwrap() }
}

fn enrichment() -> Arc<Enrichment> {
    let systems = systems(&[
        ("198.51.100.0/24", 64_500, "Example Hosting"),
        ("198.51.100.128/25", 64_501, "Example Carrier"),
        ("2001:db8::/32", 64_502, "Six"),
    ]);
    let countries = countries(&[("198.51.0.0/16", "BR"), ("2001:db8::/33", "NL")]);
    let lists = Lists::new(vec![
        list(NetworkClass::Hosting, "rented", &["198.51.100.0/24"]),
        list(NetworkClass::Tor, "exits", &["198.51.100.7"]),
        list(NetworkClass::Own, "offices", &["2001:db8:1::/48"]),
    ]);
    Arc::new(Enrichment { systems: Some(database(&systems)), countries: Some(database(&countries)), lists })
}

/// All that is told of an address: `BR AS64500 Example Hosting, hosting rented`.
fn told<'x>(locator: &'x mut Locator, mut origin: Origin<'x>) -> String {
    locator.locate(&mut origin);
    let words = [&origin.country, &origin.asn, &origin.as_name].map(|text| text.as_deref().unwrap_or("-"));
    let listed = origin.listed.as_ref().map(|listed| format!("{} {}", listed.class.as_str(), listed.list));
    format!("{}, {}", words.join(" "), listed.as_deref().unwrap_or("-"))
}

fn at(ip: &'static str) -> Origin<'static> {
    Origin { ip: Some(ip.into()), ..Origin::default() }
}

#[test]
fn an_address_is_told_with_the_narrowest_that_is_known_of_it() {
    let mut locator = Locator::new(enrichment());
    // Twice: the second time it is remembered.
    for _ in 0..2 {
        for (ip, expected) in [
            ("198.51.100.1", "BR AS64500 Example Hosting, hosting rented"),
            ("198.51.100.7", "BR AS64500 Example Hosting, tor exits"),
            ("198.51.100.200", "BR AS64501 Example Carrier, hosting rented"),
            ("198.51.7.7", "BR - -, -"),
            ("2001:db8:1::9", "NL AS64502 Six, own offices"),
            ("2001:db8:8000::1", "- AS64502 Six, -"),
            ("192.0.2.1", "- - -, -"),
            ("10.0.0.1", "- - -, -"),
        ] {
            assert_eq!(told(&mut locator, at(ip)), expected, "{ip}");
        }
    }
}

#[test]
fn what_the_log_says_stays() {
    let mut locator = Locator::new(enrichment());
    let said = |asn: Option<&'static str>, country: Option<&'static str>| Origin {
        asn: asn.map(Text::from),
        country: country.map(Text::from),
        ..at("198.51.100.1")
    };
    for (asn, country, expected) in [
        (Some("AS65000"), None, "BR AS65000 -, hosting rented"),
        (None, Some("DE"), "DE AS64500 Example Hosting, hosting rented"),
        (Some("AS65000"), Some("DE"), "DE AS65000 -, hosting rented"),
    ] {
        assert_eq!(told(&mut locator, said(asn, country)), expected);
    }
}

#[test]
fn without_databases_and_lists_and_without_an_address_nothing_is_told() {
    assert_eq!(told(&mut Locator::default(), at("198.51.100.1")), "- - -, -");
    assert_eq!(told(&mut Locator::new(enrichment()), Origin::default()), "- - -, -");
    assert_eq!(told(&mut Locator::new(enrichment()), at("nonsense")), "- - -, -");
}

/// The layouts of several publishers, each told as (country, number, name).
#[test]
fn the_layouts_of_publishers_are_understood() {
    use Value::{Map, Number, Text};
    let iso = |code| Map(vec![("geoname_id", Number(1)), ("iso_code", Text(code))]);
    let check =
        |record: Vec<(&'static str, Value)>, country: Option<&str>, asn: Option<&str>, name: Option<&str>| {
            let networks = vec![("198.51.100.0/24", Map(record.clone()))];
            let database = database(&Mmdb { kind: "test", record_bits: 32, built: 1, networks });
            let ip = "198.51.100.9".parse().unwrap();
            let (number, named) = database.system(ip);
            let found = (database.country(ip), number, named);
            let found = (found.0.as_deref(), found.1.as_deref(), found.2.as_deref());
            assert_eq!(found, (country, asn, name), "{record:?}");
            assert_eq!(database.holds(Content::Countries).is_ok(), country.is_some());
            assert_eq!(database.holds(Content::Systems).is_ok(), asn.is_some());
        };
    check(vec![("country", iso("NL")), ("registered_country", iso("DE"))], Some("NL"), None, None);
    check(vec![("registered_country", iso("DE"))], Some("DE"), None, None);
    check(vec![("autonomous_system_number", Number(64_500))], None, Some("AS64500"), None);
    let lite = vec![
        ("asn", Text("AS64500")),
        ("as_name", Text("Example")),
        ("country", Text("Brazil")),
        ("country_code", Text("br")),
    ];
    check(lite, Some("BR"), Some("AS64500"), Some("Example"));
    check(vec![("asn", Text("AS64500")), ("name", Text("Example"))], None, Some("AS64500"), Some("Example"));
    check(vec![("country", Text("NL"))], Some("NL"), None, None);
    check(vec![("asn", Number(0)), ("country", Text("Atlantis"))], None, None, None);
    check(vec![("asn", Text("ASnone")), ("country_code", Text("\u{1b}["))], None, None, None);
    check(vec![("autonomous_system_number", Text("AS1"))], None, None, None);
}

#[test]
fn trees_of_all_widths_are_read() {
    for record_bits in [24, 28, 32] {
        let mmdb = Mmdb { record_bits, ..systems(&[("198.51.100.0/24", 64_500, "Example")]) };
        let (number, _) = database(&mmdb).system("198.51.100.1".parse().unwrap());
        assert_eq!(number.as_deref(), Some("AS64500"), "{record_bits}");
    }
}

#[test]
fn a_long_or_hostile_name_is_held_short_and_clean() {
    const LONG: &str = "a\u{1b}[31m name that goes on for longer than the registries of autonomous systems take, and on and on";
    let (_, name) =
        database(&systems(&[("198.51.100.0/24", 64_500, LONG)])).system("198.51.100.1".parse().unwrap());
    let name = name.unwrap();
    assert_eq!(
        (name.chars().count(), name.starts_with("a[31m name"), name.contains('\u{1b}')),
        (80, true, false)
    );
}

#[test]
fn what_is_no_database_is_refused() {
    let whole = systems(&[("198.51.100.0/24", 64_500, "Example"), ("2001:db8::/32", 64_501, "Six")]).bytes();
    let refused = |bytes: &[u8]| Database::new(bytes.to_vec()).map(drop).map_err(|fault| fault.kind());
    assert_eq!(refused(&whole), Ok(()));
    assert_eq!(refused(b""), Err("not_a_database"));
    assert_eq!(refused(b"<html>Unauthorized</html>"), Err("not_a_database"));
    assert_eq!(refused(&whole[..whole.len() / 2]), Err("not_a_database"));
    assert_eq!(refused(&whole[1..]), Err("not_a_database"));
    let countries = database(&countries(&[("198.51.100.0/24", "BR")]));
    let fault = countries.holds(Content::Systems).unwrap_err();
    assert_eq!(fault.kind(), "other_content");
    assert!(fault.to_string().contains("GeoLite2-Country"), "{fault}");
}

proptest! {
    /// A database that lost or changed bytes is refused or read; nothing else happens, and looking addresses up in it never
    /// stops the program.
    #[test]
    fn no_damage_stops_the_program(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = enrichment_bytes();
        let place = at.index(bytes.len());
        bytes[place] = byte;
        let kept = bytes.len() - cut.index(8);
        bytes.truncate(kept);
        let Ok(database) = Database::new(bytes) else { return Ok(()) };
        for ip in ["198.51.100.1", "2001:db8::1", "0.0.0.0", "ffff::"] {
            let ip = ip.parse().unwrap();
            let (number, _) = database.system(ip);
            prop_assert!(number.is_none_or(|number| number.starts_with("AS")));
            prop_assert!(database.country(ip).is_none_or(|code| code.len() == 2));
        }
        for content in [Content::Systems, Content::Countries] {
            prop_assert!(database.holds(content).err().is_none_or(|fault| fault.kind() == "other_content"));
        }
    }
}

fn enrichment_bytes() -> Vec<u8> {
    systems(&[("198.51.100.0/24", 64_500, "Example"), ("2001:db8::/32", 64_501, "Six")]).bytes()
}
