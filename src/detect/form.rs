//! Texts of a certain form in detectors: wildcards, networks, dates, ids. Each form has a name, which stands as `format`
//! in the schema; so the check of a file and the schema that editors use go by the same list.

use std::borrow::Cow;
use std::net::IpAddr;

use chrono::NaiveDate;
use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

use crate::identity::{AllowedNetwork, AllowedSchedule};

/// A wildcard as IAM policies write them: `*` stands for any text, also an empty one, and `?` for one character. All else
/// stands for itself, case included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Wildcard(WildMatch);

impl Wildcard {
    /// Whether the whole of `text` is meant.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.matches(text)
    }
}

impl From<String> for Wildcard {
    fn from(text: String) -> Self {
        Self(WildMatch::new(&text))
    }
}

impl From<Wildcard> for String {
    fn from(wildcard: Wildcard) -> Self {
        wildcard.0.to_string()
    }
}

/// A network in CIDR notation, of either version; an address alone is the network that holds only it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

impl Network {
    /// Whether an address, as text, is in it. An IPv4 address written as IPv6 (`::ffff:192.0.2.1`) counts as IPv4.
    #[must_use]
    pub fn contains(self, address: &str) -> bool {
        address.parse::<IpAddr>().is_ok_and(|address| self.0.contains(&address.to_canonical()))
    }
}

impl TryFrom<String> for Network {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Self).map_err(|_| Form::Network.allowed())
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.0.to_string()
    }
}

/// The forms, by the names that the schema gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Id,
    Network,
    AllowedNetwork,
    Schedule,
    Date,
    Duration,
    Tactic,
    Technique,
    OwaspNhi,
    Said,
}

impl Form {
    const ALL: [Self; 10] = [
        Self::Id,
        Self::Network,
        Self::AllowedNetwork,
        Self::Schedule,
        Self::Date,
        Self::Duration,
        Self::Tactic,
        Self::Technique,
        Self::OwaspNhi,
        Self::Said,
    ];

    /// The form that a schema's `format` names, where it is one of these.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Id => "detector-id",
            Self::Network => "cidr",
            Self::AllowedNetwork => "allowed-network",
            Self::Schedule => "schedule",
            Self::Date => "date",
            Self::Duration => "humantime",
            Self::Tactic => "attack-tactic",
            Self::Technique => "attack-technique",
            Self::OwaspNhi => "owasp-nhi",
            Self::Said => "said",
        }
    }

    /// What has this form, in words.
    pub(super) const fn allowed(self) -> &'static str {
        match self {
            Self::Id => "lower-case letters, digits and dashes",
            Self::Network => "a network such as 192.0.2.0/24 or 2001:db8::/32",
            Self::AllowedNetwork => {
                "a network such as 192.0.2.0/24 or 2001:db8::/32, AS64500, or a country such as DE"
            }
            Self::Schedule => "days, hours or both, such as Mon-Fri 06:00-20:00 Europe/Berlin",
            Self::Date => "a day such as 2026-12-31",
            Self::Duration => "a length of time such as 30s, 15min, 6h or 30days",
            Self::Tactic => "an ATT&CK tactic such as TA0003",
            Self::Technique => "an ATT&CK technique such as T1098 or T1098.001",
            Self::OwaspNhi => "NHI1:2025 to NHI10:2025",
            Self::Said => "some text",
        }
    }

    /// For editors; where there is one, it allows what [`Form::holds`] does.
    const fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Id => Some("^[a-z0-9-]+$"),
            Self::Date => Some(r"^\d{4}-\d{2}-\d{2}$"),
            Self::Tactic => Some(r"^TA\d{4}$"),
            Self::Technique => Some(r"^T\d{4}(\.\d{3})?$"),
            Self::OwaspNhi => Some("^NHI([1-9]|10):2025$"),
            Self::Said => Some(r"\S"),
            Self::Network | Self::AllowedNetwork | Self::Schedule | Self::Duration => None,
        }
    }

    /// Whether a text has the form.
    pub(super) fn holds(self, text: &str) -> bool {
        match self {
            Self::Id => {
                let is_id = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                !text.is_empty() && text.chars().all(is_id)
            }
            Self::Network => Network::try_from(text.to_owned()).is_ok(),
            Self::AllowedNetwork => AllowedNetwork::try_from(text.to_owned()).is_ok(),
            Self::Schedule => AllowedSchedule::try_from(text.to_owned()).is_ok(),
            Self::Date => text.len() == "2026-12-31".len() && text.parse::<NaiveDate>().is_ok(),
            Self::Duration => humantime_serde::re::humantime::parse_duration(text).is_ok(),
            Self::Tactic => text.strip_prefix("TA").is_some_and(|number| is_digits(number, 4)),
            Self::Technique => text.strip_prefix('T').is_some_and(is_technique),
            Self::OwaspNhi => is_owasp_nhi(text),
            Self::Said => !text.trim().is_empty(),
        }
    }

    fn schema(self) -> Schema {
        let mut schema = json_schema!({ "type": "string", "format": self.name() });
        if let Some(pattern) = self.pattern() {
            schema.insert("pattern".to_owned(), pattern.into());
        }
        schema
    }
}

