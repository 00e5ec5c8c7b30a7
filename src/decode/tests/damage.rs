//! What is broken, too large or too deep: it is named, and its neighbours are kept.

use super::*;

/// The bytes of what was rejected, to be found again in the dead letter.
fn rejected(input: impl AsRef<[u8]>, limits: &Limits) -> Vec<(String, Vec<u8>)> {
    let pieces = pieces(input.as_ref(), FormatHint::Auto, limits).into_iter();
    pieces.filter(|piece| piece.word.starts_with("reject")).map(|piece| (piece.word, piece.bytes)).collect()
}

#[test]
fn a_damaged_record_does_not_take_its_neighbours_along() {
    let (first, second) = (cloudtrail(RECORD), cloudtrail(OTHER));
    let whole = [&*first, "reject:bad_json", &*second];
    for bad in
        [r#"{"eventVersion":"1.08",,"a":[{}]}"#, r#"{"eventVersion":"1.08" "x":{"y":"}]"}}"#, r#"{"a":tru}"#]
    {
        check(records(&[RECORD, bad, OTHER]), &whole);
        check(format!("[{RECORD},{bad},{OTHER}]"), &whole);
        check(format!("{RECORD}\n{bad}\n{OTHER}"), &whole);
        let (word, bytes) = rejected(records(&[RECORD, bad, OTHER]), &Limits::default()).remove(0);
        assert_eq!((word.as_str(), bytes.as_slice()), ("reject:bad_json", bad.as_bytes()));
    }
    let unquoted = r#"{"eventVersion":"1.08,"userIdentity":{}}"#;
    check(records(&[RECORD, unquoted, RECORD, OTHER]), &[&first, "reject:bad_json", &first, &second]);
    check(records(&["{,}", RECORD]), &["reject:bad_json", &first]);
    check(r#"{"a":["#.to_owned() + &records(&["{,}", RECORD])[1..], &["reject:bad_json"]);
    check(format!(r#"{{"a":[1],"Records":[{{,}},{OTHER}]}}"#), &["reject:bad_json", &second]);
}

#[test]
fn a_cut_payload_keeps_what_came_before() {
    let input = format!("{}\n{RECORD}", &records(&[RECORD, OTHER])[..RECORD.len() + 40]);
    let (first, cut) = (cloudtrail(RECORD), &OTHER[..27]);
    check(&input, &[&first, "reject:bad_json", &first]);
    assert_eq!(rejected(&input, &Limits::default())[0].1, cut.as_bytes());
    check(&records(&[RECORD])[..RECORD.len() + 12], &[&first, "reject:bad_json"]);
    check(format!("{}x", records(&[RECORD, "{,}"])), &[&first, "reject:bad_json", "reject:unrecognised"]);
    check(
        format!(r#"{{"Records":[{RECORD},{{,}}],"Records":[{OTHER}]}}"#),
        &[&first, "reject:bad_json", "reject:bad_json"],
    );
    check(format!(r#"{{"Records":[{RECORD}],"x":}}"#), &[&first, "reject:bad_json"]);
}

#[test]
fn a_cut_record_is_kept_from_its_first_byte() {
    for len in [30, RECORD.len() / 2, RECORD.len() - 1] {
        let cut = &RECORD[..len];
        for input in [cut.to_owned(), format!("{cut}\n{OTHER}")] {
            let rejected = rejected(&input, &Limits::default());
            assert_eq!(rejected, [("reject:bad_json".to_owned(), cut.as_bytes().to_vec())], "{input}");
        }
    }
}

#[test]
fn bytes_that_are_no_text_cost_only_their_record() {
    let (first, second) = (cloudtrail(RECORD), cloudtrail(OTHER));
    let bad = b"{\"eventVersion\":\"1.08\",\"userAgent\":\"\xff\xfe\",\"eventName\":\"x\"}";
    let mut array = format!("{{\"Records\":[{RECORD},").into_bytes();
    array.extend_from_slice(bad);
    array.extend_from_slice(format!(",{OTHER}]}}").as_bytes());
    let lines = [RECORD.as_bytes(), bad, OTHER.as_bytes()].join(&b'\n');
    for input in [array, lines] {
        check(&input, &[&first, "reject:bad_utf8", &second]);
        assert_eq!(rejected(&input, &Limits::default())[0].1, bad);
        check(gzip(&input), &[&first, "reject:bad_utf8", &second]);
    }
    check(b"\xff\xfe{\0\"\0", &["reject:bad_utf8"]);
    let utf16 = RECORD.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    check(utf16, &["reject:bad_json"]);
}

#[test]
fn gzip_that_is_cut_or_changed_is_named() {
    let whole = gzip(records(&[RECORD, OTHER]));
    check(&whole[..whole.len() - 9], &["reject:bad_gzip"]);
    check(&whole[..4], &["reject:bad_gzip"]);
    let mut changed = whole.clone();
    changed[whole.len() - 6] ^= 1;
    check(&changed, &["reject:bad_gzip"]);
    assert_eq!(
        rejected(&changed, &Limits::default())[0].1,
        changed,
        "the dead letter has the original bytes"
    );
    check(base64(&changed), &["reject:bad_gzip"]);
    check("H4sIAAAA!", &["reject:unrecognised"]);
}

#[test]
fn gzip_members_are_read_one_after_another() {
    let (first, second) = (cloudtrail(RECORD), cloudtrail(OTHER));
    let members =
        |parts: &[&str]| parts.iter().flat_map(|part| gzip(format!("{part}\n"))).collect::<Vec<_>>();
    check(members(&[RECORD, OTHER, RECORD]), &[&first, &second, &first]);
    check(members(&[RECORD, RECORD]), &[&first, &first]);
    check([members(&[RECORD]), gzip(""), members(&[OTHER]), vec![0; 512]].concat(), &[&first, &second]);
    check([members(&[RECORD]), b"garbage".to_vec()].concat(), &[&first, "reject:bad_gzip"]);
    let whole = records(&[RECORD, OTHER]);
    let (head, tail) = whole.split_at(300);
    check([gzip(head), gzip(tail)].concat(), &[&first, &second]);
    let split = members(&[RECORD, OTHER]);
    check(&split[..split.len() - 3], &[&first, "reject:bad_gzip"]);
}

#[test]
fn a_gzip_bomb_stops_at_the_limit_and_takes_no_more_memory() {
    let limits = Limits { payload_bytes: 1 << 20, ..Limits::default() };
    let bomb = gzip(vec![b' '; 64 << 20]);
    assert!(bomb.len() < limits.payload_bytes / 8);
    let mut lying = bomb.clone();
    let size_at = lying.len() - 4;
    lying[size_at..].copy_from_slice(&u32::MAX.to_le_bytes());
    for input in [&bomb, &lying] {
        let mut gunzip = gunzip::Gunzip::default();
        let error = gunzip.unpack(input, limits.payload_bytes).err();
        assert_eq!(error, Some(Error::UnpackedTooLarge { limit: limits.payload_bytes }));
        assert_eq!(rejected(input, &limits), [("reject:unpacked_too_large".to_owned(), input.clone())]);
    }
    let fitting = gzip(vec![b' '; 1 << 20]);
    let exact = gunzip::Gunzip::default().unpack(&fitting, 1 << 20).unwrap();
    assert_eq!(
        (exact.len, exact.buffer.len()),
        (1 << 20, 1 << 20),
        "the limit itself is allowed, and no byte more is held"
    );
    let half = gzip(vec![b' '; 700 << 10]);
    let nested = cloudwatch(&[&base64(&half), &base64(&half)]);
    let words = pieces(nested.as_bytes(), FormatHint::Auto, &limits).into_iter().map(|piece| piece.word);
    assert_eq!(
        words.collect::<Vec<_>>(),
        ["skip:empty", "reject:unpacked_too_large"],
        "the limit is one payload's"
    );
}

#[test]
fn every_cap_has_its_own_name() {
    let limits = Limits {
        payload_bytes: 4_000,
        record_bytes: RECORD.len(),
        payload_records: 3,
        envelope_depth: 2,
        ..Limits::default()
    };
    let words = |input: &str| {
        pieces(input.as_bytes(), FormatHint::Auto, &limits)
            .into_iter()
            .map(|piece| {
                piece.word.split_once(':').map_or_else(String::new, |(first, rest)| {
                    if first == "reject" { rest.to_owned() } else { first.to_owned() }
                })
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(words(&" ".repeat(4_001)), ["payload_too_large"]);
    assert_eq!(words(&RECORD.replacen("ci", "ci-", 1)), ["record_too_large"]);
    assert_eq!(words(&records(&[RECORD; 3])), ["cloudtrail"; 3]);
    let over = ["cloudtrail", "cloudtrail", "cloudtrail", "too_many_records"];
    assert_eq!(words(&records(&[RECORD; 5])), over);
    assert_eq!(words(&format!("[{}]", [RECORD; 5].join(" , "))), over);
    assert_eq!(words(&[RECORD; 5].join("\n")), over);
    assert_eq!(
        words(&records(&[RECORD, "{,}", RECORD, RECORD])),
        ["cloudtrail", "bad_json", "cloudtrail", "too_many_records"]
    );
    let rest = rejected(records(&[RECORD; 5]), &limits).remove(0).1;
    assert_eq!(rest, format!("{RECORD},{RECORD}]}}").as_bytes(), "what was not read is kept");
    let wrap = |text: &str| format!(r#"{{"message":{}}}"#, quoted(text));
    assert_eq!(words(&wrap(&wrap(RECORD))), ["cloudtrail"]);
    assert_eq!(words(&wrap(&wrap(&wrap(RECORD)))), ["too_deep"]);
    assert_eq!(words(&wrap(&wrap(&records(&[RECORD])))), ["too_deep"]);
    assert_eq!(words(&wrap(&wrap(&format!("[{RECORD}]")))), ["too_deep"]);
    assert_eq!(words("[[[1]]]"), ["too_deep"]);
    let mut encoded = RECORD.to_owned();
    for _ in 0..3 {
        encoded = base64(gzip(encoded));
    }
    assert_eq!(words(&encoded), ["too_many_encodings"]);
}

#[test]
fn nesting_never_reaches_the_stack() {
    let deep = 200_000;
    let limits = Limits::default();
    for input in [
        "[".repeat(deep),
        "[".repeat(deep) + &"]".repeat(deep),
        r#"{"Records":"#.repeat(deep),
        r#"{"message":"#.repeat(deep),
        format!(r#"{{"Records":[{}"#, "[".repeat(deep)),
        format!(r#"{{"message":{}{}}}"#, "[".repeat(deep), "]".repeat(deep)),
    ] {
        let seen = pieces(input.as_bytes(), FormatHint::Auto, &limits);
        assert!(seen.iter().all(|piece| piece.word.starts_with("reject")), "{seen:?}");
    }
    let carrying = RECORD.replacen('}', &format!(r#","x":{}{}}}"#, "[".repeat(deep), "]".repeat(deep)), 1);
    check(&carrying, &[&cloudtrail(&carrying)]);
}

#[test]
fn brackets_that_never_close_cost_a_bounded_look() {
    let limits = Limits { payload_bytes: 4 << 20, ..Limits::default() };
    for (head, part) in [
        ("", "{\"a\":\n"),
        ("", "[\n1,\n"),
        ("[", ",{\"eventVersion\":[0"),
        ("{\"Records\":[", ",{\"eventVersion\":[0"),
        ("[", "{,},"),
        ("[{,}", ",{\"eventVersion\":\"1.08\" \"x"),
    ] {
        let input = head.to_owned() + &part.repeat(100_000);
        let seen = pieces(input.as_bytes(), FormatHint::Auto, &limits);
        assert!(seen.iter().all(|piece| piece.word.starts_with("reject")));
        println!("{part:?}: {} pieces, then {}", seen.len(), seen[seen.len() - 1].word);
    }
    let endless = "{\"a\":\n".repeat(100_000);
    let seen = pieces(endless.as_bytes(), FormatHint::Auto, &limits);
    assert_eq!(seen[seen.len() - 1].word, "reject:too_damaged");
    let accounted = seen.iter().map(|piece| piece.bytes.len() + 1).sum::<usize>();
    assert_eq!(accounted, endless.len(), "what was not read is kept");
}

#[test]
fn messages_hold_no_payload() {
    let secret = "hunter2";
    for input in
        [format!(r#"{{"Records":"{secret}"}}"#), format!("{secret}!"), format!(r#"{{"a":{secret}}}"#)]
    {
        Decoder::new(Limits::default()).decode(input.as_bytes(), FormatHint::Auto, &mut |piece| {
            let Outcome::Rejected(error) = piece.outcome else { panic!("{input}") };
            assert!(!error.to_string().contains(secret), "{error}");
            Reply::Taken
        });
    }
}
