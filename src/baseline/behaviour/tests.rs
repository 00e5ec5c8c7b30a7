use super::*;
use crate::activity::NetworkClass;
use crate::baseline::Peers;
use crate::detect::testing::Sample;
use crate::monitor::fixture;
use crate::term::Interner;

/// One identity that is used once an hour.
struct Life {
    behaviour: Behaviour,
    hour: i64,
}

impl Life {
    /// A month of use from one place.
    fn at(usual: &Sample) -> Self {
        let mut life = Self { behaviour: Behaviour::default(), hour: 0 };
        (0..30 * 24).for_each(|_| drop(life.see(usual)));
        life
    }

    fn see(&mut self, sample: &Sample) -> Sighting {
        let at_ms = self.hour * HOUR_MS;
        self.hour += 1;
        let activity = fixture::activity("role", sample, at_ms, &at_ms.to_string());
        let first = activity.event.time.plus_millis(-at_ms);
        let settings = Settings::new(&config::Baseline::default(), &config::Detection::default(), |_| false);
        let (terms, mut peers) = (Interner::new(), Peers::default());
        let words = &mut Words { terms: &terms, peers: &mut peers };
        self.behaviour.observe(&activity.event, Some(first), settings, words)
    }
}

fn from(ip: &str, country: Option<&str>, asn: Option<&str>) -> Sample {
    Sample {
        ip: ip.into(),
        country: country.map(str::to_owned),
        asn: asn.map(str::to_owned),
        ..Sample::default()
    }
}

/// Surprise of country, system and class in the first event from `then`, after a month from `usual`.
fn surprise(usual: &Sample, then: &Sample) -> [Option<bool>; 3] {
    let sighting = Life::at(usual).see(then);
    [Dimension::Country, Dimension::Asn, Dimension::NetworkClass]
        .map(|dimension| sighting.new_bits[dimension as usize].map(|bits| bits > 3.0))
}

#[test]
fn what_is_looked_up_surprises_where_the_network_is_new_and_there_is_something_to_hold_it_against() {
    let home = from("192.0.2.10", Some("DE"), Some("AS64500"));
    let tor = |sample: Sample| Sample { network_class: Some(NetworkClass::Tor), ..sample };
    let away = from("198.51.100.7", Some("BR"), Some("AS64501"));
    assert_eq!(surprise(&home, &away), [Some(true), Some(true), None]);
    assert_eq!(surprise(&home, &tor(away.clone())), [Some(true), Some(true), Some(true)]);
    // A neighbour of the same carrier.
    assert_eq!(surprise(&home, &from("198.51.100.7", Some("DE"), Some("AS64500"))), [None, None, None]);
    // A database or list that is new, or says something else than before, is no move.
    assert_eq!(surprise(&home, &tor(from("192.0.2.10", Some("NL"), Some("AS64502")))), [None, None, None]);
    assert_eq!(surprise(&from("192.0.2.10", None, None), &home), [None, None, None]);
    // Where nothing was known there is nothing to hold it against; but it is new, and is held out with what it comes with.
    assert_eq!(surprise(&from("10.1.2.3", None, None), &away), [Some(false), Some(false), None]);
}

#[test]
fn a_network_of_a_system_that_is_known_is_less_strange() {
    let home = from("192.0.2.10", Some("DE"), Some("AS64500"));
    let strangeness = |then: &Sample| Life::at(&home).see(then).network.bits;
    let elsewhere = strangeness(&from("198.51.100.7", Some("DE"), Some("AS64501")));
    let alike = strangeness(&from("198.51.100.7", Some("DE"), Some("AS64500")));
    assert!(elsewhere > 4.0 && (alike / elsewhere - 0.6).abs() < 1e-3, "{alike} of {elsewhere}");
}
