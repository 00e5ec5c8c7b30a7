//! What an archive is said to cover, where part of it could not be read.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use tempfile::TempDir;

use super::covered::Run;
use super::fixture::{gzip, record, written};
use super::*;

/// Where the records of these tests are of.
const IRELAND: &str = "aws:111122223333:eu-west-1";
const OREGON: &str = "aws:111122223333:us-west-2";

/// A sound archive: two log sources, each in a file without CloudTrail's name, of ten days.
const DAYS: std::ops::Range<u32> = 1..11;

fn line(region: &str, day: u32, hour: u32) -> String {
    let time = format!("2026-01-{day:02}T{hour:02}:10:00Z");
    record("app", &time).replace("eu-west-1", region) + "\n"
}

/// A line for every hour of days.
fn hourly(region: &str, days: std::ops::Range<u32>) -> String {
    days.flat_map(|day| (0..24).map(move |hour| line(region, day, hour))).collect()
}

/// An archive of two log sources, and other files in it, all of them written to last on the fifth day.
fn archive(others: &[(&str, &[u8])]) -> TempDir {
    let (ireland, oregon) = (hourly("eu-west-1", DAYS), hourly("us-west-2", DAYS));
    let sound: [(&str, &[u8]); 2] =
        [("ireland.jsonl", ireland.as_bytes()), ("oregon.jsonl", oregon.as_bytes())];
    let folder = written(&[&sound[..], others].concat());
    for (name, _) in others {
        let written = EventTime::parse_rfc3339("2026-01-05T12:30:00Z").unwrap();
        let modified = UNIX_EPOCH + Duration::from_millis(written.millis() as u64);
        File::options().write(true).open(folder.path().join(name)).unwrap().set_modified(modified).unwrap();
    }
    folder
}

/// A line that is a record and cannot be read.
const BROKEN: &str = "{\"eventVersion\":\"1.08\",\"eventTime\":}\n";

/// The hours that are told of each log source, from the archive's first on.
fn told_of(paths: Vec<PathBuf>, span: (Option<&str>, Option<&str>)) -> Vec<(String, Vec<Run>)> {
    let at = |text: Option<&str>| text.map(|text| EventTime::parse_rfc3339(text).unwrap());
    let args = Args {
        settings: settings::Required { config: "unused".into() },
        paths,
        topic: None,
        format: Format::Auto,
        since: at(span.0),
        until: at(span.1),
        rate: None,
        dry_run: true,
        no_wait: false,
        no_digests: false,
        restart: false,
    };
    let mut config = Config::default();
    config.limits.payload_bytes = 4_096;
    let plan = Plan::new(&args, &config).unwrap();
    let (_, mut covered, flaws) = read(&plan, &config, None).unwrap();
    leave_out(&plan, &flaws, &Verdict::default(), &mut covered, &config);
    let start = EventTime::parse_rfc3339("2026-01-01T00:00:00Z").unwrap().hour();
    let hours = |runs: Vec<Run>| runs.into_iter().map(|run| (run.0 - start, run.1 - start)).collect();
    covered.statements().map(|told| (told.scope, hours(told.hours))).collect()
}

fn told(folder: &TempDir) -> Vec<(String, Vec<Run>)> {
    told_of(vec![folder.path().to_owned()], (None, None))
}

/// The archive told of both sources alike.
fn both(hours: &[Run]) -> Vec<(String, Vec<Run>)> {
    [IRELAND, OREGON].map(|scope| (scope.to_owned(), hours.to_vec())).into()
}

/// With this file, nothing is told from the first hour of the fourth day, less the hour for its delivery, until the file was written, and of as
/// many hours around it as make a gap.
fn check_part(name: &str, content: &[u8]) {
    let hours = told(&archive(&[(name, content)]));
    // Hours 71 to 108 are 38; of 97 in all, 29 are before and 30 after.
    assert_eq!(hours, both(&[(0, 41), (139, 239)]), "{name}");
}

