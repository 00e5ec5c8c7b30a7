//! What digests prove, and what they find missing.

use super::super::fixture::{gzip, record, written};
use super::*;
use crate::wire::backfill::Statement;

const ACCOUNT: &str = "AWSLogs/111122223333";
const DAY: &str = "eu-west-1/2026/01/31";

/// A log file's key in its bucket, delivered at this hour.
fn log_key(hour: u32) -> String {
    format!("{ACCOUNT}/CloudTrail/{DAY}/111122223333_CloudTrail_eu-west-1_20260131T{hour:02}20Z_x.json.gz")
}

fn digest_key(hour: u32) -> String {
    let name =
        format!("111122223333_CloudTrail-Digest_eu-west-1_trail_eu-west-1_20260131T{hour:02}0000Z.json.gz");
    format!("{ACCOUNT}/CloudTrail-Digest/{DAY}/{name}")
}

fn sha(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// An archive of ten hours in which something was delivered at 02, 04 and 06, with digests that end at 01 to 10.
fn archive() -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut previous: Option<(String, String)> = None;
    for hour in 1..=10 {
        let mut listed = Vec::new();
        if [2, 4, 6].contains(&hour) {
            let text = format!(
                r#"{{"Records":[{}]}}"#,
                record("app", &format!("2026-01-31T{:02}:10:00Z", hour - 1))
            );
            let key = log_key(hour - 1);
            listed.push(
                serde_json::json!({"s3Object": key, "hashValue": sha(&text), "hashAlgorithm": "SHA-256"}),
            );
            files.push((key, text));
        }
        let key = digest_key(hour);
        let digest = serde_json::json!({
            "awsAccountId": "111122223333",
            "digestStartTime": format!("2026-01-31T{:02}:00:00Z", hour - 1),
            "digestEndTime": format!("2026-01-31T{hour:02}:00:00Z"),
            "digestS3Object": key,
            "previousDigestS3Object": previous.as_ref().map(|(key, _)| key),
            "previousDigestHashValue": previous.as_ref().map(|(_, hash)| hash),
            "logFiles": listed,
        })
        .to_string();
        previous = Some((key.clone(), sha(&digest)));
        files.push((key, digest));
    }
    files
}

/// What is said of an archive below a part of its bucket's tree.
fn checked(files: &[(String, String)], cut: &str, span: Span) -> (Verdict, Vec<Statement>) {
    let packed: Vec<_> = files
        .iter()
        .map(|(key, text)| (key.strip_prefix(cut).unwrap().to_owned(), gzip(text.as_bytes())))
        .collect();
    let named: Vec<_> = packed.iter().map(|(key, bytes)| (key.as_str(), bytes.as_slice())).collect();
    let folder = written(&named);
    let found = files::walk(&[folder.path().to_owned()]);
    let digests: Vec<PathBuf> = found.not_read.into_iter().map(|left| left.path).collect();
    let verdict = check(&find(&digests), &found.files, span, || ());
    let mut covered = Covered::new(24);
    verdict.note(&mut covered);
    let statements = covered.statements().collect();
    (verdict, statements)
}

/// Hours of the day.
fn hours(statements: &[Statement]) -> Vec<Run> {
    let midnight = EventTime::parse_rfc3339("2026-01-31T00:00:00Z").unwrap().hour();
    assert!(statements.iter().all(|told| told.is_proven && told.scope == "aws:111122223333:eu-west-1"));
    statements.iter().flat_map(|told| &told.hours).map(|run| (run.0 - midnight, run.1 - midnight)).collect()
}

#[test]
fn digests_prove_silent_hours_too_but_for_what_may_still_be_delivered() {
    for cut in ["", "AWSLogs/"] {
        let (verdict, statements) = checked(&archive(), cut, Span::default());
        assert_eq!((verdict.digests, verdict.sound, &verdict.problems[..]), (10, 3, &[][..]), "{cut}");
        assert_eq!(hours(&statements), [(0, 8)], "{cut}");
    }
}

#[test]
fn what_is_missing_or_changed_is_named_and_its_time_is_not_proven() {
    let mut missing = archive();
    missing.retain(|(key, _)| *key != log_key(3));
    let (verdict, statements) = checked(&missing, "", Span::default());
    assert_eq!((verdict.sound, verdict.problems.len()), (2, 1));
    assert!(verdict.problems[0].path.ends_with(log_key(3)), "{verdict:?}");
    assert!(verdict.problems[0].reason.starts_with("missing"), "{verdict:?}");
    assert_eq!(
        hours(&statements),
        [(0, 1), (5, 8)],
        "nor is that of the hour before, of which it may hold records"
    );

    let mut changed = archive();
    changed.iter_mut().filter(|(key, _)| *key == log_key(5)).for_each(|(_, text)| text.push('\n'));
    let (verdict, _) = checked(&changed, "", Span::default());
    assert!(verdict.problems.len() == 1 && verdict.problems[0].reason.starts_with("changed"), "{verdict:?}");
}

#[test]
fn a_digest_that_lists_less_than_it_did_gives_itself_away() {
    let mut files = archive();
    let digest = files.iter_mut().find(|(key, _)| *key == digest_key(4)).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&digest.1).unwrap();
    json["logFiles"] = serde_json::json!([]);
    digest.1 = json.to_string();
    let (verdict, statements) = checked(&files, "", Span::default());
    assert!(verdict.problems.iter().any(|problem| problem.path.ends_with(digest_key(4))), "{verdict:?}");
    assert_eq!(statements, []);
}

#[test]
fn only_what_is_fed_in_is_proven() {
    let at = |hour: u32| EventTime::parse_rfc3339(&format!("2026-01-31T{hour:02}:30:00Z"));
    let (_, statements) = checked(&archive(), "", Span { since: at(3), until: at(6) });
    assert_eq!(hours(&statements), [(4, 5)]);
}

#[test]
fn no_digest_leads_out_of_its_archive() {
    let digest = "AWSLogs/1/CloudTrail-Digest/eu/d.json.gz";
    let path = Path::new("/data/AWSLogs/1/CloudTrail-Digest/eu/d.json.gz");
    let found = |object: &str| place(object, digest, path);
    assert_eq!(found("AWSLogs/1/CloudTrail/eu/a.gz"), Some("/data/AWSLogs/1/CloudTrail/eu/a.gz".into()));
    assert_eq!(found("AWSLogs/1/../../../etc/passwd"), None);
    assert_eq!(found("/etc/passwd"), None);
    let part = Path::new("/data/1/CloudTrail-Digest/eu/d.json.gz");
    assert_eq!(
        place("AWSLogs/1/CloudTrail/eu/a.gz", digest, part),
        Some("/data/1/CloudTrail/eu/a.gz".into())
    );
    assert_eq!(place("Other/1/CloudTrail/eu/a.gz", digest, part), None);
}
