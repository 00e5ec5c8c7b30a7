//! The records of many files in one order of time, in bounded memory.
//!
//! Each file has a time before which it holds nothing: the delivery that a CloudTrail file's name tells, less
//! [`DELIVERY_MS`], or else its first record's. Files are opened when the records before them have gone out. CloudTrail's
//! files are read whole, as they are small and not sorted; others are logs that grew over time, and are read as they go.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::io::Read;

use super::records::{Archived, Splitter};
use super::unread::{Named, Part, Unread};
use crate::decode::Format;
use crate::files::chunks::End;
use crate::files::walk::{delivered_at, explain};
use crate::files::{self, Chunks, LogFile, NotRead};
use crate::ingest::Hidden;
use crate::time::{EventTime, HOUR_MS};

/// How long before its delivery an event may have happened, as far as order is kept: CloudTrail delivers within some
/// minutes on average (its user guide), and promises nothing. What is later still is learned as late records are.
pub(super) const DELIVERY_MS: i64 = HOUR_MS;
/// Bytes of records that wait for their turn: an hour of 100 records a second of 1.5 KB. Where an hour holds more, files are
/// opened later than they should be, and records of one time may come up to some minutes apart.
const MAX_WAITING_BYTES: usize = 512 << 20;
/// Files open at a time: half of what a process may open by default on Linux.
const MAX_OPEN: usize = 512;
/// Bytes of a file that is read whole. CloudTrail's largest are some 50 MB unpacked.
const WHOLE_BYTES: usize = 64 << 20;
/// Bytes read ahead of any other file.
const AHEAD_BYTES: usize = 64 << 10;
/// Payloads in which the first time is looked for.
const FIRST_LOOK: usize = 64;

/// Why part of a file could not be read that could be opened.
const TOO_LARGE: &str = "something in it is larger than limits.payload_bytes";
const CUT_OFF: &str = "it ends in the midst of a record";
const NOT_APART: &str = "something in it cannot be told apart into records";
const NO_TIME: &str = "what cannot be read in it comes before anything that tells a time";

/// One record in its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// By when it is ordered: its own time, or that of the record before it in its file.
    pub(super) time: EventTime,
    /// The record.
    pub(super) record: Archived,
}

/// What came of a step.
#[derive(Debug)]
pub(super) enum Step {
    /// The next record.
    Record(Placed),
    /// Something was read.
    Loaded,
    /// There is no more.
    End,
}

/// What could not be told of single records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Flaws {
    /// Files that were not read, or not all of them.
    pub(super) not_read: Vec<NotRead>,
    /// What may be missing of them.
    pub(super) unread: Vec<Unread>,
    /// Records larger than any payload may be.
    pub(super) too_large: u64,
    /// Records that came after later ones.
    pub(super) late: u64,
}

/// Wraps the raw bytes of a file, for a progress bar.
pub(super) type Observe<'a> = Box<dyn Fn(Box<dyn Read>) -> Box<dyn Read> + 'a>;

/// Reads files in one order of time.
pub(super) struct Merge<'a> {
    splitter: Splitter,
    max_bytes: usize,
    observe: Observe<'a>,
    waiting: VecDeque<(EventTime, LogFile)>,
    open: BTreeMap<u32, Stream>,
    next_file: u32,
    heap: BinaryHeap<Reverse<Entry>>,
    waiting_bytes: usize,
    /// A file of which nothing is in the heap.
    dry: Option<u32>,
    newest: EventTime,
    flaws: Flaws,
}

struct Stream {
    file: LogFile,
    chunks: Chunks<Box<dyn Read>>,
    ahead_bytes: usize,
    /// Time and format of the newest record that told them: what is not understood is taken to have the same.
    time: EventTime,
    format: Option<Format>,
    /// The log source that its name tells: what is not understood is taken to be of it, unless records belie the name.
    scope: Option<String>,
    /// What was read, and why it is not all.
    part: Part,
    flaw: Option<&'static str>,
    ends_hidden: bool,
    records: u64,
    in_heap: usize,
    is_at_end: bool,
}

/// A record in the heap: by time, and then in the order in which it was read.
struct Entry {
    order: (EventTime, u32, u64),
    record: Archived,
}

impl<'a> Merge<'a> {
    /// Looks when each file begins.
    pub(super) fn new(
        mut splitter: Splitter,
        found: Vec<LogFile>,
        max_bytes: usize,
        observe: Observe<'a>,
    ) -> Self {
        let mut files: Vec<_> = found
            .into_iter()
            .map(|file| (begins_at(&file, &mut splitter, max_bytes).unwrap_or_default(), file))
            .collect();
        // Stable: of one time, files come as they were found.
        files.sort_by_key(|(since, _)| *since);
        Self {
            splitter,
            max_bytes,
            observe,
            waiting: files.into(),
            open: BTreeMap::new(),
            next_file: 0,
            heap: BinaryHeap::new(),
            waiting_bytes: 0,
            dry: None,
            newest: EventTime::default(),
            flaws: Flaws::default(),
        }
    }

