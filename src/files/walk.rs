//! Which files to read, in the order of time as far as their names tell it.

use std::cmp::Reverse;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::time::EventTime;

/// Folders below folders; CloudTrail's own layout has eight. Deeper trees are a mistake or a trap.
const MAX_DEPTH: usize = 32;
/// Name endings of log files in folders; a file that is named on the command line is read whatever its name.
const ENDINGS: [&str; 4] = ["json", "jsonl", "ndjson", "log"];
/// Name endings of what is packed in ways that are not read, and may hold logs.
const PACKED: [&str; 14] =
    ["7z", "avro", "br", "bz2", "lz4", "lzma", "orc", "parquet", "snappy", "tar", "tgz", "xz", "zip", "zst"];
/// Linux auth logs as distributions name them, without an ending.
const AUTH_LOGS: [&str; 3] = ["secure", "auth", "messages"];
/// CloudTrail puts its digest files, which hold hashes and no events, below a folder of this name.
pub const DIGEST_FOLDER: &str = "CloudTrail-Digest";
/// Why a file of a folder is not read whose name is not that of a log.
pub const NOT_A_LOG: &str = "not a log file by its name (name it to read it all the same)";

/// One file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Where it is; `-` for standard input.
    pub path: PathBuf,
    /// Bytes on disk; 0 for standard input.
    pub bytes: u64,
}

impl LogFile {
    /// Whether it is standard input.
    #[must_use]
    pub fn is_stdin(&self) -> bool {
        self.path.as_os_str() == "-"
    }
}

/// A file or folder that is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotRead {
    /// Where it is.
    pub path: PathBuf,
    /// Why, for a person: `not found`, `not a log file by its name`.
    pub reason: String,
}

/// What a walk found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// To be read, in this order.
    pub files: Vec<LogFile>,
    /// Left out.
    pub not_read: Vec<NotRead>,
}

/// Finds the log files at and below `paths`. Each path keeps its place; below a folder, files come in order of the
/// time that their names tell (CloudTrail's `…/YYYY/MM/DD/…_YYYYMMDDTHHMMZ_…`, rotated logs oldest first), then by name.
#[must_use]
pub fn walk(paths: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for path in paths {
        let first = found.files.len();
        found.add_named(path);
        found.files[first..].sort_by_cached_key(|file| Order::of(&file.path));
    }
    found
}

impl Found {
    fn add_named(&mut self, path: &Path) {
        if path.as_os_str() == "-" {
            self.files.push(LogFile { path: path.to_owned(), bytes: 0 });
            return;
        }
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => self.add_folder(path, MAX_DEPTH),
            Ok(meta) => self.files.push(LogFile { path: path.to_owned(), bytes: meta.len() }),
            Err(error) => self.leave(path, &explain(&error)),
        }
    }

    fn add_folder(&mut self, folder: &Path, depth_left: usize) {
        if folder.file_name().is_some_and(|name| name == DIGEST_FOLDER) {
            return self.leave(folder, "CloudTrail digests hold no events");
        }
        if depth_left == 0 {
            return self.leave(folder, "more than 32 folders deep");
        }
        match fs::read_dir(folder) {
            Ok(entries) => {
                for entry in entries {
                    self.add_entry(folder, entry, depth_left);
                }
            }
            Err(error) => self.leave(folder, &explain(&error)),
        }
    }

    fn add_entry(&mut self, folder: &Path, entry: io::Result<fs::DirEntry>, depth_left: usize) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return self.leave(folder, &explain(&error)),
        };
        let path = entry.path();
        // A link to a folder is not followed: it may lead in a circle.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        match fs::metadata(&path) {
            Ok(_) if is_folder => self.add_folder(&path, depth_left - 1),
            Ok(meta) if !meta.is_file() => self.leave(&path, "not a plain file"),
            Ok(meta) if is_log_name(&path) => self.files.push(LogFile { path, bytes: meta.len() }),
            Ok(_) => self.leave(&path, NOT_A_LOG),
            Err(error) => self.leave(&path, &explain(&error)),
        }
    }

    fn leave(&mut self, path: &Path, reason: &str) {
        self.not_read.push(NotRead { path: path.to_owned(), reason: reason.to_owned() });
    }
}

/// An I/O error in the words of the report.
#[must_use]
pub fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "not found".to_owned(),
        io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        _ => error.to_string(),
    }
}

fn is_log_name(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    if name.starts_with('.') || name.ends_with(".tar.gz") {
        return false;
    }
    let (stem, _) = rotation(&name);
    let ending = stem.rsplit_once('.').map(|(_, ending)| ending);
    name.ends_with(".gz")
        || ending.is_some_and(|ending| ENDINGS.contains(&ending))
        || AUTH_LOGS.contains(&stem)
}

/// Whether a file is packed in a way that is not read, by its name.
#[must_use]
pub fn is_packed(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let (stem, _) = rotation(&name);
    let ending = stem.strip_suffix(".gz").unwrap_or(stem).rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| PACKED.contains(&ending))
}

/// Parts `auth.log.2` into `auth.log` and how many times it was rotated; 0 for what was not.
fn rotation(name: &str) -> (&str, u32) {
    let parted = name.rsplit_once('.').and_then(|(stem, count)| Some((stem, count.parse().ok()?)));
    parted.unwrap_or((name, 0))
}