#[test]
fn an_archive_that_is_read_whole_is_told_whole() {
    assert_eq!(told(&archive(&[])), both(&[(0, 239)]));
    let other = hourly("eu-west-1", 4..5);
    assert_eq!(told(&archive(&[("other.json.gz", &gzip(other.as_bytes()))])), both(&[(0, 239)]));
}

#[test]
fn what_is_torn_may_be_of_any_log_source_up_to_when_it_was_written() {
    let day = hourly("eu-west-1", 4..5);
    let packed = gzip(day.as_bytes());
    check_part("torn.json.gz", &packed[..packed.len() - 6]);
    let (head, anything) = (&packed[..8], vec![]);
    assert_eq!(told(&archive(&[("head.json.gz", head)])), anything, "nothing of it was read");
    check_part("cut-in-a-line.jsonl", &day.as_bytes()[..day.len() - 40]);
    let records: Vec<String> = day.lines().map(str::to_owned).collect();
    let document = format!("[{},\n", records.join(",\n"));
    check_part("cut-between-records.json", document.as_bytes());
}

#[test]
fn a_torn_file_that_goes_back_in_time_may_hold_anything_before_too() {
    let day = hourly("eu-west-1", 4..5);
    let newest_first: String = day.lines().rev().map(|line| format!("{line}\n")).collect();
    let hours = told(&archive(&[("torn.jsonl", &newest_first.as_bytes()[..newest_first.len() - 40])]));
    assert_eq!(hours, both(&[(109, 239)]), "up to when it was written");
}

#[test]
fn archives_that_are_not_unpacked_may_have_held_anything() {
    for name in [
        "host.tar.gz",
        "host.tgz",
        "auth.log.1.xz",
        "events.avro.gz",
        "AUTH.LOG.2.ZST",
        "trail.json.bz2",
        "trail.parquet",
    ] {
        let folder = archive(&[(name, b"packed")]);
        assert_eq!(told(&folder), [], "{name}");
        let named = ["ireland.jsonl", name].map(|file| folder.path().join(file));
        assert_eq!(told_of(named.into(), (None, None)), [], "{name} by its own path");
    }
    let named = "111122223333_CloudTrail_eu-west-1_20260105T0005Z_x.json.zst";
    let mut expected = both(&[(0, 239)]);
    expected[0].1 = vec![(0, 47), (145, 239)];
    assert_eq!(told(&archive(&[(named, b"packed")])), expected, "its name tells of whom and when");
    for name in ["notes.txt", "settings.toml", ".hidden"] {
        assert_eq!(told(&archive(&[(name, b"no log")])), both(&[(0, 239)]), "{name}");
    }
}

#[test]
fn what_is_too_large_is_as_good_as_torn() {
    let day = hourly("eu-west-1", 4..5);
    let large = line("eu-west-1", 4, 12).replace("Boto3", &"x".repeat(5_000));
    check_part("large.jsonl", format!("{day}{large}").as_bytes());
}

#[test]
fn what_comes_before_anything_that_tells_a_time_may_be_of_any_time_before() {
    let day = hourly("eu-west-1", 4..5);
    let large = line("eu-west-1", 4, 12).replace("Boto3", &"x".repeat(5_000));
    let packed = "{\"awslogs\":{\"data\":\"H4sIAAAA\"}}\n";
    let before = [large.as_str(), packed];
    for unread in before {
        let content = format!("{unread}{day}");
        let hours = told(&archive(&[("begins-unread.jsonl", content.as_bytes())]));
        assert_eq!(hours, both(&[(109, 239)]), "up to when it was written");
    }
}

