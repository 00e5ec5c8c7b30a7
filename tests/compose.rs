//! The compose file's structure: what it mounts exists, who depends on whom exists, and no port leaves this machine.

#![allow(clippy::unwrap_used, reason = "a test may fail, and says where")]

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn compose() -> Value {
    let text = fs::read_to_string(root().join("docker-compose.yml")).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

fn services(compose: &Value) -> &Map<String, Value> {
    compose["services"].as_object().unwrap()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().map_or_else(Vec::new, |list| list.iter().map(|item| item.as_str().unwrap()).collect())
}

#[test]
fn every_port_is_published_on_loopback_only() {
    let compose = compose();
    for (name, service) in services(&compose) {
        for port in texts(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
    }
}

#[test]
fn what_is_mounted_or_awaited_exists() {
    let compose = compose();
    let volumes = compose["volumes"].as_object().unwrap();
    for (name, service) in services(&compose) {
        for volume in texts(&service["volumes"]) {
            let (source, _) = volume.split_once(':').unwrap();
            let exists = if source.starts_with('.') {
                root().join(source).exists()
            } else {
                volumes.contains_key(source)
            };
            assert!(exists, "{name}: {source}");
        }
        let awaited: Vec<&str> = match &service["depends_on"] {
            Value::Object(conditions) => conditions.keys().map(String::as_str).collect(),
            list => texts(list),
        };
        for other in awaited {
            assert!(services(&compose).contains_key(other), "{name} awaits {other}");
        }
    }
}

#[test]
fn the_monitor_runs_without_rights() {
    let compose = compose();
    let monitor = &services(&compose)["monitor"];
    assert_eq!((&monitor["read_only"], &monitor["cap_drop"][0]), (&Value::Bool(true), &Value::from("ALL")));
    let dockerfile = fs::read_to_string(root().join("Dockerfile")).unwrap();
    let (_, target) = dockerfile.split_once(" AS monitor\n").unwrap();
    assert!(target.contains("\nUSER 65532:65532\n"), "the service runs as a user without a name");
    assert!(dockerfile.contains(" AS sample\n"));
}

#[cfg(feature = "edges")]
#[test]
fn the_settings_are_valid() {
    let text = fs::read_to_string(root().join("deploy/nhi-monitor.toml")).unwrap();
    let config: nhi_monitor::config::Config = toml::from_str(&text).unwrap();
    assert_eq!(config.http.listen, "0.0.0.0:9464");
}
