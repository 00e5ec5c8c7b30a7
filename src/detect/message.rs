//! The message of a report: one or two sentences that stand alone.

use crate::text::visible;

use super::finding::{EventEvidence, Signal, Stage, Subject};
use super::incident::Incident;
use super::kept::KeptSignal;
use super::source::Silence;
use super::unused::Ending;
use crate::time::EventTime;

/// Signals spelled out in a message; the rest are counted.
const SPELLED_OUT: usize = 2;

/// The message of an incident's report.
#[must_use]
pub fn of_incident(incident: &Incident, subject: &Subject, stage: Stage) -> String {
    let who = who(subject);
    let distinct = incident.own().len();
    if stage == Stage::Close {
        return format!("{who}: quiet again after {distinct} kind{} of unusual activity.", plural(distinct));
    }
    let reasons: Vec<&str> = incident.signals.iter().take(SPELLED_OUT).map(KeptSignal::reason).collect();
    let rest = distinct.saturating_sub(reasons.len());
    let more = if rest > 0 { format!("; and {rest} more sign{}", plural(rest)) } else { String::new() };
    let first = incident.signals.first().map(KeptSignal::unpacked);
    let place = first.as_ref().and_then(origin).unwrap_or_default();
    let session = first.map(|signal| session(&subject.identity_id, &signal)).unwrap_or_default();
    format!("{who}: {}{more}{place}{session}.", reasons.join("; "))
}

/// The message of a report that says no more than that a known fact goes on.
#[must_use]
pub fn of_reminder(incident: &Incident, subject: &Subject) -> String {
    let since = incident.first_seen.to_rfc3339();
    let reason = incident.lasting().map(KeptSignal::reason).unwrap_or_default();
    format!(
        "{}: it goes on, {} signals since {}: {reason}.",
        who(subject),
        incident.signal_count,
        &since[..10]
    )
}

/// The message of the report that ends an incident because somebody accepted it.
#[must_use]
pub fn of_acceptance(subject: &Subject, by: &str, reason: &str) -> String {
    format!("{}: accepted by {}: {}", who(subject), visible(by), visible(reason))
}

/// The message of an unused finding.
#[must_use]
pub fn of_unused(subject: &Subject, unused_days: u32, last_seen: Option<&str>) -> String {
    match last_seen {
        Some(last) => format!(
            "{}: not used for {unused_days} days (last use {last}), and its log source was covered throughout.",
            who(subject)
        ),
        None => format!("{}: declared and never used in {unused_days} covered days.", who(subject)),
    }
}

/// The message of an unused finding that ends.
#[must_use]
pub fn of_ending(subject: &Subject, ending: Ending) -> String {
    let what = match ending {
        Ending::UsedAgain => "in use again",
        Ending::LongerWindow => "within the longer window that the inventory now allows",
        Ending::Withdrawn => "never used, and not declared any more",
        Ending::NotReported => "retired by the inventory, or not of a sort that is reported",
        Ending::Forgotten => "forgotten, since there are more identities than `baseline.max_identities`",
    };
    format!("{}: {what}.", who(subject))
}

/// The message of the finding that a credential was not used for its identity's window.
#[must_use]
pub fn of_unused_credential(subject: &Subject, credential: &str, window_days: u32, last: &str) -> String {
    format!(
        "{}: long-term credential {} is not used any more (last {last}), while the identity is. Its log source was covered for all of \
         its window of {window_days} days.",
        who(subject),
        visible(credential)
    )
}

/// The message of the report that ends that finding.
#[must_use]
pub fn of_credential_ending(subject: &Subject, credential: &str, what: &str) -> String {
    format!("{}: long-term credential {}: {what}.", who(subject), visible(credential))
}

/// The message of the finding that a job has not run since `last_seen`, for longer than `silence`.
#[must_use]
pub fn of_missed_run(subject: &Subject, rhythm: &str, silence: &str, last_seen: &str) -> String {
    format!(
        "{}: no run for more than {silence} (last {last_seen}). It ran {rhythm}, and its log source was covered since.",
        who(subject)
    )
}

/// The message that states a plain fact about an identity: the finding that it is so, or its end.
#[must_use]
pub fn of_fact(subject: &Subject, what: &str) -> String {
    format!("{}: {what}.", who(subject))
}

