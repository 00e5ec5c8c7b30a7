//! Words for signals: what was expected, what was seen, in which event.

use crate::activity::{Event, Outcome};
use crate::baseline::{Behaviour, Dimension};
use crate::normalize::endpoint::Endpoint;
use crate::text::visible;

use super::finding::EventEvidence;
use super::sensitivity::Level;

/// Usual values named in one explanation.
const USUAL_VALUES: usize = 4;

/// Longest text taken from a log into an explanation, in characters: an attacker chooses some of them.
const MAX_VALUE_CHARS: usize = 160;

/// The event behind a signal, as far as an analyst needs it to find the original.
#[must_use]
pub fn evidence(event: &Event<'_>) -> EventEvidence {
    let text = |value: Option<&str>| value.map(shortened);
    EventEvidence {
        event_id: text(event.event_id.as_deref()),
        service: shortened(&event.service),
        operation: shortened(&event.operation),
        outcome: event.outcome.as_str().to_owned(),
        error_code: text(event.error_code.as_deref()),
        resource: text(event.resource.as_deref()),
        ip: text(event.origin.ip.as_deref()),
        network: text(event.origin.network.as_deref().or(event.origin.provider_service.as_deref())),
        country: text(event.origin.country.as_deref()),
        asn: text(event.origin.asn.as_deref()),
        as_name: text(event.origin.as_name.as_deref()),
        network_class: event.origin.listed.as_ref().map(|listed| listed.class),
        network_list: text(event.origin.listed.as_ref().map(|listed| &*listed.list)),
        client: event.client.as_ref().map(|client| match &client.version {
            Some(version) => shortened(&format!("{}/{version}", client.family)),
            None => shortened(&client.family),
        }),
        region: text(event.region.as_deref()),
        account: text(event.account.as_deref()),
        credential: text(event.credential.as_ref().map(|credential| &*credential.id)),
        session: text(event.session.as_deref()),
        caller: text(event.caller.as_deref()),
        source: event.provenance.source.to_string(),
        partition: event.provenance.partition,
        offset: event.provenance.offset,
        index: event.provenance.index,
    }
}

/// What a first use of an action means, in a sentence.
#[must_use]
pub fn action_reason(event: &Event<'_>, level: Option<Level>, is_new_service: bool) -> String {
    let action = shortened(&event.action());
    let refused = if event.outcome == Outcome::Denied { ", and was refused" } else { "" };
    match level {
        Some(Level::High) => format!("first use ever of {action}, which can give away control{refused}"),
        Some(_) => format!("first use ever of {action}, a sensitive action{refused}"),
        None if is_new_service => format!("first use ever of {action}, of a service new to it{refused}"),
        None => format!("first use ever of {action}{refused}"),
    }
}

/// What a first run of a program in another account's name means, in a sentence.
#[must_use]
pub fn program_reason(event: &Event<'_>, level: Option<Level>) -> String {
    let program = shortened(event.resource.as_deref().unwrap_or_default());
    let (service, refused) =
        (&*event.service, if event.outcome == Outcome::Denied { ", and was refused" } else { "" });
    let meaning = match level {
        Some(Level::High) => ", which can give away control",
        Some(_) => ", a sensitive program",
        None => "",
    };
    format!("first use ever of {service} to run {program}{meaning}{refused}")
}

/// What is new, in a sentence.
#[must_use]
pub fn novelty_reason(dimensions: &[Dimension], event: &Event<'_>) -> String {
    format!("new {}: {}", names(dimensions), values(dimensions, event))
}

/// The dimensions' names: `network, country and autonomous system`.
#[must_use]
pub fn names(dimensions: &[Dimension]) -> String {
    let names: Vec<_> = dimensions.iter().map(|dimension| name(*dimension)).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// What a dimension is called in a sentence.
const fn name(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Asn => "autonomous system",
        Dimension::NetworkClass => "class of network",
        _ => dimension.as_str(),
    }
}

/// Where an event came from, with the exact address where the network is new, and all that was looked up of it.
#[must_use]
pub fn origin_of(dimensions: &[Dimension], event: &Event<'_>) -> String {
    let looked_up = looked_up(event);
    let is_told = |dimension: &Dimension| *dimension == Dimension::Network || dimension.is_looked_up();
    let place = match (dimensions.contains(&Dimension::Network), looked_up.is_empty()) {
        (true, true) => Some(origin(event)),
        (true, false) => Some(format!("{} ({looked_up})", origin(event))),
        (false, true) => None,
        (false, false) => dimensions.iter().any(is_told).then_some(looked_up),
    };
    let others = dimensions.iter().filter(|dimension| !is_told(dimension));
    let others = others.filter_map(|dimension| dimension.value_of(event, shortened));
    place.into_iter().chain(others).chain(class_of(event)).collect::<Vec<_>>().join(", ")
}

/// Country and autonomous system of an event's address, as far as they are known: `BR, AS64500 Example Hosting`.
fn looked_up(event: &Event<'_>) -> String {
    let text = |value: Option<&str>| value.map(shortened);
    let system = text(event.origin.asn.as_deref()).map(|asn| match text(event.origin.as_name.as_deref()) {
        Some(name) => format!("{asn} {name}"),
        None => asn,
    });
    let country = text(event.origin.country.as_deref());
    country.into_iter().chain(system).collect::<Vec<_>>().join(", ")
}

