//! The endpoints.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::activity::Kind;
use crate::baseline::last_seen::UseStatus;
use crate::detect::finding::Severity;
use crate::monitor::Filter;
use crate::time::ProcessingTime;
use crate::wire::FeedbackRecord;

use super::alerts::AlertQuery;
use super::backend::{Backend, Health};
use super::guard::FEEDBACK;
use super::problem::Problem;
use super::{detectors, feedback, guard, identities, incidents, index};

/// Type of the Prometheus text format (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Identities or alerts on one page, where the request does not say.
const DEFAULT_LIMIT: usize = 100;

/// Most of them on one page: about 2 MB of JSON.
const MAX_LIMIT: usize = 1_000;

/// Answers worked out at once. Each may walk all identities, and the stages need the processors more.
const MAX_WORKING: usize = 4;

#[derive(Clone)]
struct Shared {
    backend: Arc<dyn Backend>,
    permits: Arc<Semaphore>,
}

/// All endpoints, guarded.
pub(super) fn router(backend: Arc<dyn Backend>) -> Router {
    let shared = Shared { backend: Arc::clone(&backend), permits: Arc::new(Semaphore::new(MAX_WORKING)) };
    let endpoints = Router::new()
        .route("/", get(show_index))
        .route("/metrics", get(show_metrics))
        .route("/healthz", get(show_health))
        .route("/readyz", get(show_readiness))
        .route("/api/v1/identities", get(list_identities))
        .route("/api/v1/identities/{*id}", get(show_identity))
        .route("/api/v1/alerts", get(list_alerts))
        .route("/api/v1/incidents", get(list_incidents))
        .route("/api/v1/detectors", get(list_detectors))
        .route("/api/v1/detectors/{id}", get(show_detector))
        .route(FEEDBACK, post(take_feedback))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "no such endpoint: GET / lists them") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, guard::METHODS)
        })
        .with_state(shared);
    guard::guard(endpoints, backend)
}

async fn show_index(State(shared): State<Shared>) -> Html<String> {
    Html(index::page(&shared.backend.health()))
}

async fn show_metrics(State(shared): State<Shared>) -> Result<Response, Problem> {
    let text = blocking(shared, |backend| backend.metrics()).await?;
    Ok(([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response())
}

async fn show_health(State(shared): State<Shared>) -> Response {
    match shared.backend.health().is_alive {
        true => Json(json!({"status": "alive"})).into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "failed"}))).into_response(),
    }
}

