//! CloudTrail's digest files: each lists the files that were delivered within an hour, with their hashes. Where all of them are
//! here and unchanged, nothing of that hour is missing, even if it was silent.
//!
//! The signatures are not checked: that takes public keys that AWS hands out on request (`aws cloudtrail validate-logs` does it).
//! Against who can write to the archive's copy, this proves nothing; against what a copy loses, it does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::covered::{Covered, Run};
use super::merge::DELIVERY_MS;
use super::plan::Span;
use crate::files::walk::{DIGEST_FOLDER, explain};
use crate::files::{self, LogFile, NotRead};
use crate::time::{EventTime, HOUR_MS, SECOND_MS};

/// Largest digest that is read, unpacked. One names some thousand files at most, of half a kilobyte each.
const MAX_DIGEST_BYTES: u64 = 64 << 20;
/// The hash that CloudTrail uses.
const ALGORITHM: &str = "SHA-256";

/// What the digests of an archive say.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Digests read.
    pub(super) digests: u64,
    /// Files that they list, and that are here unchanged.
    pub(super) sound: u64,
    /// What is missing, changed or not readable, by name.
    pub(super) problems: Vec<NotRead>,
    ranges: Vec<Range>,
    /// What is fed in: files, and of which time.
    files: BTreeSet<PathBuf>,
    span: Span,
}