    /// Reads a little, or gives the next record.
    pub(super) fn step(&mut self) -> Step {
        if let Some(file) = self.dry.take() {
            self.refill(file);
            return Step::Loaded;
        }
        if self.is_file_due()
            && let Some((since, file)) = self.waiting.pop_front()
        {
            self.open(since, file);
            return Step::Loaded;
        }
        self.pop().map_or(Step::End, Step::Record)
    }

    /// What could not be told of single records.
    pub(super) fn into_flaws(self) -> Flaws {
        self.flaws
    }

    fn is_file_due(&self) -> bool {
        let Some((since, _)) = self.waiting.front() else { return false };
        let Some(Reverse(next)) = self.heap.peek() else { return true };
        let has_room = self.waiting_bytes < MAX_WAITING_BYTES && self.open.len() < MAX_OPEN;
        has_room && *since <= next.order.0
    }

    fn pop(&mut self) -> Option<Placed> {
        let Reverse(Entry { order: (time, file, _), record }) = self.heap.pop()?;
        self.waiting_bytes -= record.value.len();
        if let Some(stream) = self.open.get_mut(&file) {
            stream.in_heap -= 1;
            self.dry = (stream.in_heap == 0).then_some(file);
        }
        self.flaws.late += u64::from(record.time.is_some() && time < self.newest);
        self.newest = self.newest.max(time);
        Some(Placed { time, record })
    }

    fn open(&mut self, since: EventTime, file: LogFile) {
        let ahead_bytes = if delivered_at(&file.path).is_some() { WHOLE_BYTES } else { AHEAD_BYTES };
        match files::open(&file, |raw| (self.observe)(raw)) {
            Ok(reader) => {
                let stream = Stream {
                    scope: Named::by(&file.path).map(|named| named.scope),
                    file,
                    chunks: Chunks::new(reader, self.max_bytes),
                    ahead_bytes,
                    time: since,
                    format: None,
                    part: Part::default(),
                    flaw: None,
                    ends_hidden: false,
                    records: 0,
                    in_heap: 0,
                    is_at_end: false,
                };
                self.open.insert(self.next_file, stream);
                self.refill(self.next_file);
                self.next_file += 1;
            }
            Err(error) => {
                self.flaws.unread.push(Unread::all_of(&file.path));
                self.flaws.not_read.push(NotRead { path: file.path, reason: explain(&error) });
            }
        }
    }

    /// Reads on in a file; closes it at its end.
    fn refill(&mut self, number: u32) {
        let Some(stream) = self.open.get_mut(&number) else { return };
        let mut bytes = 0;
        while bytes < stream.ahead_bytes && !stream.is_at_end {
            match stream.read(number, &mut self.splitter, &mut self.heap) {
                Ok(Some(read)) => bytes += read,
                Ok(None) => self.flaws.too_large += 1,
                Err(reason) => {
                    stream.is_at_end = true;
                    let torn = (!reason.is_empty()).then_some(reason);
                    if let Some(reason) = torn.or_else(|| stream.flaw_at_end().map(str::to_owned)) {
                        self.flaws.unread.push(Unread::rest_of(&stream.file.path, &stream.part));
                        self.flaws.not_read.push(NotRead { path: stream.file.path.clone(), reason });
                    }
                }
            }
        }
        self.waiting_bytes += bytes;
        if stream.is_at_end {
            self.open.remove(&number);
        }
    }
}

impl Stream {
    /// Reads one payload into the heap; gives its records' bytes, or `None` where it was too large. The error is empty at the end.
    fn read(
        &mut self,
        number: u32,
        splitter: &mut Splitter,
        heap: &mut BinaryHeap<Reverse<Entry>>,
    ) -> Result<Option<usize>, String> {
        let chunk = self.chunks.next_chunk().map_err(|error| explain(&error))?;
        let Some(payload) = chunk.ok_or_else(String::new)?.bytes else {
            self.part.note_unread();
            self.flaw.get_or_insert(TOO_LARGE);
            return Ok(None);
        };
        let mut bytes = 0;
        let had_others = self.part.has_others;
        splitter.split(payload, |mut record| {
            match record.hidden {
                Hidden::Payload => {
                    self.part.note_unread();
                    self.flaw.get_or_insert(NOT_APART);
                }
                Hidden::Record if self.time == EventTime::default() => {
                    self.part.note_unread();
                    self.flaw.get_or_insert(NO_TIME);
                }
                Hidden::Record | Hidden::Nothing => {}
            }
            self.ends_hidden = record.hidden != Hidden::Nothing;
            if let Some(time) = record.time {
                self.time = time;
                self.part.note(time);
            }
            self.format = record.format.or(self.format);
            record.format = self.format;
            if !record.is_understood {
                record.scope = self.scope.clone().filter(|_| !self.part.has_others);
            } else if record.scope.is_some() {
                self.part.has_others |= record.scope != self.scope;
            }
            bytes += record.value.len();
            heap.push(Reverse(Entry { order: (self.time, number, self.records), record }));
            self.records += 1;
            self.in_heap += 1;
        });
        if self.scope.is_some() && self.part.has_others && !had_others {
            forget_name(heap, number);
        }
        Ok(Some(bytes))
    }

