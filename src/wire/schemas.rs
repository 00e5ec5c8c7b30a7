//! JSON Schemas (2020-12) of everything public, generated from the types.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::config::Config;
use crate::detect::Detector;

use super::declared::DeclaredRecord;
use super::digest::Digest;
use super::{Alert, FeedbackRecord, LastSeenRecord};

/// File name and text of each schema in `schemas/`.
#[must_use]
pub fn schemas() -> Vec<(&'static str, String)> {
    vec![
        ("alert.schema.json", written::<Alert>("nhi.alerts")),
        ("last-seen.schema.json", written::<LastSeenRecord>("nhi.inventory, last-seen:*")),
        ("declared-identity.schema.json", read::<DeclaredRecord>("nhi.inventory, identity:*")),
        ("feedback.schema.json", read::<FeedbackRecord>("nhi.feedback")),
        ("digest.schema.json", written::<Digest>("nhi-monitor digest")),
        ("config.schema.json", read::<Config>("nhi-monitor configuration")),
        ("detector.schema.json", read::<Detector>("nhi-monitor detector")),
    ]
}

/// The schema of what this program writes: keys that it always writes are required.
fn written<T: JsonSchema>(title: &str) -> String {
    text(SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>(), title)
}

/// The schema of what this program reads: keys with a default are optional.
fn read<T: JsonSchema>(title: &str) -> String {
    text(SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<T>(), title)
}

fn text(mut schema: Schema, title: &str) -> String {
    schema.insert("title".to_owned(), title.into());
    format!("{:#}\n", schema.as_value())
}
