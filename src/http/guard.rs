//! What every request passes: limits, a deadline, headers, and a count.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use super::backend::Backend;
use super::problem::Problem;

/// Longest time for one answer: Prometheus gives up after 10 s by default.
const DEADLINE: Duration = Duration::from_secs(10);

/// Longest path and query. Identity ids are up to 2 KB and percent-encoding may triple them.
const MAX_TARGET_BYTES: usize = 8 << 10;

/// The one endpoint that is written to.
pub(super) const FEEDBACK: &str = "/api/v1/feedback";

/// What may be done here.
pub(super) const METHODS: &str = "every endpoint is read with GET; /api/v1/feedback takes POST";

/// Headers of every answer. Nothing here is for other sites, frames or caches; the index page has only its own style.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// `endpoints` behind limits, with headers and counts.
pub(super) fn guard(endpoints: Router, backend: Arc<dyn Backend>) -> Router {
    // `route_layer` would leave out what matches no route.
    endpoints.layer(from_fn_with_state(backend, pass))
}

async fn pass(State(backend): State<Arc<dyn Backend>>, request: Request, next: Next) -> Response {
    let endpoint = endpoint(&request);
    let mut response = limited(request, next).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    backend.answered(endpoint, response.status().as_u16());
    response
}

async fn limited(request: Request, next: Next) -> Response {
    let is_feedback = request.uri().path() == FEEDBACK;
    let allowed = if is_feedback { "POST" } else { "GET, HEAD" };
    let is_allowed = match *request.method() {
        Method::GET | Method::HEAD => !is_feedback,
        Method::POST => is_feedback,
        _ => false,
    };
    if !is_allowed {
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, METHODS);
        return ([(header::ALLOW, allowed)], problem).into_response();
    }
    if request.uri().path_and_query().is_some_and(|target| target.as_str().len() > MAX_TARGET_BYTES) {
        return Problem::new(StatusCode::URI_TOO_LONG, format!("at most {MAX_TARGET_BYTES} bytes"))
            .into_response();
    }
    tokio::time::timeout(DEADLINE, next.run(request)).await.unwrap_or_else(|_| too_slow())
}

fn too_slow() -> Response {
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no answer in time: ask for less, or later");
    ([(header::RETRY_AFTER, "10")], problem).into_response()
}

/// The route as a bounded label.
fn endpoint(request: &Request) -> &'static str {
    match request.extensions().get::<MatchedPath>().map(MatchedPath::as_str) {
        Some("/") => "/",
        Some("/metrics") => "/metrics",
        Some("/healthz") => "/healthz",
        Some("/readyz") => "/readyz",
        Some("/api/v1/identities") => "/api/v1/identities",
        Some("/api/v1/identities/{*id}") => "/api/v1/identities/{id}",
        Some("/api/v1/alerts") => "/api/v1/alerts",
        Some("/api/v1/incidents") => "/api/v1/incidents",
        Some("/api/v1/detectors") => "/api/v1/detectors",
        Some("/api/v1/detectors/{id}") => "/api/v1/detectors/{id}",
        Some(FEEDBACK) => FEEDBACK,
        _ => "other",
    }
}