    /// Why not all of it was read, now that there is no more.
    fn flaw_at_end(&self) -> Option<&'static str> {
        let is_cut_off = match self.chunks.end() {
            End::Whole => false,
            End::OpenLine => self.ends_hidden,
            End::CutOff => true,
        };
        self.flaw.or(is_cut_off.then_some(CUT_OFF))
    }
}

/// Takes what is not understood in a file to be of any log source, as records belie its name. A file with such a name is read whole, so that
/// what came before these records is here still.
fn forget_name(heap: &mut BinaryHeap<Reverse<Entry>>, number: u32) {
    let mut entries = std::mem::take(heap).into_vec();
    let of_file = entries.iter_mut().map(|Reverse(entry)| entry).filter(|entry| entry.order.1 == number);
    of_file.filter(|entry| !entry.record.is_understood).for_each(|entry| entry.record.scope = None);
    *heap = entries.into();
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order.cmp(&other.order)
    }
}

/// The time before which a file holds nothing, as far as its name or its first records tell.
fn begins_at(file: &LogFile, splitter: &mut Splitter, max_bytes: usize) -> Option<EventTime> {
    if let Some(delivered) = delivered_at(&file.path) {
        return Some(delivered.plus_millis(-DELIVERY_MS));
    }
    // What cannot be read is named when its turn comes.
    let mut chunks = Chunks::new(files::open(file, |raw| raw).ok()?, max_bytes);
    let mut first: Option<EventTime> = None;
    for _ in 0..FIRST_LOOK {
        let payload = chunks.next_chunk().ok()??.bytes.unwrap_or_default();
        splitter.split(payload, |record| {
            first = first.into_iter().chain(record.time).min();
        });
        if first.is_some() {
            break;
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{record, written};
    use super::*;
    use crate::config::{Config, FormatHint};
    use crate::time::ProcessingTime;

    /// Times, as minutes of the day, and flaws of these files of a folder.
    fn merged(files: &[(&str, &[u8])]) -> (Vec<String>, Flaws) {
        let folder = written(files);
        let limits = Config::default().limits;
        let now = ProcessingTime::parse_rfc3339("2026-03-01T00:00:00Z").unwrap();
        let splitter = Splitter::new(&limits, FormatHint::Auto, now);
        let found = files::walk(&[folder.path().to_owned()]).files;
        let mut merge = Merge::new(splitter, found, limits.payload_bytes, Box::new(|raw| raw));
        let mut times = Vec::new();
        loop {
            match merge.step() {
                Step::Record(placed) => times.push(placed.time.to_rfc3339()[11..16].to_owned()),
                Step::Loaded => {}
                Step::End => return (times, merge.into_flaws()),
            }
        }
    }

    fn lines(minutes: &[&str]) -> Vec<u8> {
        let line = |minute: &&str| record("app", &format!("2026-01-31T{minute}:00Z")) + "\n";
        minutes.iter().map(line).collect::<String>().into_bytes()
    }

    #[test]
    fn files_that_overlap_come_out_in_one_order_of_time() {
        let files: [(&str, &[u8]); 3] = [
            ("a.jsonl", &lines(&["09:00", "09:20", "11:00"])),
            ("b.jsonl", &lines(&["09:10", "10:00"])),
            ("1_CloudTrail_eu-west-1_20260131T0915Z_x.json", &lines(&["09:14", "09:05", "09:12"])),
        ];
        let (times, flaws) = merged(&files);
        assert_eq!(times, ["09:00", "09:05", "09:10", "09:12", "09:14", "09:20", "10:00", "11:00"]);
        assert_eq!(flaws, Flaws::default());
    }

    #[test]
    fn what_is_delivered_hours_late_comes_when_it_is_found_and_is_counted() {
        let files: [(&str, &[u8]); 2] = [
            ("1_CloudTrail_eu-west-1_20260131T0915Z_x.json", &lines(&["09:14", "12:00"])),
            ("1_CloudTrail_eu-west-1_20260131T1415Z_x.json", &lines(&["09:00"])),
        ];
        let (times, flaws) = merged(&files);
        assert_eq!((times, flaws.late), (vec!["09:14".into(), "12:00".into(), "09:00".into()], 1));
    }

    #[test]
    fn a_file_that_breaks_off_costs_its_rest_and_is_named() {
        let whole = super::super::fixture::gzip(&lines(&["09:00", "09:01"]));
        let files: [(&str, &[u8]); 2] =
            [("torn.json.gz", &whole[..whole.len() - 6]), ("b.jsonl", &lines(&["09:10"]))];
        let (times, flaws) = merged(&files);
        assert_eq!(times.last().map(String::as_str), Some("09:10"));
        assert_eq!(flaws.not_read.len(), 1);
        assert!(flaws.not_read[0].path.ends_with("torn.json.gz"), "{flaws:?}");
    }
}
