//! What is read again on SIGHUP while the service runs: detectors, which are watched for exceptions that expire, and what is
//! known of addresses.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;

use super::process::Process;
use crate::cli::exit::Failure;
use crate::cli::settings;
use crate::config::{self, Config};
use crate::detect::Detectors;
use crate::runtime::clock;
use crate::time::{EventTime, ProcessingTime};

/// Exceptions end with a day, so that looking each hour is often enough.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);

/// What has detectors, databases and lists read again.
pub(super) struct Reload {
    hangup: Signal,
    told: Told,
}

impl Reload {
    /// From now on SIGHUP does not end the process.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { hangup: signal(SignalKind::hangup())?, told: Told::default() })
    }

    /// Reads all again whenever that is asked for. What is wrong with any of it changes nothing but the log and a metric.
    pub(super) async fn serve(mut self, config: Arc<Config>, process: Arc<Process>) -> Infallible {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                Some(()) = self.hangup.recv() => {
                    reload(&config, &process).await;
                    reload_enrichment(&config, &process).await;
                }
                _ = look.tick() => {}
            }
            self.told.tell(&process.service().detectors(), clock::now());
        }
    }
}

async fn reload(config: &Arc<Config>, process: &Arc<Process>) {
    let config = Arc::clone(config);
    let read = spawn_blocking(move || settings::detectors(&config)).await;
    match read {
        Ok(Ok(detectors)) => {
            let (now, before) = (Arc::new(detectors), process.service().detectors());
            let Changes { added, changed, removed } = Changes::between(&before, &now);
            process.reload(now);
            tracing::info!(added, changed, removed, "detectors are read again");
        }
        Ok(Err(Failure::Usage(error) | Failure::Failed(error) | Failure::Stale(error))) => {
            refuse(process, &error.to_string())
        }
        Err(error) => refuse(process, &error.to_string()),
    }
}

/// Reads databases and lists again; without any in the settings there is nothing to do.
async fn reload_enrichment(config: &Arc<Config>, process: &Arc<Process>) {
    if config.enrichment == config::Enrichment::default() {
        return;
    }
    let config = Arc::clone(config);
    let read = spawn_blocking(move || settings::enrichment(&config)).await;
    let error = match read {
        Ok(Ok(enrichment)) => {
            tracing::info!(
                networks = enrichment.lists.prefixes(),
                "what is known of addresses is read again"
            );
            return process.enrich(Arc::new(enrichment));
        }
        Ok(Err(Failure::Usage(error) | Failure::Failed(error) | Failure::Stale(error))) => error.to_string(),
        Err(error) => error.to_string(),
    };
    process.refuse_enrichment();
    tracing::error!(error, "databases or lists of addresses cannot be taken: those before stay in force");
}

fn refuse(process: &Process, error: &str) {
    process.refuse_reload();
    tracing::error!(error, "detectors cannot be taken: those before stay in force");
}

/// How one set differs from another.
#[derive(Debug, PartialEq, Eq)]
struct Changes {
    added: usize,
    changed: usize,
    removed: usize,
}

impl Changes {
    fn between(before: &Detectors, now: &Detectors) -> Self {
        let count = |is_so: &dyn Fn(&str) -> bool, set: &Detectors| {
            set.iter().filter(|detector| is_so(&detector.id)).count()
        };
        Self {
            added: count(&|id| before.get(id).is_none(), now),
            changed: count(&|id| before.get(id).is_some_and(|old| Some(old) != now.get(id)), now),
            removed: count(&|id| now.get(id).is_none(), before),
        }
    }
}

/// The expired exceptions that the log has told of: each once.
#[derive(Default)]
struct Told(BTreeSet<String>);

impl Told {
    fn tell(&mut self, detectors: &Detectors, now: ProcessingTime) {
        for (detector, exception) in detectors.expired(EventTime::from_millis(now.millis())) {
            if self.0.insert(format!("{} {exception:?}", detector.id)) {
                let last = exception.expires.map(|last| last.to_string()).unwrap_or_default();
                let (owner, reason) = (&exception.owner, &exception.reason);
                tracing::warn!(detector = detector.id, last, owner, reason, "an exception has expired");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Fault;
    use crate::time::DAY_MS;

    const NEW_SERVICE: &str = include_str!("../../../detectors/new-service.yaml");

    fn set(text: &str) -> Detectors {
        Detectors::over_builtin("test", &[("a.yaml".into(), Ok::<_, Fault>(text.into()))]).unwrap()
    }

    #[test]
    fn what_changed_is_counted() {
        let builtin = Detectors::builtin().unwrap();
        let changed = set(&NEW_SERVICE.replace("version: 2", "version: 3"));
        let added = set(&NEW_SERVICE.replace("id: new-service", "id: own"));
        let check = |before: &Detectors, now: &Detectors, (added, changed, removed)| {
            assert_eq!(Changes::between(before, now), Changes { added, changed, removed });
        };
        check(&builtin, &builtin, (0, 0, 0));
        check(&builtin, &set(NEW_SERVICE), (0, 0, 0));
        check(&builtin, &changed, (0, 1, 0));
        check(&changed, &added, (1, 1, 0));
        check(&added, &builtin, (0, 0, 1));
    }

    #[test]
    fn an_expired_exception_is_told_once() {
        let exception =
            "exceptions: [{ identity: a, reason: r, owner: o, expires: 2026-01-31 }]\nseverity: low";
        let detectors = set(&NEW_SERVICE.replace("severity: low", exception));
        let last_day = ProcessingTime::parse_rfc3339("2026-01-31T23:59:59Z").unwrap();
        let mut told = Told::default();
        for (after_ms, expected) in [(0, 0), (1_000, 1), (DAY_MS, 1)] {
            told.tell(&detectors, last_day.plus_millis(after_ms));
            assert_eq!(told.0.len(), expected, "{after_ms}");
        }
    }
}