#[test]
fn a_torn_file_of_cloudtrail_is_of_its_account_and_region() {
    let torn = |region: &str, length: usize| {
        let packed = gzip(hourly(region, 4..5).as_bytes());
        packed[..length.min(packed.len() - 6)].to_vec()
    };
    let name = "111122223333_CloudTrail_eu-west-1_20260105T0005Z_x.json.gz";
    let mut expected = both(&[(0, 239)]);
    // Hours 95 and 96, as it was delivered then; of 97 in all, 47 are before and 48 after.
    expected[0].1 = vec![(0, 47), (145, 239)];
    assert_eq!(told(&archive(&[(name, &torn("eu-west-1", 8))])), expected, "nothing of it was read");
    // Hours 71 to 96, as it holds the whole day; of 97 in all, 35 are before and 36 after.
    expected[0].1 = vec![(0, 35), (133, 239)];
    assert_eq!(told(&archive(&[(name, &torn("eu-west-1", usize::MAX))])), expected);
    let both_of_them = both(&[(0, 35), (133, 239)]);
    assert_eq!(
        told(&archive(&[(name, &torn("us-west-2", usize::MAX))])),
        both_of_them,
        "its records belie its name"
    );
}

#[test]
fn records_that_cannot_be_read_count_from_the_first_on_and_in_all_sources() {
    let content = |records: usize| BROKEN.repeat(records) + &hourly("eu-west-1", 4..5);
    assert_eq!(told(&archive(&[("few.jsonl", content(10).as_bytes())])), both(&[(0, 239)]));
    // Hour 72, and 48 on each side.
    let many = both(&[(0, 23), (121, 239)]);
    assert_eq!(told(&archive(&[("many.jsonl", content(11).as_bytes())])), many);
}

#[test]
fn records_that_cannot_be_read_are_of_any_source_where_others_belie_the_name_of_their_file() {
    let name = "111122223333_CloudTrail_eu-west-1_20260104T0100Z_x.json";
    let content = |region: &str| line(region, 4, 0) + &BROKEN.repeat(11);
    let belied_at_its_end = line("eu-west-1", 4, 0) + &BROKEN.repeat(11) + &line("us-west-2", 4, 0);
    // Hour 72, and 48 on each side.
    let left = vec![(0, 23), (121, 239)];
    let mut of_one = both(&[(0, 239)]);
    of_one[0].1.clone_from(&left);
    assert_eq!(told(&archive(&[(name, content("eu-west-1").as_bytes())])), of_one);
    assert_eq!(told(&archive(&[(name, content("us-west-2").as_bytes())])), both(&left));
    assert_eq!(told(&archive(&[(name, belied_at_its_end.as_bytes())])), both(&left));
}

#[test]
fn where_nothing_tells_of_when_it_is_nothing_is_told() {
    assert_eq!(told(&archive(&[("broken.jsonl", BROKEN.as_bytes())])), []);
    let first = BROKEN.repeat(65) + &hourly("eu-west-1", 4..5);
    assert_eq!(
        told(&archive(&[("broken.jsonl", first.as_bytes())])),
        both(&[(109, 239)]),
        "it ends when it was written"
    );
    let folder = archive(&[]);
    let missing = folder.path().join("missing");
    assert_eq!(told_of(vec![folder.path().to_owned(), missing], (None, None)), []);
    assert_eq!(
        told(&archive(&[("README.json", b"no log at all\n")])),
        both(&[(0, 239)]),
        "nothing is hidden there"
    );
}

#[test]
fn only_whole_hours_of_the_time_that_was_asked_for_are_told() {
    let folder = archive(&[]);
    let span = (Some("2026-01-02T06:05:00Z"), Some("2026-01-03T00:30:00Z"));
    assert_eq!(told_of(vec![folder.path().to_owned()], span), both(&[(31, 47)]));
}

#[test]
fn a_link_that_leads_nowhere_is_named_and_may_have_been_anything() {
    let folder = archive(&[]);
    std::os::unix::fs::symlink(Path::new("gone.jsonl"), folder.path().join("link.jsonl")).unwrap();
    assert_eq!(told(&folder), []);
}
