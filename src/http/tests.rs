mod chains;
mod detectors;
mod feedback;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use super::*;
use crate::activity::Kind;
use crate::baseline::last_seen::UseStatus;
use crate::baseline::profile::{Runs, TermList, TermUse};
use crate::baseline::{LastSeen, Profile};
use crate::detect::Detectors;
use crate::detect::finding::Severity;
use crate::detect::testing::Sample;
use crate::monitor::{Filter, Stats, View, fixture};
use crate::time::{DAY_MS, EventTime, HOUR_MS, ProcessingTime};

const ROLE: &str = "arn:aws:iam::111122223333:role/ci/deploy";

struct Fake {
    health: Health,
    identities: Vec<LastSeen>,
    alerts: RecentAlerts,
    answered: Mutex<Vec<(&'static str, u16)>>,
    feedback: Option<feedback::Taker>,
    views: Vec<View>,
    detectors: Arc<Detectors>,
    stats: Stats,
}

impl Backend for Fake {
    fn health(&self) -> Health {
        self.health.clone()
    }

    fn metrics(&self) -> String {
        "# TYPE nhi_ready gauge\nnhi_ready 1\n".into()
    }

    fn answered(&self, endpoint: &'static str, code: u16) {
        self.answered.lock().unwrap().push((endpoint, code));
    }

    fn alerts(&self, query: &AlertQuery) -> Vec<Arc<RecentAlert>> {
        self.alerts.list(query)
    }

    fn feedback_taker(&self) -> Option<&dyn FeedbackTaker> {
        self.feedback.as_ref().map(|taker| taker as &dyn FeedbackTaker)
    }

    fn views(&self) -> Vec<View> {
        self.views.clone()
    }

    fn detectors(&self) -> Arc<Detectors> {
        Arc::clone(&self.detectors)
    }

    fn stats(&self) -> Stats {
        self.stats.clone()
    }

    fn identities(&self, filter: &Filter, after: Option<&str>, limit: usize) -> Vec<LastSeen> {
        let takes = |identity: &&LastSeen| {
            filter.kind.is_none_or(|kind| identity.kind == kind)
                && filter.status.is_none_or(|status| identity.status == status)
                && filter.text.as_deref().is_none_or(|text| identity.identity_id.contains(text))
                && after.is_none_or(|after| identity.identity_id.as_str() > after)
        };
        self.identities.iter().filter(takes).take(limit).cloned().collect()
    }

