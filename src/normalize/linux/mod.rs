//! Linux auth logs: sshd, sudo, su, cron, PAM and the account tools, as syslog lines or journald entries.
//!
//! | line | identity | action |
//! |---|---|---|
//! | `Accepted …` | the account | `sshd:login`, with the key's fingerprint |
//! | `Failed …`, `Connection closed by authenticating user …` | the account claimed | `sshd:login`, denied, unproven |
//! | `Starting session: …` | the account | `sshd:shell`, `sshd:command`, `sshd:subsystem` |
//! | `alice : … COMMAND=…` | alice | `sudo:exec` on the program, in the target's account |
//! | `(to postgres) alice on …` | alice | `su:switch` |
//! | `session opened for user postgres by alice` of sudo, su, runuser | postgres, called by alice | `sudo:session`, `su:session`, … |
//! | `session opened …` of other programs (login, vsftpd, …) | the account | `login:session`, … |
//! | `(backup) CMD (…)` | backup | `cron:run` on the program |
//! | `new user: …`, `add 'svc' to group …`, … | root | `shadow:useradd`, `shadow:add_group_member`, … |
//!
//! A login and the session that PAM opens for it are one use: only the login counts. Arguments of commands are never kept, since they
//! may hold secrets. Times without a zone are taken as UTC: hosts whose syslog writes local time should write ISO times.

mod command;
mod cron;
mod journald;
mod pam;
mod reading;
mod remote;
mod shadow;
mod sshd;
mod sudo;
mod syslog;
mod timestamp;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::{Context, Error, Normalized, Principal};
use crate::activity::Event;
use crate::decode::{Format, RawRecord};
use crate::text::Text;

use reading::{
    Act, FORGED, MAX_RESOURCE, OTHER_MESSAGE, OTHER_PROGRAM, REPEATED, Reading, SESSION_CLOSED,
    SESSION_OPENED, cut,
};
use syslog::{Line, Writer};

/// Longest message that is read, in bytes; what comes after is left out. OpenSSH and sudo write 1 KiB at most, rsyslog passes 8 KiB
/// on. The readers try each place where a name may end, so that their work grows with the square of this.
const MAX_MESSAGE: usize = 8 << 10;

/// An account on a Linux host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinuxPrincipal<'a> {
    /// Host that reported it.
    pub host: Text<'a>,
    /// Account name.
    pub account: Text<'a>,
    /// Numeric user id, where logged.
    pub uid: Option<u32>,
}

/// Turns one record into who did what.
pub(super) fn normalize<'a>(record: &RawRecord<'a>, context: &Context<'a>) -> Result<Normalized<'a>, Error> {
    let line = match record.format {
        Format::Journald => journald::parse(record.text, &record.envelope)?,
        _ => syslog::parse(record.text, &record.envelope, context)?,
    };
    Ok(match read_line(&line) {
        Reading::Skip(label) => Normalized::Skipped(label),
        Reading::Act(act) => activity(*act, line, context),
    })
}

fn read_line<'a>(line: &Line<'a>) -> Reading<'a> {
    // A message that borrows from the record is read in place; one that had to be unescaped is copied out.
    let message = cut(line.message.clone(), MAX_MESSAGE);
    let reading = match message.into_cow() {
        Cow::Borrowed(message) => read(&line.program, message),
        Cow::Owned(message) => read(&line.program, &message).into_owned(),
    };
    match reading {
        Reading::Act(act) if is_forged(&act, &line.program, &line.writer) => Reading::Skip(FORGED),
        reading => reading,
    }
}

/// Reads what `program` said.
fn read<'m>(program: &str, message: &'m str) -> Reading<'m> {
    if program.is_empty() && message.contains("message repeated ") {
        return Reading::Skip(REPEATED);
    }
    let message = repeated(message).unwrap_or(message);
    if let Some(reading) = pam::read(message) {
        return reading;
    }
    match program {
        "sshd" | "sshd-session" | "sshd-auth" => sshd::read(message),
        "sudo" => sudo::read(message),
        "su" => sudo::read_su(message),
        "pkexec" => sudo::read_pkexec(message),
        "CRON" | "CROND" | "cron" | "crond" => cron::read(message),
        "crontab" => cron::read_crontab(message),
        "systemd-logind" => logind(message),
        tool if shadow::is_tool(tool) => shadow::read(message),
        _ => Reading::Skip(OTHER_PROGRAM),
    }
}

/// The message inside `message repeated 5 times: [ … ]`. It counts once: syslog keeps only the last one's time.
fn repeated(message: &str) -> Option<&str> {
    let (count, rest) = message.strip_prefix("message repeated ")?.split_once(" times: [")?;
    let is_count = !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit());
    is_count.then(|| rest.strip_suffix(']').unwrap_or(rest).trim())
}

/// Sessions that logind tracks were opened by a login that is counted already.
fn logind(message: &str) -> Reading<'_> {
    let is_opened = message.starts_with("New session ");
    let is_closed = message.starts_with("Removed session ") || message.starts_with("Session ");
    Reading::Skip(match (is_opened, is_closed) {
        (true, _) => SESSION_OPENED,
        (_, true) => SESSION_CLOSED,
        _ => OTHER_MESSAGE,
    })
}

/// Whether journald knows that another process wrote this: any account may log under any name (`logger -t sshd`).
///
/// What root writes is believed. Others must at least run the command they speak for; and verdicts on logins come from the part
/// of sshd that runs as root, while its part that runs as the account tells of sessions.
fn is_forged(act: &Act<'_>, program: &str, writer: &Writer<'_>) -> bool {
    let (Some(uid), Some(command)) = (writer.uid, &writer.command) else { return false };
    let is_own = program.eq_ignore_ascii_case(command) || program.strip_suffix(['d', 'D']) == Some(command);
    let is_verdict = act.service == "sshd" && act.operation == "login";
    uid != 0 && (is_verdict || !is_own)
}

fn activity<'a>(act: Act<'a>, line: Line<'a>, context: &Context<'a>) -> Normalized<'a> {
    let writer_uid = (line.program == "sudo").then_some(line.writer.uid).flatten();
    let principal = LinuxPrincipal {
        host: line.host.clone(),
        account: act.account,
        uid: act.uid.or(writer_uid.filter(|_| act.service == "sudo" && act.operation == "exec")),
    };
    let caller = act.caller.map(|caller| format!("linux:{}:{caller}", line.host).into());
    let (time, time_clamped) = line.time.clamped(context.received, context.clock_skew_ms);
    let event = Event {
        time,
        time_clamped,
        received: context.received,
        usage: act.usage,
        credential: act.credential,
        service: act.service,
        operation: act.operation.into(),
        read_only: None,
        resource: act.resource.map(|resource| cut(resource, MAX_RESOURCE)),
        outcome: act.outcome,
        error_code: act.error_code.map(Text::from),
        origin: act.origin,
        client: None,
        region: None,
        account: act.target.map(|target| cut(target, MAX_RESOURCE)),
        session: None,
        workload: act.workload.map(|workload| cut(workload, MAX_RESOURCE)),
        caller,
        interactive: act.interactive,
        via_service: None,
        event_id: line.event_id,
        shared_event_id: None,
        scope: format!("linux:{}", line.host).into(),
        provenance: context.provenance.clone(),
        is_past: false,
    };
    Normalized::Activity(Principal::Linux(principal), Box::new(event))
}