/// When CloudTrail delivered a file, as its name tells (`…_20260131T0905Z_…`).
#[must_use]
pub fn delivered_at(path: &Path) -> Option<EventTime> {
    let stamp = stamp_in_name(&path.file_name()?.to_string_lossy())?;
    let part = |range: std::ops::Range<usize>| stamp.get(range).unwrap_or_default();
    let (date, time) = ((part(0..4), part(4..6), part(6..8)), (part(8..10), part(10..12)));
    EventTime::parse_rfc3339(&format!("{}-{}-{}T{}:{}:00Z", date.0, date.1, date.2, time.0, time.1))
}

/// By the time that the name tells, then by name, then the most often rotated first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Order {
    time: Option<String>,
    stem: PathBuf,
    rotated: Reverse<u32>,
    path: PathBuf,
}

impl Order {
    fn of(path: &Path) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let (stem, rotated) = rotation(name.strip_suffix(".gz").unwrap_or(&name));
        Self {
            time: stamp_in_name(&name).or_else(|| date_in_folders(path)),
            stem: path.with_file_name(stem),
            rotated: Reverse(rotated),
            path: path.to_owned(),
        }
    }
}

/// `20260131T0905Z` in a CloudTrail file's name, as `202601310905`.
fn stamp_in_name(name: &str) -> Option<String> {
    let is_stamp = |part: &&str| {
        let bytes = part.as_bytes();
        bytes.len() == 14
            && bytes[8] == b'T'
            && bytes[13] == b'Z'
            && [&bytes[..8], &bytes[9..13]].concat().iter().all(u8::is_ascii_digit)
    };
    let stamp = name.split('_').find(is_stamp)?;
    Some(format!("{}{}", &stamp[..8], &stamp[9..13]))
}

/// `…/2026/01/31/…`, as `20260131`.
fn date_in_folders(path: &Path) -> Option<String> {
    let folders: Vec<String> =
        path.parent()?.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    let is_number =
        |text: &str, digits: usize| text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    let is_date =
        |window: &&[String]| is_number(&window[0], 4) && is_number(&window[1], 2) && is_number(&window[2], 2);
    folders.windows(3).rfind(is_date).map(<[String]>::concat)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(names: &[&str]) -> Vec<String> {
        let mut paths: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
        paths.sort_by_cached_key(|path| Order::of(path));
        paths.iter().map(|path| path.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn cloudtrail_files_come_by_time_over_accounts_and_regions() {
        let eu_late =
            "AWSLogs/1/CloudTrail/eu-west-1/2026/01/31/1_CloudTrail_eu-west-1_20260131T0910Z_b.json.gz";
        let us_early =
            "AWSLogs/1/CloudTrail/us-east-1/2026/01/31/1_CloudTrail_us-east-1_20260131T0905Z_a.json.gz";
        let us_before =
            "AWSLogs/1/CloudTrail/us-east-1/2026/01/30/1_CloudTrail_us-east-1_20260130T2355Z_c.json.gz";
        assert_eq!(sorted(&[eu_late, us_early, us_before]), [us_before, us_early, eu_late]);
    }

    #[test]
    fn the_delivery_of_a_file_is_in_its_name() {
        let at = |name: &str| delivered_at(Path::new(name)).map(EventTime::to_rfc3339);
        let delivered = at("logs/1_CloudTrail_eu-west-1_20260131T0910Z_b.json.gz");
        assert_eq!(delivered.as_deref(), Some("2026-01-31T09:10:00.000Z"));
        assert_eq!(at("logs/1_CloudTrail_eu-west-1_20261331T0910Z_b.json.gz"), None);
        assert_eq!(at("2026/01/31/auth.log"), None);
    }

    #[test]
    fn rotated_logs_come_oldest_first() {
        let names = ["h/auth.log", "h/auth.log.1", "h/auth.log.10.gz", "h/auth.log.2.gz"];
        assert_eq!(sorted(&names), ["h/auth.log.10.gz", "h/auth.log.2.gz", "h/auth.log.1", "h/auth.log"]);
    }

    #[test]
    fn folders_are_read_by_name_and_what_is_left_out_has_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.jsonl", "a.json.gz", "auth.log.1", "secure", "notes.txt", ".hidden.json"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        fs::create_dir(folder.path().join(DIGEST_FOLDER)).unwrap();
        let missing = folder.path().join("missing");
        let found = walk(&[folder.path().to_owned(), missing.clone()]);
        let names: Vec<_> = found.files.iter().filter_map(|file| file.path.file_name()).collect();
        assert_eq!(names, ["a.json.gz", "auth.log.1", "b.jsonl", "secure"]);
        let mut left: Vec<_> = found.not_read.iter().filter_map(|file| file.path.file_name()).collect();
        left.sort();
        assert_eq!(left, [".hidden.json", DIGEST_FOLDER, "missing", "notes.txt"]);
        assert!(found.not_read.contains(&NotRead { path: missing, reason: "not found".into() }));
    }

    #[test]
    fn a_named_file_is_read_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        fs::write(&path, "xyz").unwrap();
        assert_eq!(walk(std::slice::from_ref(&path)).files, [LogFile { path, bytes: 3 }]);
    }
}
