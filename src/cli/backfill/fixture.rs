//! Archives on disk, for tests.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

/// A CloudTrail record of a role.
pub(super) fn record(role: &str, time: &str) -> String {
    serde_json::json!({
        "eventVersion": "1.08", "eventID": format!("{role}-{time}"), "eventTime": time,
        "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "awsRegion": "eu-west-1",
        "sourceIPAddress": "192.0.2.10", "userAgent": "Boto3/1.34.0", "recipientAccountId": "111122223333",
        "userIdentity": {
            "type": "AssumedRole", "principalId": format!("AROA{}:job", role.to_uppercase()),
            "arn": format!("arn:aws:sts::111122223333:assumed-role/{role}/job"), "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {
                "type": "Role", "arn": format!("arn:aws:iam::111122223333:role/{role}"), "userName": role,
            }},
        },
    })
    .to_string()
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A folder with these files.
pub(super) fn written(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}