fn is_digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_technique(number: &str) -> bool {
    match number.split_once('.') {
        Some((technique, sub)) => is_digits(technique, 4) && is_digits(sub, 3),
        None => is_digits(number, 4),
    }
}

fn is_owasp_nhi(text: &str) -> bool {
    (1..=10).any(|number| text == format!("NHI{number}:2025"))
}

/// Types that stand for a form in the schema.
macro_rules! in_schema {
    ($($name:ident = $form:ident),* $(,)?) => {$(
        pub(super) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                Form::$form.schema()
            }
        }
    )*};
}

in_schema! {
    IdText = Id,
    NetworkText = Network,
    AllowedNetworkText = AllowedNetwork,
    ScheduleText = Schedule,
    DateText = Date,
    DurationText = Duration,
    TacticText = Tactic,
    TechniqueText = Technique,
    OwaspNhiText = OwaspNhi,
    SaidText = Said,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_takes_its_own_and_nothing_like_it() {
        let check = |form: Form, good: &[&str], bad: &[&str]| {
            for (texts, expected) in [(good, true), (bad, false)] {
                texts.iter().for_each(|text| assert_eq!(form.holds(text), expected, "{form:?} {text}"));
            }
        };
        check(Form::Id, &["new-service", "2"], &["", "New", "a_b", "a b"]);
        let networks = ["192.0.2.0/24", "192.0.2.7", "2001:db8::/32", "::1", "0.0.0.0/0"];
        check(Form::Network, &networks, &["192.0.2.0/33", "2001:db8::/129", "192.0.2", "AS64500", ""]);
        let allowed = ["192.0.2.0/24", "2001:db8::7", "AS64500", "DE"];
        check(Form::AllowedNetwork, &allowed, &["office", "192.0.2.0/33", "D1", ""]);
        check(Form::Schedule, &["Mon-Fri 06:00-20:00 Europe/Berlin"], &["0 2 * * *", "always", ""]);
        check(Form::Date, &["2026-12-31"], &["2026-02-30", "26-1-1", "+2026-1-1", "tomorrow", ""]);
        check(Form::Duration, &["30s", "15min", "30days"], &["", "soon", "-1h", "5"]);
        check(Form::Tactic, &["TA0003"], &["TA003", "ta0003", "TA00031", "T1098"]);
        check(Form::Technique, &["T1098", "T1098.001"], &["T1098.01", "1098", "T109", "T1098.", "TA0003"]);
        check(
            Form::OwaspNhi,
            &["NHI1:2025", "NHI10:2025"],
            &["NHI0:2025", "NHI11:2025", "NHI01:2025", "NHI1"],
        );
        check(Form::Said, &["x"], &["", " \n"]);
    }

    #[test]
    fn every_form_is_found_by_its_name() {
        assert!(Form::ALL.into_iter().all(|form| Form::of_name(form.name()) == Some(form)));
        assert_eq!(Form::of_name("uint32"), None);
    }

    #[test]
    fn only_star_and_question_mark_are_special() {
        let check = |wildcard: &str, text: &str, expected: bool| {
            assert_eq!(Wildcard::from(wildcard.to_owned()).matches(text), expected, "{wildcard} {text}");
        };
        check("arn:aws:iam::111122223333:role/*", "arn:aws:iam::111122223333:role/path/app", true);
        check("arn:aws:iam::111122223333:role/a??", "arn:aws:iam::111122223333:role/app", true);
        check("role/app", "role/app-2", false);
        check("linux:web[1]:{a,b}", "linux:web[1]:{a,b}", true);
        check("linux:web[12]:deploy", "linux:web1:deploy", false);
        check(r"linux:a\*", r"linux:a\b", true);
        check("linux:web:?", "linux:web:*", true);
        check("*", "", true);
        check("", "x", false);
        check("Role/*", "role/app", false);
    }

    #[test]
    fn a_wildcard_of_many_stars_ends_soon() {
        let wildcard = Wildcard::from("*a".repeat(200));
        assert!(!wildcard.matches(&format!("{}b", "a".repeat(20_000))));
    }

    #[test]
    fn networks_of_both_versions_hold_their_addresses() {
        let check = |network: &str, address: &str, expected: bool| {
            let network = Network::try_from(network.to_owned()).unwrap();
            assert_eq!(network.contains(address), expected, "{network:?} {address}");
        };
        check("192.0.2.0/24", "192.0.2.99", true);
        check("192.0.2.77/24", "192.0.2.1", true);
        check("192.0.2.0/24", "198.51.100.7", false);
        check("192.0.2.0/24", "::ffff:192.0.2.9", true);
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "192.0.2.8", false);
        check("2001:db8::/32", "2001:db8:1::7", true);
        check("2001:db8::/32", "2001:db9::7", false);
        check("::/0", "192.0.2.1", false);
        check("0.0.0.0/0", "ec2.amazonaws.com", false);
    }
}