async fn show_readiness(State(shared): State<Shared>) -> Response {
    let health = shared.backend.health();
    if health.is_ready() {
        return Json(json!({"status": "ready", "reasons": []})).into_response();
    }
    let Health { not_ready, .. } = health;
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "not_ready", "reasons": not_ready})))
        .into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentitiesParams {
    kind: Option<Kind>,
    status: Option<UseStatus>,
    q: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

async fn list_identities(
    State(shared): State<Shared>,
    Params(params): Params<IdentitiesParams>,
) -> Result<Json<identities::Page>, Problem> {
    let limit = page_limit(params.limit)?;
    let filter = Filter { kind: params.kind, status: params.status, text: params.q };
    // One more than the page holds, to know whether there is a next page.
    let find = move |backend: &dyn Backend| backend.identities(&filter, params.after.as_deref(), limit + 1);
    let found = blocking(shared, find).await?;
    Ok(Json(identities::Page::new(found, limit)))
}

async fn show_identity(
    State(shared): State<Shared>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<identities::Identity>, Problem> {
    let Path(id) = id.map_err(|error| Problem::bad_request(error.body_text()))?;
    let find = move |backend: &dyn Backend| {
        backend.identity(&id).map(|found| identities::Identity::new(found, &backend.verdicts(&id)))
    };
    let found = blocking(shared, find).await?;
    let missing =
        "this instance holds no such identity: another instance may, and the inventory topic has all";
    found.map(Json).ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, missing))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AlertsParams {
    severity: Option<Severity>,
    identity: Option<String>,
    chain: Option<String>,
    since: Option<String>,
    limit: Option<usize>,
}

async fn list_alerts(
    State(shared): State<Shared>,
    Params(params): Params<AlertsParams>,
) -> Result<Json<serde_json::Value>, Problem> {
    let since = params.since.as_deref().map(parse_since).transpose()?;
    let AlertsParams { severity, identity, chain, limit, .. } = params;
    let query = AlertQuery { severity, identity, chain, since, limit: page_limit(limit)? };
    let found = blocking(shared, move |backend| backend.alerts(&query)).await?;
    let alerts: Vec<_> = found.iter().map(|alert| &alert.json).collect();
    Ok(Json(json!({"alerts": alerts})))
}

async fn list_incidents(
    State(shared): State<Shared>,
    Params(params): Params<incidents::IncidentsParams>,
) -> Result<Json<incidents::Incidents>, Problem> {
    let query = params.query()?;
    blocking(shared, move |backend| query.answer(backend)).await.map(Json)
}

async fn list_detectors(State(shared): State<Shared>) -> Result<Json<serde_json::Value>, Problem> {
    let list = |backend: &dyn Backend| json!(detectors::List::new(&backend.detectors(), &backend.stats()));
    blocking(shared, list).await.map(Json)
}

async fn show_detector(
    State(shared): State<Shared>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<serde_json::Value>, Problem> {
    let Path(id) = id.map_err(|error| Problem::bad_request(error.body_text()))?;
    let find = move |backend: &dyn Backend| {
        detectors::Whole::find(&id, &backend.detectors(), &backend.stats()).map(|found| json!(found))
    };
    let missing = "no such detector is in force: GET /api/v1/detectors lists them";
    blocking(shared, find).await?.map(Json).ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, missing))
}

async fn take_feedback(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<FeedbackRecord>), Problem> {
    if shared.backend.feedback_taker().is_none() {
        return Err(feedback::turned_off());
    }
    let record = feedback::read(&headers, body).await?;
    let write = move |backend: &dyn Backend| {
        let taken = backend.feedback_taker().map_or(Ok(()), |taker| taker.take(&record));
        taken.map(|()| record)
    };
    let written = blocking(shared, write).await?;
    let refused = |why: String| Problem::new(StatusCode::SERVICE_UNAVAILABLE, why);
    written.map(|record| (StatusCode::ACCEPTED, Json(record))).map_err(refused)
}

fn parse_since(text: &str) -> Result<ProcessingTime, Problem> {
    ProcessingTime::parse_rfc3339(text)
        .ok_or_else(|| Problem::bad_request("`since` is not a time as in 2026-01-31T09:30:00Z"))
}

fn page_limit(asked: Option<usize>) -> Result<usize, Problem> {
    match asked {
        None => Ok(DEFAULT_LIMIT),
        Some(0) => Err(Problem::bad_request(format!("`limit` is 1 to {MAX_LIMIT}"))),
        Some(limit) => Ok(limit.min(MAX_LIMIT)),
    }
}

/// Runs what may take long where it does not hold up other requests.
async fn blocking<T: Send + 'static>(
    shared: Shared,
    work: impl FnOnce(&dyn Backend) -> T + Send + 'static,
) -> Result<T, Problem> {
    // The permit stays with the work, which goes on where the request is given up.
    let permit = shared.permits.acquire_owned().await;
    let working = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work(shared.backend.as_ref())
    });
    working
        .await
        .map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the request failed: see the log"))
}

/// Query parameters; what cannot be read is a [`Problem`] that names it.
struct Params<T>(T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let read = Query::<T>::try_from_uri(&parts.uri);
        read.map(|Query(params)| Self(params)).map_err(|error| Problem::bad_request(error.body_text()))
    }
}
