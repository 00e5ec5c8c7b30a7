//! What a run feeds in: which files, of which time, into which topics; and its name, by which it goes on.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use xxhash_rust::xxh3::xxh3_64;

use super::Args;
use super::digest;
use crate::cli::exit::Failure;
use crate::config::{Config, FormatHint, Input};
use crate::decode::Format;
use crate::files::walk::{DIGEST_FOLDER, NOT_A_LOG, delivered_at, is_packed};
use crate::files::{self, LogFile, NotRead};
use crate::time::{EventTime, HOUR_MS, MINUTE_MS};

/// Why a file that may hold logs is not read.
const PACKED: &str = "packed in a way that is not read: unpack it, or pack it with gzip";

/// What a run feeds in.
pub(super) struct Plan {
    /// Names the run: the same arguments go on where they stopped.
    pub(super) run: String,
    /// What was asked for, as it is on disk.
    pub(super) paths: Vec<String>,
    /// Logs.
    pub(super) files: Vec<LogFile>,
    /// CloudTrail's digests.
    pub(super) digests: Vec<LogFile>,
    /// What is missing, or may not be read.
    pub(super) not_read: Vec<NotRead>,
    /// Files of other names in folders.
    pub(super) others: usize,
    /// Where to.
    pub(super) targets: Targets,
    /// What the files carry.
    pub(super) format: FormatHint,
    /// Time of the records: start inclusive, end exclusive.
    pub(super) span: Span,
}

/// A stretch of time; `None` is without an end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    /// Start, inclusive.
    pub(super) since: Option<EventTime>,
    /// End, exclusive.
    pub(super) until: Option<EventTime>,
}

impl Span {
    /// Whether it holds a time.
    pub(super) fn holds(self, time: EventTime) -> bool {
        self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time < until)
    }

    /// Whether it holds all of the hour of a time.
    pub(super) fn holds_hour_of(self, time: EventTime) -> bool {
        let start = EventTime::from_millis(i64::from(time.hour()) * HOUR_MS);
        self.holds(start) && self.holds(start.plus_millis(HOUR_MS - 1))
    }
}

/// The input topics, by what they carry.
pub(super) struct Targets {
    inputs: Vec<Input>,
}

impl Targets {
    fn new(config: &Config, only: Option<&str>) -> Result<Self, Failure> {
        let mut inputs = config.topics.inputs.clone();
        let Some(only) = only else { return Ok(Self { inputs }) };
        inputs.retain(|input| input.topic == only);
        if inputs.is_empty() {
            return Err(Failure::Usage(anyhow!("--topic {only}: topics.inputs has no such topic")));
        }
        inputs.iter_mut().for_each(|input| input.format = FormatHint::Auto);
        Ok(Self { inputs })
    }

    /// The topic for records of a format: one that carries it, or else one that carries anything. What has no format that is
    /// known goes to the first.
    pub(super) fn of(&self, format: Option<Format>) -> Option<&str> {
        let Some(format) = format else { return self.names().next() };
        let fits = |input: &&Input| input.format != FormatHint::Auto && input.format.accepts(format);
        let any = |input: &&Input| input.format == FormatHint::Auto;
        let found = self.inputs.iter().find(fits).or_else(|| self.inputs.iter().find(any));
        found.map(|input| input.topic.as_str())
    }

    /// All of them.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(|input| input.topic.as_str())
    }
}

impl Plan {
    /// Looks what there is.
    ///
    /// # Errors
    /// Where the arguments do not fit the settings, or there is nothing to read.
    pub(super) fn new(args: &Args, config: &Config) -> Result<Self, Failure> {
        let targets = Targets::new(config, args.topic.as_deref())?;
        if args.paths.iter().any(|path| path.as_os_str() == "-") {
            return Err(Failure::Usage(anyhow!(
                "standard input cannot be read again from where it stopped: name files"
            )));
        }
        let found = files::walk(&args.paths);
        let (digests, rest): (Vec<_>, Vec<_>) =
            found.not_read.into_iter().partition(|left| is_digests(&left.path));
        let (others, mut not_read): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|left| left.reason == NOT_A_LOG && !is_packed(&left.path));
        let (packed, files): (Vec<_>, Vec<_>) =
            found.files.into_iter().partition(|file| is_packed(&file.path));
        let left_out = not_read.iter_mut().filter(|left| left.reason == NOT_A_LOG);
        left_out.for_each(|left| PACKED.clone_into(&mut left.reason));
        not_read
            .extend(packed.into_iter().map(|file| NotRead { path: file.path, reason: PACKED.to_owned() }));
        if files.is_empty() {
            return Err(Failure::Usage(anyhow!(
                "there is no log file at or below the paths: {}",
                named(&not_read)
            )));
        }
        let folders: Vec<PathBuf> = digests.into_iter().map(|left| left.path).collect();
        let paths: Vec<String> = args.paths.iter().map(|path| whole(path)).collect();
        let format = args.format.into();
        Ok(Self {
            run: name(config, args, &paths),
            paths,
            files,
            digests: if args.no_digests { Vec::new() } else { digest::find(&folders) },
            not_read,
            others: others.len(),
            targets,
            format,
            span: Span { since: args.since, until: args.until },
        })
    }
}

