//! Headers of syslog lines: RFC 3164 as it is really written, and RFC 5424.

use crate::decode::Envelope;
use crate::normalize::{Context, Error};
use crate::text::Text;
use crate::time::{EventTime, ProcessingTime};

use super::timestamp;

/// Longest host name, in bytes (RFC 1035).
const MAX_HOST: usize = 255;
/// Longest program name, in bytes: RFC 5424's APP-NAME ends at 48, paths as program names run longer.
const MAX_PROGRAM: usize = 96;
/// Largest PRI: facility 23, severity 7.
const MAX_PRI: u32 = 191;

/// A line of an auth log, its header taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line<'a> {
    /// When.
    pub(super) time: EventTime,
    /// Host that wrote it, in lower case.
    pub(super) host: Text<'a>,
    /// Program that wrote it, without path and process id; empty where the line names none.
    pub(super) program: Text<'a>,
    /// What it said.
    pub(super) message: Text<'a>,
    /// The log's own id of the entry.
    pub(super) event_id: Option<Text<'a>>,
    /// What the log knows for sure about the writing process.
    pub(super) writer: Writer<'a>,
}

/// What the kernel told the log about the writing process. Syslog knows nothing of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Writer<'a> {
    /// User id it ran as.
    pub(super) uid: Option<u32>,
    /// Name of its command.
    pub(super) command: Option<Text<'a>>,
}

/// Header fields as found; what is missing comes from the envelope.
#[derive(Default)]
struct Header<'a> {
    time: Option<EventTime>,
    host: Option<&'a str>,
    program: &'a str,
    message: &'a str,
}

/// Takes a syslog line apart.
///
/// # Errors
/// Where neither the line nor its envelope tells the time or the host, or an RFC 5424 header is cut short.
pub(super) fn parse<'a>(
    text: &'a str,
    envelope: &Envelope<'a>,
    context: &Context<'_>,
) -> Result<Line<'a>, Error> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let (pri, rest) = split_pri(skip_frame_length(text));
    let header = match rest.strip_prefix("1 ") {
        Some(rest) if pri => parse_5424(rest)?,
        _ => parse_3164(rest, stamped(envelope, context)),
    };
    let time = header.time.or(envelope.time).ok_or(Error::MissingField("timestamp"))?;
    let host = host(header.host.map(Text::from)).or_else(|| host(envelope.host.clone()));
    Ok(Line {
        time,
        host: host.ok_or(Error::MissingField("host"))?,
        program: header.program.into(),
        message: header.message.into(),
        event_id: None,
        writer: Writer::default(),
    })
}

/// The host in lower case (names in DNS have no case), or none where this cannot be one.
pub(super) fn host(name: Option<Text<'_>>) -> Option<Text<'_>> {
    let name = name?;
    let is_host = is_host(&name) && !matches!(name.as_str(), "-" | "localhost");
    match is_host {
        true if name.bytes().any(|b| b.is_ascii_uppercase()) => Some(name.to_ascii_lowercase().into()),
        true => Some(name),
        false => None,
    }
}

/// Name of a program without its path, cut to a bounded length.
pub(super) fn program_name(program: &str) -> &str {
    let name = program.rsplit('/').next().unwrap_or(program);
    if name.len() > MAX_PROGRAM { "" } else { name }
}

fn is_host(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
    !name.is_empty() && name.len() <= MAX_HOST && name.bytes().all(allowed)
}

/// Over TCP a line may come with its length before it (RFC 6587).
fn skip_frame_length(text: &str) -> &str {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    match rest.strip_prefix(' ') {
        Some(line) if rest.len() < text.len() && line.starts_with('<') => line,
        _ => text,
    }
}

/// Whether the line starts with a PRI, and the line after it.
fn split_pri(text: &str) -> (bool, &str) {
    let split = text.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    let is_pri = |digits: &str| {
        matches!(digits.len(), 1..=3)
            && digits.bytes().all(|b| b.is_ascii_digit())
            && digits.parse().is_ok_and(|pri: u32| pri <= MAX_PRI)
    };
    match split {
        Some((digits, rest)) if is_pri(digits) => (true, rest.trim_start_matches(' ')),
        _ => (false, text),
    }
}

/// When the line was taken in, by which a missing year is inferred: the collector saw it sooner than we did.
fn stamped(envelope: &Envelope<'_>, context: &Context<'_>) -> ProcessingTime {
    envelope.time.map_or(context.received, |time| ProcessingTime::from_millis(time.millis()))
}

/// `TIME HOST PROGRAM[PID]: MESSAGE`, where busybox leaves the host out and stripped lines leave the time out too.
fn parse_3164(text: &str, stamped: ProcessingTime) -> Header<'_> {
    let (time, rest) = match timestamp::split(text, stamped) {
        Some((time, rest)) => (Some(time), rest.trim_start_matches(' ')),
        None => (None, text),
    };
    if let Some((program, message)) = split_tag(rest) {
        return Header { time, host: None, program, message };
    }
    let (host, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let (program, message) = split_tag(rest.trim_start_matches(' ')).unwrap_or(("", rest));
    Header { time, host: Some(host), program, message }
}

/// `PROGRAM: `, `PROGRAM[PID]: ` and what follows.
fn split_tag(text: &str) -> Option<(&str, &str)> {
    let end = text.find([':', '[', ' '])?;
    let (program, rest) = text.split_at(end);
    let rest = match rest.strip_prefix('[') {
        Some(pid) => pid.split_once(']')?.1,
        None => rest,
    };
    let message = rest.strip_prefix(':')?;
    let is_tag = !program.is_empty() && (message.is_empty() || message.starts_with(' '));
    is_tag.then(|| (program_name(program), message.trim_start_matches(' ')))
}

/// `TIME HOST PROGRAM PID MSGID STRUCTURED-DATA MESSAGE`, after the version.
fn parse_5424(text: &str) -> Result<Header<'_>, Error> {
    let mut fields = text.splitn(6, ' ');
    let mut next = |name| fields.next().ok_or(Error::MissingField(name));
    let (time, host, program) = (next("timestamp")?, next("host")?, next("program")?);
    next("process id")?;
    next("message id")?;
    let message = after_structured_data(next("structured data")?).ok_or(Error::MissingField("message"))?;
    let time = match time {
        "-" => None,
        time => Some(timestamp::parse_iso(time).ok_or_else(|| bad_time(time))?),
    };
    Ok(Header {
        time,
        host: Some(host),
        program: program_name(program),
        message: message.trim_start_matches('\u{feff}').trim_start_matches(' '),
    })
}

/// What follows `-` or `[id name="value" …]…`, in which `\"`, `\\` and `\]` are escapes. `None` where it does not end.
fn after_structured_data(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix('-') {
        return Some(rest.strip_prefix(' ').unwrap_or(rest));
    }
    let mut rest = text;
    while rest.starts_with('[') {
        rest = &rest[element_end(rest)?..];
    }
    (rest.len() < text.len()).then(|| rest.strip_prefix(' ').unwrap_or(rest))
}

/// Length of the structured element that `text` starts with.
fn element_end(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b']' if !quoted => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The error for a time that is not understood; holds at most the characters of a time.
pub(super) fn bad_time(time: &str) -> Error {
    const SHOWN: usize = 40;
    Error::BadTime(time.chars().take(SHOWN).collect())
}
