//! What is looked for, as the API tells it.

use super::*;
use crate::detect::{Fate, Fault};

const OWN: &str = include_str!("../../../detectors/new-service.yaml");

/// The built-in detectors, one of them replaced by a file in shadow; it raised two signals, another detector three and one that
/// was excepted.
fn watched() -> Fake {
    let file = (
        "/etc/detectors/own.yaml".to_owned(),
        Ok::<_, Fault>(OWN.replace("severity: low", "severity: low\nstatus: shadow").into()),
    );
    let detectors = Detectors::over_builtin("/etc/detectors", &[file]).unwrap();
    let mut stats = Stats::default();
    (0..2).for_each(|_| stats.count_signal("new-service", Fate::Shadow));
    (0..3).for_each(|_| stats.count_signal("new-origin", Fate::Raised));
    stats.count_signal("new-origin", Fate::Excepted);
    Fake { detectors: Arc::new(detectors), stats, ..fake() }
}

#[test]
fn all_detectors_are_listed_with_where_they_are_from_and_what_came_of_them() {
    let list = start(watched()).get("/api/v1/detectors").json();
    let list = list["detectors"].as_array().unwrap();
    assert_eq!(list.len(), Detectors::builtin().unwrap().iter().count());
    let of = |id: &str| list.iter().find(|one| one["id"] == id).unwrap();
    let (own, origin) = (of("new-service"), of("new-origin"));
    assert_eq!((&own["source"], &own["status"]), (&"/etc/detectors/own.yaml".into(), &"shadow".into()));
    assert_eq!(own["signals"], serde_json::json!({"raised": 0, "shadow": 2, "excepted": 0}));
    assert_eq!((&origin["source"], &origin["status"]), (&"built-in".into(), &"enabled".into()));
    assert_eq!(origin["signals"], serde_json::json!({"raised": 3, "shadow": 0, "excepted": 1}));
    assert_eq!((&origin["severity"], &origin["family"]), (&"medium".into(), &"new_origin".into()));
    assert_eq!(origin["attack"][0]["technique"], "T1078.004");
    assert_eq!(origin["owasp_nhi"][0], "NHI2:2025");
}

#[test]
fn one_detector_is_shown_as_its_file_states_it() {
    let server = start(watched());
    let shown = server.get("/api/v1/detectors/new-origin").json();
    assert_eq!(shown["source"], "built-in");
    assert_eq!(shown["signals"]["raised"], 3);
    let detector: crate::detect::Detector = serde_json::from_value(shown["detector"].clone()).unwrap();
    assert_eq!(Some(&detector), server.backend.detectors.get("new-origin").map(|detector| &**detector));
}