/// What the operator's lists say of an event's address: `a Tor exit (list "exits")`.
fn class_of(event: &Event<'_>) -> Option<String> {
    let listed = event.origin.listed.as_ref()?;
    Some(format!("{} (list \"{}\")", listed.class.words(), shortened(&listed.list)))
}

/// An hour of the week: `Tuesday 03:00 UTC`.
#[must_use]
pub fn hour(hour_of_week: u8) -> String {
    const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    format!("{} {:02}:00 UTC", DAYS[usize::from(hour_of_week / 24) % DAYS.len()], hour_of_week % 24)
}

/// The event's values in these dimensions.
#[must_use]
pub fn values(dimensions: &[Dimension], event: &Event<'_>) -> String {
    let values = dimensions.iter().filter_map(|dimension| dimension.value_of(event, shortened));
    values.collect::<Vec<_>>().join(" with ")
}

/// The usual values in these dimensions, without the event's own: the baseline has just learned it.
#[must_use]
pub fn usual(dimensions: &[Dimension], event: &Event<'_>, behaviour: &Behaviour) -> String {
    let each = dimensions.iter().map(|dimension| {
        let set = behaviour.values(*dimension);
        let own = dimension.value_of(event, str::to_owned);
        let mut usual = set.usual(USUAL_VALUES + 1);
        usual.retain(|value| Some(*value) != own.as_deref());
        usual.truncate(USUAL_VALUES);
        let rest = set.len().saturating_sub(usual.len() + usize::from(own.is_some()));
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        let values = usual.into_iter().map(shortened).collect::<Vec<_>>().join(", ");
        if values.is_empty() { format!("no {} so far", name(*dimension)) } else { format!("{values}{more}") }
    });
    each.collect::<Vec<_>>().join("; ")
}

/// Where an event came from, as exactly as the log says.
#[must_use]
pub fn origin(event: &Event<'_>) -> String {
    let origin = &event.origin;
    let place = origin.ip.as_deref().or(origin.network.as_deref()).or(origin.provider_service.as_deref());
    let place = shortened(place.unwrap_or("an unknown place"));
    match origin.network.as_deref().and_then(Endpoint::of) {
        Some(Endpoint { id, foreign_account: None }) => format!("{place} through {}", shortened(id)),
        Some(Endpoint { id, foreign_account: Some(account) }) => {
            format!("{place} through {} of account {}", shortened(id), shortened(account))
        }
        None => place,
    }
}

/// A number for people: `3,014`, `12`; one decimal below 10 where it is not whole.
#[must_use]
pub fn number(value: f64) -> String {
    if value < 10.0 && value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// So many bytes for people, in powers of 1,000: `1.4 GB`, `131 bytes`.
#[must_use]
pub fn bytes(value: f64) -> String {
    const UNITS: [&str; 6] = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let (mut value, mut unit) = (value, 0);
    while value >= 999.5 && unit + 1 < UNITS.len() {
        (value, unit) = (value / 1_000.0, unit + 1);
    }
    if value < 9.95 && unit > 0 {
        format!("{value:.1} {}", UNITS[unit])
    } else {
        format!("{} {}", number(value.round()), UNITS[unit])
    }
}

/// Log text that is safe to show: what may mislead is spelt out ([`visible`]), and the length is held.
#[must_use]
pub fn shortened(value: &str) -> String {
    let end = |text: &str| text.char_indices().nth(MAX_VALUE_CHARS).map(|(end, _)| end);
    let (value, is_long) = end(value).map_or((value, false), |end| (&value[..end], true));
    let shown = visible(value);
    match end(&shown) {
        Some(end) => format!("{}…", &shown[..end]),
        None if is_long => format!("{shown}…"),
        None => shown.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_cleaned_and_shortened() {
        assert_eq!(shortened("a\u{1b}[31m\nb"), r"a\u{1b}[31m\u{a}b");
        assert_eq!(shortened("invoice\u{202e}fdp.exe"), r"invoice\u{202e}fdp.exe");
        assert_eq!(shortened("ro\u{200b}ot\u{e0041}"), r"ro\u{200b}ot\u{e0041}");
        for long in ["x", "é", "\u{202e}", "x\u{e0041}"] {
            let shown = shortened(&long.repeat(1_000));
            assert_eq!((shown.chars().count(), shown.chars().last()), (MAX_VALUE_CHARS + 1, Some('…')));
        }
        assert_eq!(shortened(&"x".repeat(MAX_VALUE_CHARS)), "x".repeat(MAX_VALUE_CHARS));
    }

    #[test]
    fn numbers_and_sizes_read_well() {
        let numbers = [0.04, 3.0, 3.26, 128.4, 999.0, 3_014.0, 1_234_567.0].map(number);
        assert_eq!(numbers, ["0.0", "3", "3.3", "128", "999", "3,014", "1,234,567"]);
        let sizes = [0.0, 131.0, 999.7, 1_400.0, 12_340_000.0, 2e9, 7e18].map(bytes);
        assert_eq!(sizes, ["0 bytes", "131 bytes", "1.0 kB", "1.4 kB", "12 MB", "2.0 GB", "7,000 PB"]);
    }
}
