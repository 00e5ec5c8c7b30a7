//! `/`: what there is to see here, for a person with a browser.

use super::backend::Health;

/// Endpoints with what they are for. Links lead to themselves.
const ENDPOINTS: [(&str, &str); 10] = [
    ("/metrics", "Prometheus metrics"),
    ("/healthz", "whether the process works"),
    ("/readyz", "whether state is restored and records are consumed, else why not"),
    (
        "/api/v1/identities",
        "identities with their last use; <code>kind</code> <code>status</code> <code>q</code> <code>after</code> <code>limit</code>",
    ),
    ("/api/v1/identities?status=unused", "what nobody uses"),
    ("/api/v1/identities?status=never_seen", "what was declared and never used"),
    ("/api/v1/identities?status=retired", "what the inventory calls retired"),
    (
        "/api/v1/alerts",
        "recent alerts, newest first; <code>severity</code> (or worse) <code>identity</code> <code>chain</code> <code>since</code> <code>limit</code>",
    ),
    (
        "/api/v1/incidents",
        "incidents held, also below the threshold; <code>state</code> <code>min_risk</code> <code>identity</code> <code>chain</code> (uid or identity) <code>limit</code>",
    ),
    ("/api/v1/detectors", "what is looked for, and what came of it; <code>/{id}</code> shows one as a whole"),
];

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1b1f24;--dim:#5b6570;--line:#d8dee4;--page:#fff;--ok:#1a7f37;--bad:#b35900}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--dim:#8b949e;--line:#30363d;--page:#0d1117;--ok:#3fb950;--bad:#f0883e}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);max-width:46rem;margin:3rem auto;padding:0 1.25rem}
h1{font-size:1.5rem;margin:0}p{color:var(--dim);margin:.25rem 0 1.5rem}
.state{font-weight:600}.ready{color:var(--ok)}.waiting{color:var(--bad)}
table{border-collapse:collapse;width:100%}td{border-top:1px solid var(--line);padding:.6rem .75rem .6rem 0;vertical-align:top}
a{color:inherit;font-family:ui-monospace,monospace;font-size:.9rem}code{font-size:.85rem;color:var(--dim);margin-right:.25rem}
";

/// The page, with the state as it is.
pub(super) fn page(health: &Health) -> String {
    let rows: String = ENDPOINTS.iter().map(|(path, what)| row(path, what)).collect();
    let version = env!("CARGO_PKG_VERSION");
    let state = state(health);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>nhi-monitor</title><style>{STYLE}</style></head>\
         <body><h1>nhi-monitor</h1><p>Watches what non-human identities do. Version {version}, {state}</p>\
         <table>{rows}</table></body></html>\n"
    )
}

fn row(path: &str, what: &str) -> String {
    format!("<tr><td><a href=\"{path}\">{path}</a></td><td>{what}</td></tr>")
}

fn state(health: &Health) -> String {
    if health.is_ready() {
        return "<span class=\"state ready\">ready</span>.".into();
    }
    let reasons: Vec<_> = health.not_ready.iter().map(|reason| reason.reason).collect();
    format!("<span class=\"state waiting\">not ready</span> {}.", reasons.join(", "))
}
