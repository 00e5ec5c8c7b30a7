//! Every transport shape, and what it decodes to.

use super::*;

#[test]
fn a_bare_record_in_every_spelling() {
    check(RECORD, &[&cloudtrail(RECORD)]);
    check(OTHER, &[&cloudtrail(OTHER)]);
    check(format!("\u{feff}{RECORD}\r\n"), &[&cloudtrail(RECORD)]);
    check(gzip(RECORD), &[&cloudtrail(RECORD)]);
    check(base64(RECORD), &[&cloudtrail(RECORD)]);
    check(base64(gzip(RECORD)), &[&cloudtrail(RECORD)]);
    let pretty = RECORD.replace(',', ",\n  ").replace("\":", "\" : ").replacen('{', "{\n", 1);
    check(&pretty, &[&cloudtrail(&pretty)]);
    check(quoted(RECORD), &[&cloudtrail(RECORD)]);
}

#[test]
fn files_of_records() {
    let both = [cloudtrail(RECORD), cloudtrail(OTHER)];
    let both = [both[0].as_str(), both[1].as_str()];
    check(records(&[RECORD, OTHER]), &both);
    check(gzip(records(&[RECORD, OTHER])), &both);
    check(format!("{}\n{}\n", records(&[RECORD]), records(&[OTHER])), &both);
    check(format!("[{RECORD},\n{OTHER}]"), &both);
    check(format!("[{},{OTHER}]", records(&[RECORD])), &both);
    check(format!("{RECORD}\n\n{OTHER}\n"), &both);
    check(format!("{RECORD}{OTHER}"), &both);
    check(format!("{RECORD} {RECORD}"), &[both[0], both[0]]);
    check(r#"{"Records":[]}"#, &["skip:empty"]);
    check("[]", &["skip:empty"]);
    check(r#"{"Records":[null,7]}"#, &["reject:unrecognised", "reject:unrecognised"]);
}

#[test]
fn event_bridge() {
    let event = |kind: &str, source: &str, detail: &str| {
        format!(r#"{{"version":"0","detail-type":"{kind}","source":"{source}","detail":{detail}}}"#)
    };
    for kind in [
        "AWS API Call via CloudTrail",
        "AWS Console Sign In via CloudTrail",
        "AWS Service Event via CloudTrail",
    ] {
        check(event(kind, "aws.s3", RECORD), &[&cloudtrail(RECORD)]);
    }
    check(event("AWS API Call via CloudTrail", "aws.s3", &quoted(OTHER)), &[&cloudtrail(OTHER)]);
    check(event("EC2 Instance State-change Notification", "aws.ec2", "{}"), &["skip:eventbridge_other"]);
    check(event("Object Created", "aws.s3", "{}"), &["reject:s3_notification"]);
    check(event("AWS API Call via CloudTrail", "aws.s3", "{}"), &["reject:unrecognised"]);
}

#[test]
fn cloudwatch_logs_subscriptions() {
    let data = cloudwatch(&[RECORD, LINE]);
    let both = [cloudtrail(RECORD), syslog(LINE)];
    let both = [both[0].as_str(), both[1].as_str()];
    check(&data, &both);
    check(gzip(&data), &both);
    check(base64(gzip(&data)), &both);
    check(base64(gzip(&data)).trim_end_matches('='), &both);
    check(base64(&data), &both);
    check(format!(r#"{{"awslogs":{{"data":"{}"}}}}"#, base64(gzip(&data))), &both);
    check(format!(r#"{{"message":"{}"}}"#, base64(gzip(&data))), &both);
    check(
        r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}"#,
        &["skip:control_message"],
    );
    check(cloudwatch(&[]), &["skip:empty"]);
    check(cloudwatch(&["START RequestId"]), &["reject:unrecognised"]);
}

#[test]
fn collectors() {
    let inner = quoted(RECORD);
    let expected = [&*cloudtrail(RECORD)];
    check(format!(r#"{{"@timestamp":"2026-01-31T09:30:01Z","message":{inner}}}"#), &expected);
    check(format!(r#"{{"log":{inner},"stream":"stdout","time":"2026-01-31T09:30:01Z"}}"#), &expected);
    check(format!(r#"{{"message":{RECORD},"host":"x"}}"#), &expected);
    check(format!(r#"{{"log":{RECORD}}}"#), &expected);
    check(format!(r#"{{"message":"GetObject by ci","event":{{"original":{inner}}}}}"#), &expected);
    check(format!(r#"{{"message":"GetObject by ci","event.original":{inner}}}"#), &expected);
    check(format!(r#"{{"message":{inner},"log":{{"file":{{"path":"/var/log/x"}}}}}}"#), &expected);
    check(format!(r#"{{"event":{RECORD},"sourcetype":"aws:cloudtrail","time":1769851800}}"#), &expected);
    check(
        format!(r#"{{"message":{}}}"#, quoted(&format!("{RECORD}\n{LINE}\n"))),
        &[expected[0], &syslog(LINE)],
    );
    check(r#"{"message":"user logged in"}"#, &["reject:unrecognised"]);
    check(r#"{"message":17}"#, &["reject:unrecognised"]);
    check(r#"{"message":""}"#, &["skip:empty"]);
}

#[test]
fn kafka_connect() {
    let wrapped = |payload: &str| format!(r#"{{"schema":{{"type":"string"}},"payload":{payload}}}"#);
    check(wrapped(RECORD), &[&cloudtrail(RECORD)]);
    check(wrapped(&quoted(LINE)), &[&syslog(LINE)]);
    check(wrapped(&quoted(&base64(gzip(RECORD)))), &[&cloudtrail(RECORD)]);
    check(r#"{"schema":null,"payload":null}"#, &["skip:tombstone"]);
}

#[test]
fn security_lake() {
    let event = r#"{"class_uid":6003,"message":"m","api":{"operation":"GetObject"}}"#;
    check(event, &[&format!("ocsf api activity:{event}")]);
    check(r#"{"class_uid":4001}"#, &["skip:ocsf_other_class"]);
}

#[test]
fn journald_and_syslog() {
    check(ENTRY, &[&format!("journald:{ENTRY}")]);
    check(format!("{LINE}\r\n{RFC5424}\n"), &[&syslog(LINE), &syslog(RFC5424)]);
    check(LINE.trim_start_matches("<38>"), &[&syslog(LINE.trim_start_matches("<38>"))]);
    check("1 2026-01-31T09:30:00Z web-1 sshd 1 - - x", &["syslog:1 2026-01-31T09:30:00Z web-1 sshd 1 - - x"]);
    check(
        r#"{"message":"session opened","SYSLOG_IDENTIFIER":"sshd","host":"web-1"}"#,
        &[
            r#"journald:{"MESSAGE":"session opened","message":"session opened","SYSLOG_IDENTIFIER":"sshd","host":"web-1"}"#,
        ],
    );
    check("once upon a time", &["reject:unrecognised"]);
}

#[test]
fn notifications_are_refused() {
    let s3 = r#"{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"eu-west-1","eventTime":"2026-01-31T09:30:00Z","eventName":"ObjectCreated:Put","userIdentity":{"principalId":"AWS:X"},"s3":{"bucket":{}}}]}"#;
    check(s3, &["reject:s3_notification"]);
    check(r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#, &["reject:s3_notification"]);
    check(r#"{"s3Bucket":"b","s3ObjectKey":["AWSLogs/x.json.gz"]}"#, &["reject:s3_notification"]);
    let message = quoted(r#"{"s3Bucket":"b","s3ObjectKey":["AWSLogs/x.json.gz"]}"#);
    check(
        format!(
            r#"{{"Type":"Notification","TopicArn":"arn:aws:sns:eu-west-1:111122223333:t","Message":{message}}}"#
        ),
        &["reject:sns_notification"],
    );
    check(r#"{"Records":[{"EventSource":"aws:sns","Sns":{"Message":"x"}}]}"#, &["reject:sns_notification"]);
    check(r#"{"Records":[{"eventSource":"aws:sqs","body":"x"}]}"#, &["reject:event_source_message"]);
    check(r#"{"MessageId":"1","ReceiptHandle":"h","Body":"x"}"#, &["reject:event_source_message"]);
}

#[test]
fn other_files_of_cloudtrail() {
    check(
        r#"{"awsAccountId":"111122223333","digestStartTime":"2026-01-31T09:30:00Z","logFiles":[]}"#,
        &["skip:cloudtrail_digest"],
    );
    let insight = r#"{"eventVersion":"1.07","eventTime":"2026-01-31T09:30:00Z","eventType":"AwsCloudTrailInsight","insightDetails":{},"eventCategory":"Insight"}"#;
    check(insight, &[&cloudtrail(insight)]);
}

#[test]
fn nothing_at_all() {
    check("", &["skip:tombstone"]);
    check(" \r\n\u{feff}", &["reject:unrecognised"]);
    check("\u{feff} \r\n", &["skip:empty"]);
    check(gzip(""), &["skip:empty"]);
}

#[test]
fn an_input_takes_only_what_it_is_declared_to_carry() {
    use FormatHint::{Cloudtrail, LinuxAuth};
    check_as(Cloudtrail, RECORD, &[&cloudtrail(RECORD)]);
    check_as(Cloudtrail, LINE, &["reject:unexpected_format"]);
    check_as(Cloudtrail, ENTRY, &["reject:unexpected_format"]);
    check_as(LinuxAuth, RECORD, &["reject:unexpected_format"]);
    check_as(LinuxAuth, records(&[RECORD]), &["reject:unexpected_format"]);
    check_as(LinuxAuth, LINE, &[&syslog(LINE)]);
    check_as(LinuxAuth, ENTRY, &[&format!("journald:{ENTRY}")]);
    check_as(LinuxAuth, "session opened for deploy", &["syslog:session opened for deploy"]);
    check_as(LinuxAuth, r#"{"message":"session opened"}"#, &["syslog:session opened"]);
}

#[test]
fn what_the_wrapper_says_goes_along() {
    let hints = |input: String| {
        let seen = pieces(input.as_bytes(), FormatHint::Auto, &Limits::default()).remove(0);
        (seen.host.unwrap_or_default(), seen.time.map(|time| time.to_rfc3339()).unwrap_or_default())
    };
    let time = "2026-01-31T09:30:00.000Z";
    let line = quoted(LINE);
    for (host, at) in [
        (r#""host":{"name":"web-1"}"#, r#""@timestamp":"2026-01-31T09:30:00Z""#),
        (r#""host":"web-1""#, r#""timestamp":"2026-01-31T11:30:00+02:00""#),
        (r#""hostname":"web-1""#, r#""@timestamp":1769851800.0"#),
        (r#""host":{"hostname":"web-1","id":7}"#, r#""date":1769851800.000000"#),
        (r#""host.name":"web-1","host":["a"]"#, r#""time":1769851800000"#),
        (r#""host":"web-1""#, r#""timestamp":"1769851800000000""#),
    ] {
        let wrapped = format!(r#"{{{host},{at},"message":{line}}}"#);
        assert_eq!(hints(wrapped.clone()), ("web-1".into(), time.into()), "{host} {at}");
        let outer = r#""host":"collector","@timestamp":"2026-02-01T00:00:00Z""#;
        let twice = format!(r#"{{{outer},"message":{}}}"#, quoted(&wrapped));
        assert_eq!(hints(twice), ("web-1".into(), time.into()), "the inner wrapper knows better");
    }
    assert_eq!(hints(ENTRY.into()), ("web-1".into(), time.into()));
    assert_eq!(hints(cloudwatch(&[LINE])), (String::new(), time.into()));
    assert_eq!(hints(format!(r#"{{"host":7,"time":"soon","message":{line}}}"#)), Default::default());
}

#[test]
fn a_newline_in_a_message_begins_no_second_message() {
    let forged =
        format!("{LINE}\n<38>Jan 31 09:30:01 web-1 sshd[1]: Accepted password for root from 192.0.2.66");
    for wrapped in [format!(r#"{{"message":{}}}"#, quoted(&forged)), cloudwatch(&[&forged]), quoted(&forged)]
    {
        check(wrapped, &[&syslog(&forged)]);
    }
    let lines = base64(gzip(format!("{LINE}\n{LINE}")));
    check(format!(r#"{{"message":"{lines}"}}"#), &[&syslog(LINE), &syslog(LINE)]);
}

#[test]
fn other_keys_hide_nothing() {
    let with = |extra: &str| RECORD.replacen('{', &format!("{{{extra},"), 1);
    for extra in [
        r#""message":"x""#,
        r#""message":"x","message":"y""#,
        r#""detail-type":"x","detail":{}"#,
        r#""schema":1,"payload":null"#,
        r#""class_uid":4001"#,
        r#""MESSAGE":"x""#,
        r#""messageType":"CONTROL_MESSAGE","logEvents":[]"#,
        r#""digestStartTime":"x""#,
        r#""Records":[]"#,
    ] {
        check(with(extra), &[&cloudtrail(&with(extra))]);
    }
    let carrying = with(&format!(r#""Records":[{OTHER}]"#));
    check(&carrying, &[&cloudtrail(OTHER), &cloudtrail(&carrying)]);
    let escaped = RECORD.replace("eventVersion", "event\\u0056ersion");
    check(&escaped, &[&cloudtrail(&escaped)]);
    let twice = format!(r#"{{"Records":[{RECORD}],"Records":[{OTHER}]}}"#);
    check(twice, &[&cloudtrail(RECORD), &cloudtrail(OTHER)]);
    let message = quoted(RECORD);
    check(format!(r#"{{"message":"x","message":{message}}}"#), &["reject:duplicate_key"]);
    check(format!(r#"{{"host":1,"host":2,"log":1,"log":{message}}}"#), &["reject:duplicate_key"]);
}