/// The deliveries that one digest lists, of one log source.
#[derive(Debug)]
struct Range {
    scope: String,
    start: EventTime,
    end: EventTime,
    is_sound: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Digest {
    digest_start_time: String,
    digest_end_time: String,
    #[serde(rename = "digestS3Object")]
    digest_object: String,
    #[serde(rename = "previousDigestS3Object", default)]
    previous_object: Option<String>,
    #[serde(default)]
    previous_digest_hash_value: Option<String>,
    #[serde(default)]
    log_files: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    #[serde(rename = "s3Object")]
    object: String,
    hash_value: String,
    hash_algorithm: String,
}

/// Where digests lie below `folders` (each a `CloudTrail-Digest`).
pub(super) fn find(folders: &[PathBuf]) -> Vec<LogFile> {
    let below: Vec<PathBuf> = folders
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    let mut files = files::walk(&below).files;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Checks every file that the digests of this time list; they must be among `files`, which are those that are fed in. `on_digest`
/// is called after each digest.
pub(super) fn check(
    digests: &[LogFile],
    files: &[LogFile],
    span: Span,
    mut on_digest: impl FnMut(),
) -> Verdict {
    let files = if digests.is_empty() {
        BTreeSet::new()
    } else {
        files.iter().map(|file| real(&file.path)).collect()
    };
    let mut verdict = Verdict { files, span, ..Verdict::default() };
    let mut hashes: BTreeMap<String, (String, PathBuf)> = BTreeMap::new();
    let mut links = Vec::new();
    for file in digests {
        match read(file) {
            Ok((digest, hash)) => {
                verdict.take(&digest, &file.path);
                let link = (digest.previous_object.clone()).zip(digest.previous_digest_hash_value.clone());
                links.extend(link);
                hashes.insert(digest.digest_object, (hash, file.path.clone()));
            }
            Err(reason) => verdict.problems.push(NotRead { path: file.path.clone(), reason }),
        }
        verdict.digests += 1;
        on_digest();
    }
    for (object, expected) in links {
        if let Some((hash, path)) =
            hashes.get(&object).filter(|(hash, _)| !hash.eq_ignore_ascii_case(&expected))
        {
            let reason = format!("changed: the digest after it expects SHA-256 {expected}, it is {hash}");
            verdict.problems.push(NotRead { path: path.clone(), reason });
            verdict.distrust(path);
        }
    }
    verdict
}

impl Verdict {
    /// Notes which hours are proven complete, and of which something is missing.
    pub(super) fn note(&self, covered: &mut Covered) {
        let mut scopes: BTreeMap<&str, Vec<&Range>> = BTreeMap::new();
        for range in &self.ranges {
            scopes.entry(&range.scope).or_default().push(range);
        }
        for (scope, mut ranges) in scopes {
            ranges.sort_by_key(|range| range.start);
            for broken in ranges.iter().filter(|range| !range.is_sound) {
                let first = broken.start.plus_millis(-DELIVERY_MS).hour();
                covered.withhold(Some(scope), (first, broken.end.hour()));
            }
            for (start, end) in chains(&ranges) {
                let run = whole_hours(start, end).and_then(|run| within(run, self.span));
                if let Some(run) = run {
                    covered.prove(scope, run, end.plus_millis(-DELIVERY_MS));
                }
            }
        }
    }

    fn take(&mut self, digest: &Digest, path: &Path) {
        let times = EventTime::parse_rfc3339(&digest.digest_start_time)
            .zip(EventTime::parse_rfc3339(&digest.digest_end_time));
        let Some(((start, end), scope)) = times.zip(scope_of(&digest.digest_object)) else {
            let reason = "it does not say of what and when it is".to_owned();
            return self.problems.push(NotRead { path: path.to_owned(), reason });
        };
        if self.span.since.is_some_and(|since| end < since) {
            return;
        }
        let problems = self.problems.len();
        for listed in &digest.log_files {
            match verify(listed, digest, path, &self.files) {
                Ok(()) => self.sound += 1,
                Err((path, reason)) => self.problems.push(NotRead { path, reason }),
            }
        }
        self.ranges.push(Range { scope, start, end, is_sound: self.problems.len() == problems });
    }

    /// Takes no digest's word in a log source of which one was changed.
    fn distrust(&mut self, path: &Path) {
        let Some(scope) = scope_of(&path.to_string_lossy()) else { return };
        self.ranges.retain(|range| range.scope != scope || !range.is_sound);
    }
}

/// Stretches of sound digests without a gap between them.
fn chains(ranges: &[&Range]) -> Vec<(EventTime, EventTime)> {
    let mut chains: Vec<(EventTime, EventTime)> = Vec::new();
    for range in ranges.iter().filter(|range| range.is_sound) {
        match chains.last_mut() {
            Some(last) if range.start <= last.1.plus_millis(SECOND_MS) => last.1 = last.1.max(range.end),
            _ => chains.push((range.start, range.end)),
        }
    }
    chains
}

/// The hours whose events were all delivered within a stretch: deliveries follow events for up to [`DELIVERY_MS`].
fn whole_hours(start: EventTime, end: EventTime) -> Option<Run> {
    let first = start.plus_millis(HOUR_MS - 1).hour();
    let after_last = end.plus_millis(-DELIVERY_MS).hour();
    (first < after_last).then(|| (first, after_last - 1))
}

/// The part of a run that lies within a stretch of time as a whole.
fn within((first, last): Run, span: Span) -> Option<Run> {
    let first = span.since.map_or(first, |since| first.max(since.plus_millis(HOUR_MS - 1).hour()));
    let end = span.until.map_or(last + 1, |until| until.hour().min(last + 1));
    (first < end).then(|| (first, end - 1))
}

/// The log source of a digest by where it lies: `…/111122223333/CloudTrail-Digest/eu-west-1/…`.
fn scope_of(object: &str) -> Option<String> {
    let parts: Vec<&str> = object.split(['/', '\\']).collect();
    let at = parts.iter().rposition(|part| *part == DIGEST_FOLDER)?;
    let (account, region) = (parts.get(at.checked_sub(1)?)?, parts.get(at + 1)?);
    Some(format!("aws:{account}:{region}"))
}

/// A digest and its own hash.
fn read(file: &LogFile) -> Result<(Digest, String), String> {
    let mut bytes = Vec::new();
    let reader = files::open(file, |raw| raw).map_err(|error| explain(&error))?;
    reader.take(MAX_DIGEST_BYTES).read_to_end(&mut bytes).map_err(|error| explain(&error))?;
    let digest = serde_json::from_slice(&bytes).map_err(|error| format!("no digest: {error}"))?;
    Ok((digest, hex(&Sha256::digest(&bytes))))
}

/// Looks whether a listed file is here and unchanged.
fn verify(
    listed: &Listed,
    digest: &Digest,
    path: &Path,
    files: &BTreeSet<PathBuf>,
) -> Result<(), (PathBuf, String)> {
    let here = place(&listed.object, &digest.digest_object, path).ok_or_else(|| {
        (PathBuf::from(&listed.object), format!("listed by {}, and in no place below it", path.display()))
    })?;
    let failed = |reason: String| Err((here.clone(), reason));
    if listed.hash_algorithm != ALGORITHM {
        return failed(format!("its hash is not {ALGORITHM}, which is all that is known"));
    }
    let bytes = match std::fs::metadata(&here) {
        Ok(meta) => meta.len(),
        Err(error) => return failed(format!("missing: {} lists it ({})", path.display(), explain(&error))),
    };
    if !files.contains(&real(&here)) {
        return failed("listed by a digest, and not among the files that are fed in".into());
    }
    match hash(&LogFile { path: here.clone(), bytes }) {
        Ok(found) if found.eq_ignore_ascii_case(&listed.hash_value) => Ok(()),
        Ok(found) => failed(format!("changed: SHA-256 {} is expected, it is {found}", listed.hash_value)),
        Err(error) => failed(explain(&error)),
    }
}

/// SHA-256 of a file's unpacked content, as digests have it.
fn hash(file: &LogFile) -> io::Result<String> {
    let mut reader = files::open(file, |raw| raw)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 64 << 10]);
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hex(&hasher.finalize())),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// A path by which a file is the same however it is reached.
fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where an object lies beside its digest, whatever part of the bucket's tree was copied.
fn place(object: &str, digest_object: &str, digest_path: &Path) -> Option<PathBuf> {
    let is_plain = |path: &str| Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if !is_plain(object) || !is_plain(digest_object) {
        return None;
    }
    let keys: Vec<&str> = digest_object.split('/').collect();
    let parts: Vec<Component<'_>> = digest_path.components().collect();
    let same = |(key, part): &(&&str, &Component<'_>)| part.as_os_str() == std::ffi::OsStr::new(**key);
    let common = keys.iter().rev().zip(parts.iter().rev()).take_while(same).count();
    let cut = keys.len() - common;
    let prefix: Vec<&str> = object.split('/').take(cut).collect();
    if common == 0 || prefix != keys[..cut] {
        return None;
    }
    let root: PathBuf = parts[..parts.len() - common].iter().collect();
    Some(object.split('/').skip(cut).fold(root, |path, part| path.join(part)))
}

#[cfg(test)]
mod tests;
