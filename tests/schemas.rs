//! The JSON Schemas in `schemas/` are those of the types.

#![allow(clippy::unwrap_used, reason = "a test may fail, and says where")]

use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas")
}

/// Guarantees that what readers of the public records are told is what the program writes.
#[test]
fn the_schemas_are_current() {
    let is_update = std::env::var_os("NHI_UPDATE_SCHEMAS").is_some();
    let mut stale = Vec::new();
    for (name, text) in nhi_monitor::wire::schemas() {
        let path = folder().join(name);
        if is_update {
            std::fs::write(&path, &text).unwrap();
        } else if std::fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            stale.push(name);
        }
    }
    assert!(
        stale.is_empty(),
        "out of date in schemas/: {stale:?}. Write them anew with:\n\
         NHI_UPDATE_SCHEMAS=1 cargo test --test schemas"
    );
}

/// Guarantees that no schema of something that is gone stays behind.
#[test]
fn every_schema_file_has_its_type() {
    let known: Vec<&str> = nhi_monitor::wire::schemas().into_iter().map(|(name, _)| name).collect();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(known.contains(&name.as_str()), "schemas/{name} belongs to no type");
    }
}

/// Guarantees that each schema is one that validators take: an object schema of the 2020-12 draft.
#[test]
fn schemas_say_what_they_are() {
    for (name, text) in nhi_monitor::wire::schemas() {
        let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        assert_eq!(schema["type"], "object", "{name}");
        assert!(schema["title"].is_string() && schema["description"].is_string(), "{name}");
    }
}