impl Plan {
    /// The files that may hold records of the time that was asked for: what was delivered before it, happened before it.
    pub(super) fn due(&self) -> Vec<LogFile> {
        let is_due = |file: &&LogFile| {
            // The name tells the minute.
            let delivered = delivered_at(&file.path).map(|at| at.plus_millis(MINUTE_MS));
            delivered.zip(self.span.since).is_none_or(|(at, since)| at >= since)
        };
        self.files.iter().filter(is_due).cloned().collect()
    }
}

fn is_digests(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == DIGEST_FOLDER)
}

fn named(not_read: &[NotRead]) -> String {
    let named = |left: &NotRead| format!("{}: {}", left.path.display(), left.reason);
    not_read.iter().map(named).collect::<Vec<_>>().join("; ")
}

/// A path by which it is the same wherever it is named.
fn whole(path: &Path) -> String {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// What tells this run from others: everything that decides on which records are sent in which order, but the files' content.
fn name(config: &Config, args: &Args, paths: &[String]) -> String {
    let time = |time: Option<EventTime>| time.map_or_else(String::new, EventTime::to_rfc3339);
    let topics: Vec<String> =
        config.topics.inputs.iter().map(|input| format!("{}={:?}", input.topic, input.format)).collect();
    let parts = [
        topics.join(" "),
        args.topic.clone().unwrap_or_default(),
        format!("{:?}", args.format),
        time(args.since),
        time(args.until),
        paths.join("\0"),
    ];
    format!("{:016x}", xxh3_64(parts.join("\0\0").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(only: Option<&str>, inputs: &[(&str, FormatHint)]) -> Result<Vec<Option<String>>, String> {
        let mut config = Config::default();
        let input = |(topic, format): &(&str, FormatHint)| Input { topic: (*topic).into(), format: *format };
        config.topics.inputs = inputs.iter().map(input).collect();
        let targets = Targets::new(&config, only).map_err(|failure| format!("{failure:?}"))?;
        let formats = [Some(Format::OcsfApiActivity), Some(Format::Syslog), None];
        Ok(formats.map(|format| targets.of(format).map(str::to_owned)).into())
    }

    fn some(names: [&str; 3]) -> Vec<Option<String>> {
        names.map(|name| Some(name.to_owned())).into()
    }

    #[test]
    fn records_go_to_the_input_that_carries_them() {
        let (trail, auth, any) =
            (("trail", FormatHint::Cloudtrail), ("auth", FormatHint::LinuxAuth), ("any", FormatHint::Auto));
        assert_eq!(topics(None, &[trail, auth]), Ok(some(["trail", "auth", "trail"])));
        assert_eq!(topics(None, &[any, auth]), Ok(some(["any", "auth", "any"])));
        assert_eq!(topics(Some("auth"), &[trail, auth]), Ok(some(["auth", "auth", "auth"])));
        let syslog = topics(None, &[trail]).map(|found| found[1].clone());
        assert_eq!(syslog, Ok(None), "what no input carries is left out");
        assert!(topics(Some("other"), &[trail]).unwrap_err().contains("topics.inputs has no such topic"));
    }

    #[test]
    fn a_span_has_its_start_and_not_its_end() {
        let at = EventTime::from_millis;
        let span = Span { since: Some(at(10)), until: Some(at(20)) };
        assert_eq!([9, 10, 19, 20].map(|ms| span.holds(at(ms))), [false, true, true, false]);
        assert!(Span::default().holds(at(0)));
        let hours = Span { since: Some(at(HOUR_MS)), until: Some(at(3 * HOUR_MS - 1)) };
        assert_eq!([0, 1, 2].map(|hour| hours.holds_hour_of(at(hour * HOUR_MS + 9))), [false, true, false]);
    }
}