    fn identity(&self, id: &str) -> Option<(LastSeen, Profile)> {
        let found = self.identities.iter().find(|identity| identity.identity_id == id)?;
        Some((found.clone(), profile()))
    }
}

fn profile() -> Profile {
    let time = EventTime::from_millis(1_800_000_000_000);
    let value = TermUse {
        value: "s3:GetObject".into(),
        first_seen: time,
        last_seen: time,
        weight: 2.0,
        quarantined: false,
    };
    let runs = Runs { usual_hours: 24.0, longest_hours: 26.0, count: 41, last_start: time };
    let terms = vec![TermList { dimension: "action", values: vec![value] }];
    Profile { terms, runs: Some(runs), ..Profile::default() }
}

fn last_seen(id: &str, kind: Kind, status: UseStatus) -> LastSeen {
    LastSeen {
        identity_id: id.into(),
        kind,
        class: Default::default(),
        provider: "aws".into(),
        account: None,
        unique_id: None,
        first_seen: None,
        last_seen: None,
        last_success: None,
        last_denied: None,
        last_human_use: None,
        last_via_service: None,
        last_auth_only: None,
        last_activity: None,
        credentials: Vec::new(),
        active_keys: 0,
        services: Vec::new(),
        never_used_services: Vec::new(),
        sensitive_actions: Vec::new(),
        dependants: Default::default(),
        status,
        unused_days: None,
        decommission: Default::default(),
        coverage: Default::default(),
        declared: None,
        updated_at: ProcessingTime::default(),
    }
}

fn fake() -> Fake {
    let alerts = RecentAlerts::new(10);
    for (second, severity, identity_id) in [(1, Severity::Low, ROLE), (2, Severity::High, "linux:web:deploy")]
    {
        let json =
            RawValue::from_string(format!(r#"{{"class_uid":2004,"severity_id":{}}}"#, severity as u8 + 1));
        let found_at = ProcessingTime::from_millis(second * 1_000);
        alerts.push(RecentAlert {
            uid: format!("incident-{second}"),
            links: Default::default(),
            identity_id: identity_id.into(),
            severity,
            found_at,
            json: json.unwrap(),
        });
    }
    let identities = vec![
        last_seen(ROLE, Kind::CloudRole, UseStatus::Active),
        last_seen("linux:web:backup", Kind::Automation, UseStatus::Unused),
        last_seen("linux:web:deploy", Kind::Automation, UseStatus::Active),
    ];
    Fake {
        health: Health { is_alive: true, not_ready: Vec::new() },
        identities,
        alerts,
        answered: Mutex::default(),
        feedback: None,
        views: Vec::new(),
        detectors: Arc::new(Detectors::builtin().unwrap()),
        stats: Stats::default(),
    }
}

/// A server on a free port, stopped when dropped.
struct Running {
    address: SocketAddr,
    backend: Arc<Fake>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

fn start(fake: Fake) -> Running {
    let backend = Arc::new(fake);
    let (stop, stopped) = oneshot::channel::<()>();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(Server::bind("127.0.0.1:0")).unwrap();
    let address = server.address();
    let served = Arc::clone(&backend);
    let thread = std::thread::spawn(move || {
        runtime.block_on(server.run(served, async {
            let _sender_dropped = stopped.await;
        }));
    });
    Running { address, backend, stop: Some(stop), thread: Some(thread) }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

struct Answer {
    code: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Running {
    fn send(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { code, head: head.to_lowercase(), body: body.to_owned() }
    }

    fn get(&self, target: &str) -> Answer {
        self.send(&format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    }

    fn ids(&self, target: &str) -> Vec<String> {
        let page = self.get(target).json();
        let list = page["identities"].as_array().unwrap_or_else(|| panic!("{target}: {page}"));
        list.iter().map(|identity| identity["identity_id"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn metrics_come_in_the_text_format() {
    let answer = start(fake()).get("/metrics");
    assert_eq!(answer.code, 200);
    assert!(
        answer.head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{}",
        answer.head
    );
    assert!(answer.body.contains("nhi_ready 1\n"));
}

#[test]
fn readiness_names_what_is_awaited() {
    let server = start(fake());
    assert_eq!((server.get("/readyz").code, server.get("/healthz").code), (200, 200));
    let restoring = NotReady { reason: "restoring", detail: "3 of 12 partitions".into() };
    let server = start(Fake { health: Health { is_alive: true, not_ready: vec![restoring] }, ..fake() });
    let answer = server.get("/readyz");
    assert_eq!((answer.code, server.get("/healthz").code), (503, 200));
    assert_eq!(answer.json()["reasons"][0]["reason"], "restoring");
    assert!(server.get("/").body.contains("restoring"));
}

#[test]
fn what_failed_is_neither_alive_nor_ready() {
    let server = start(Fake { health: Health::default(), ..fake() });
    assert_eq!((server.get("/healthz").code, server.get("/readyz").code), (503, 503));
}

#[test]
fn identities_are_filtered() {
    let server = start(fake());
    assert_eq!(server.ids("/api/v1/identities").len(), 3);
    assert_eq!(server.ids("/api/v1/identities?kind=cloud_role"), [ROLE]);
    assert_eq!(server.ids("/api/v1/identities?status=unused&kind=automation"), ["linux:web:backup"]);
    assert_eq!(server.ids("/api/v1/identities?q=role%2Fci"), [ROLE]);
}

#[test]
fn pages_follow_the_cursor_to_the_end() {
    let server = start(fake());
    let first = server.get("/api/v1/identities?limit=2").json();
    let next = first["next"].as_str().unwrap().to_owned();
    assert_eq!(next, "linux:web:backup");
    let second = server.get(&format!("/api/v1/identities?limit=2&after={next}")).json();
    assert_eq!(second["identities"][0]["identity_id"], "linux:web:deploy");
    assert_eq!(second["next"], Value::Null);
}

#[test]
fn an_identity_is_found_by_its_id_encoded_or_not() {
    let server = start(fake());
    for id in [ROLE.to_owned(), ROLE.replace(':', "%3A").replace('/', "%2F")] {
        let identity = server.get(&format!("/api/v1/identities/{id}")).json();
        assert_eq!(identity["identity_id"], ROLE);
        assert_eq!(identity["schema"], "nhi.last-seen/1");
        assert_eq!(identity["baseline"]["terms"][0]["values"][0]["first_seen"], "2027-01-15T08:00:00.000Z");
        let runs = &identity["baseline"]["runs"];
        assert_eq!((&runs["usual_hours"], &runs["count"]), (&24.0.into(), &41.into()));
    }
}

#[test]
fn alerts_are_filtered_newest_first() {
    let server = start(fake());
    let severities = |target: &str| -> Vec<i64> {
        let alerts = server.get(target).json();
        alerts["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|alert| alert["severity_id"].as_i64().unwrap())
            .collect()
    };
    assert_eq!(severities("/api/v1/alerts"), [4, 2]);
    assert_eq!(severities("/api/v1/alerts?severity=medium"), [4]);
    assert_eq!(severities(&format!("/api/v1/alerts?identity={ROLE}")), [2]);
    assert_eq!(severities("/api/v1/alerts?since=1970-01-01T00:00:02Z"), [4]);
}

/// Below the threshold too: one partition holds an open incident, another one that was never reported.
#[test]
fn incidents_of_all_partitions_are_listed_heaviest_first() {
    let (open, mut pending) = (fixture::busy_monitor(1), fixture::busy_monitor(2));
    let slight = Sample { action: "sqs:SendMessage".into(), ..Sample::default() };
    pending.activity(&fixture::activity("role-1", &slight, 30 * DAY_MS, "slight"), &mut Vec::new());
    let server = start(Fake { views: vec![pending.view(), open.view()], ..fake() });
    let states = |target: &str| -> Vec<String> {
        let found = server.get(target).json();
        found["incidents"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["state"].as_str().unwrap().into())
            .collect()
    };
    assert_eq!(states("/api/v1/incidents"), ["open", "open", "pending"]);
    assert_eq!(states("/api/v1/incidents?state=pending"), ["pending"]);
    assert_eq!(states("/api/v1/incidents?min_risk=50"), ["open", "open"]);
    assert_eq!(states("/api/v1/incidents?limit=1"), ["open"]);
    let role = "arn:aws:iam::111122223333:role/role-1";
    let found = server.get(&format!("/api/v1/incidents?identity={role}")).json();
    let [incident] = &found["incidents"].as_array().unwrap()[..] else { panic!("{found}") };
    assert_eq!((&incident["identity_id"], &incident["accepted"]), (&role.into(), &false.into()));
    assert_eq!(incident["uid"].as_str().unwrap().len(), 32);
    let signal = &incident["signals"][0];
    assert_eq!(
        (&signal["detector"], &signal["time"]),
        (&"new-action".into(), &"2026-02-04T00:00:00.000Z".into())
    );
    assert!(signal["bits"].as_f64().unwrap() > 3.0 && signal["reason"].as_str().unwrap().contains("sqs"));
}

#[test]
fn errors_are_problems_that_say_what_to_do() {
    let server = start(fake());
    let check = |target: &str, code: u16, part: &str| {
        let answer = server.get(target);
        assert_eq!(answer.code, code, "{target}");
        assert!(answer.head.contains("content-type: application/problem+json"), "{target}: {}", answer.head);
        let problem = answer.json();
        assert_eq!(problem["status"], code);
        assert!(problem["detail"].as_str().unwrap().contains(part), "{target}: {problem}");
    };
    check("/nothing", 404, "GET / lists them");
    check("/api/v1/identities/linux:web:nobody", 404, "no such identity");
    check("/api/v1/identities?kind=spoon", 400, "service_account");
    check("/api/v1/identities?kinds=human", 400, "kinds");
    check("/api/v1/identities?limit=0", 400, "1 to 1000");
    check("/api/v1/identities/%ff", 400, "");
    check("/api/v1/alerts?since=yesterday", 400, "2026-01-31T09:30:00Z");
    check("/api/v1/detectors/no-such", 404, "no such detector");
    check("/api/v1/detectors/%ff", 400, "");
    check("/api/v1/incidents?state=ajar", 400, "pending");
    check("/api/v1/incidents?min_risk=101", 400, "0 to 100");
    check("/api/v1/incidents?limit=0", 400, "1 to 200");
    check(&format!("/{}", "a".repeat(9_000)), 414, "bytes");
}

#[test]
fn only_reading_is_allowed() {
    let server = start(fake());
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"] {
        let answer =
            server.send(&format!("{method} /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        assert_eq!(answer.code, 405, "{method}");
        assert!(answer.head.contains("allow: get, head"), "{}", answer.head);
    }
}

#[test]
fn answers_carry_security_headers_and_no_cors() {
    let server = start(fake());
    for target in ["/", "/metrics", "/nothing", "/api/v1/alerts?since=x"] {
        let head = server.get(target).head;
        for header in
            ["content-security-policy: default-src 'none'", "x-content-type-options: nosniff", "no-store"]
        {
            assert!(head.contains(header), "{target}: {head}");
        }
        assert!(!head.contains("access-control-"), "{target}: {head}");
    }
}

#[test]
fn requests_are_counted_by_route_never_by_path() {
    let server = start(fake());
    server.get("/api/v1/identities/linux:web:deploy");
    server.get("/wp-login.php");
    let answered = server.backend.answered.lock().unwrap().clone();
    assert_eq!(answered, [("/api/v1/identities/{id}", 200), ("other", 404)]);
}

#[test]
fn the_index_links_to_endpoints_that_answer() {
    let server = start(fake());
    let page = server.get("/").body;
    assert!(page.contains(env!("CARGO_PKG_VERSION")));
    let links: Vec<_> = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(links.len() >= 5);
    for link in links {
        assert_eq!(server.get(link).code, 200, "{link}");
    }
}

#[test]
fn a_taken_address_is_named() {
    let server = start(fake());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listen = server.address.to_string();
    let error = runtime.block_on(Server::bind(&listen)).unwrap_err().to_string();
    assert!(error.starts_with(&format!("http.listen = \"{listen}\"")), "{error}");
}
