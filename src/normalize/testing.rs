//! Helpers of the golden tests: one record in, what came of it as text out.

use std::fmt::Write;

use super::{Context, Normalized, normalize};
use crate::activity::{Event, Identity, Provenance};
use crate::decode::{Envelope, Format, RawRecord};
use crate::identity::resolve;
use crate::time::{MINUTE_MS, ProcessingTime};

pub(crate) fn context() -> Context<'static> {
    Context {
        received: ProcessingTime::parse_rfc3339("2026-02-01T00:00:00Z").unwrap(),
        provenance: Provenance { source: "test".into(), ..Provenance::default() },
        clock_skew_ms: 5 * MINUTE_MS,
    }
}

pub(crate) fn record(format: Format, text: &str) -> RawRecord<'_> {
    RawRecord { format, text, envelope: Envelope::default() }
}

/// What came of a record, a fact a line; fields without a value are left out.
pub(crate) fn describe(format: Format, text: &str) -> String {
    match normalize(&record(format, text), &context()) {
        Ok(Normalized::Activity(principal, event)) => match resolve(principal, &event) {
            Ok(identity) => describe_activity(&identity, &event),
            Err(error) => format!("error: {} ({error})\n", error.kind()),
        },
        Ok(Normalized::Skipped(reason)) => format!("skipped: {reason}\n"),
        Err(error) => format!("error: {} ({error})\n", error.kind()),
    }
}

fn describe_activity(identity: &Identity<'_>, event: &Event<'_>) -> String {
    let class = identity.classification;
    let (kind, by) = (identity.kind.as_str(), class.evidence);
    let mut out = format!("{} {}\n", event.time, event.action());
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            writeln!(out, "{name}: {value}").unwrap();
        }
    };
    let text = |text: &Option<crate::text::Text<'_>>| text.as_ref().map(ToString::to_string);
    add("clamped", event.time_clamped.then(String::new));
    add("identity", Some(identity.id.to_string()));
    add("unique id", text(&identity.unique_id));
    add("kind", Some(format!("{kind}, {} {} by {by:?}", class.class.as_str(), class.confidence)));
    add("usage", (event.usage != Default::default()).then(|| format!("{:?}", event.usage)));
    add("outcome", Some(event.outcome.as_str().into()));
    add("error", text(&event.error_code));
    add("bytes out", event.bytes_out.map(|bytes| bytes.to_string()));
    add("credential", event.credential.as_ref().map(|shown| format!("{} {}", shown.kind.as_str(), shown.id)));
    add("resource", text(&event.resource));
    add("read only", event.read_only.map(|read_only| read_only.to_string()));
    add("ip", text(&event.origin.ip));
    add("network", text(&event.origin.network));
    add("from service", text(&event.origin.provider_service));
    add("vpc endpoint", text(&event.origin.vpc_endpoint));
    add(
        "client",
        event.client.as_ref().map(|client| match &client.version {
            Some(version) => format!("{} {version}", client.family),
            None => client.family.to_string(),
        }),
    );
    add("session", text(&event.session));
    add("workload", text(&event.workload));
    add("caller", text(&event.caller));
    add(
        "issued",
        event.issued.as_ref().map(|issued| {
            let session = issued.session.as_deref().map(|name| format!(" in session {name}"));
            format!("{}{}", issued.id, session.unwrap_or_default())
        }),
    );
    add("interactive", (!event.interactive.is_empty()).then(|| event.interactive.names().join(", ")));
    add("via", text(&event.via_service));
    add("event id", text(&event.event_id));
    add("shared event id", text(&event.shared_event_id));
    add("scope", Some(event.scope.to_string()));
    out
}

/// What came of each record of a golden file, under its name.
///
/// The file holds records in the form of a line `# name` and a line with the record.
pub(crate) fn describe_all(format: Format, golden: &str) -> String {
    let mut out = String::new();
    for (name, record) in golden_records(golden) {
        writeln!(out, "# {name}\n{}", describe(format, record)).unwrap();
    }
    out
}

/// Names and records of a golden file.
pub(crate) fn golden_records(golden: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut lines = golden.lines().filter(|line| !line.is_empty());
    std::iter::from_fn(move || Some((lines.next()?.strip_prefix("# ").unwrap(), lines.next().unwrap())))
}