/// The message of a log source that fell silent.
#[must_use]
pub fn of_silence(scope: &str, silence: Silence, hours: i64) -> String {
    let scope = visible(scope);
    let Silence { since, usual_hours, silent, known, .. } = silence;
    let last = since.to_utc().format("%Y-%m-%d %H:%M");
    let usual = if usual_hours == 1 { "hour".into() } else { format!("{usual_hours} hours") };
    let others = match silent.saturating_sub(1) {
        0 => String::new(),
        _ if silence.is_of_the_pipe() => {
            format!(" {silent} of {known} log sources are silent: look at what brings the logs here first.")
        }
        others => {
            format!(" {others} other log source{} silent, too.", if others == 1 { " is" } else { "s are" })
        }
    };
    format!(
        "Log source {scope}: no record for {hours} hours (last {last} UTC), and never so far for more than {usual}. Everything that was \
         sent here is read, so that the records were not sent or not written.{others}"
    )
}

/// The message of a log source that reports again.
#[must_use]
pub fn of_resumption(scope: &str, since: EventTime, resumed: EventTime) -> String {
    let scope = visible(scope);
    let minute = |time: EventTime| time.to_utc().format("%Y-%m-%d %H:%M").to_string();
    format!(
        "Log source {scope} reports again. What happened between {} and {} UTC is not known, unless its records come late.",
        minute(since),
        minute(resumed)
    )
}

/// The message of a log source that has been silent for so long that it is not known any more.
#[must_use]
pub fn of_forgotten_source(scope: &str, since: EventTime, days: i64) -> String {
    let (scope, last) = (visible(scope), since.to_utc().format("%Y-%m-%d %H:%M"));
    format!("Log source {scope}: no record for {days} days (last {last} UTC), and not missed any longer.")
}

/// The identity as a person reads it: kind and name, then its owner.
fn who(subject: &Subject) -> String {
    let kind = subject.kind.as_str().replace('_', " ");
    let kind = if kind == "unknown" { "identity" } else { &kind };
    let owner =
        subject.owner.as_ref().map(|owner| format!(" (owner {})", visible(owner))).unwrap_or_default();
    format!("{} {}{owner}", capitalised(kind), visible(&short_name(&subject.identity_id)))
}

/// The last part of an ARN with its account, or the id as it is.
fn short_name(identity_id: &str) -> String {
    let mut parts = identity_id.splitn(6, ':');
    match (parts.next(), parts.nth(3), parts.next()) {
        (Some("arn"), Some(account), Some(resource)) => format!("{resource} in {account}"),
        _ => identity_id.to_owned(),
    }
}

fn origin(signal: &Signal) -> Option<String> {
    let evidence = &signal.evidence;
    let ip = evidence.ip.as_deref().filter(|ip| !signal.reason.contains(*ip))?;
    let client = evidence.client.as_ref().map(|client| format!(" with {client}")).unwrap_or_default();
    Some(format!(", from {ip}{client}"))
}

/// In which session of a role, and who took that on, where the log says so. Of others, a session is one they asked for.
fn session(identity_id: &str, signal: &Signal) -> String {
    let EventEvidence { session, caller, .. } = &signal.evidence;
    let session = session.as_ref().filter(|_| identity_id.contains(":role/"));
    let session = session.map(|name| format!(", in session {name}")).unwrap_or_default();
    let caller = caller.as_deref().map(|caller| caller.strip_prefix("source-identity:").unwrap_or(caller));
    let is_told = |caller: &&str| !signal.reason.contains(*caller);
    let caller = caller.filter(is_told).map(|caller| format!(", taken on by {caller}")).unwrap_or_default();
    format!("{session}{caller}")
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

const fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_do_not_mislead() {
        let subject = Subject {
            identity_id: "linux:web:\u{202e}toor".into(),
            owner: Some("ops\u{200b}".into()),
            ..Subject::default()
        };
        let said = of_acceptance(&subject, "ana\u{2066}", "ok\u{1b}[2J");
        assert_eq!(
            said,
            r"Identity linux:web:\u{202e}toor (owner ops\u{200b}): accepted by ana\u{2066}: ok\u{1b}[2J"
        );
    }

    #[test]
    fn names_are_short_and_still_tell_accounts_apart() {
        assert_eq!(short_name("arn:aws:iam::111122223333:role/ci/deploy"), "role/ci/deploy in 111122223333");
        assert_eq!(short_name("linux:web:deploy"), "linux:web:deploy");
    }
}
