//! `run`: the service, until it is told to stop.

pub(super) mod process;
mod reload;

use std::io;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use super::exit::{Exit, Failure};
use super::settings;
use crate::config::Config;
use crate::http::Server;
use crate::runtime::Clock;
use crate::runtime::clock::SystemClock;
use crate::runtime::{self, Knowledge, Stages};
use crate::telemetry::logging;
use process::Process;
use reload::Reload;

/// Run the service.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    settings: settings::Required,
    /// Run one of the stages alone; both where none is named.
    #[arg(long, value_enum)]
    stage: Option<Stage>,
}

const EXAMPLES: &str = "\
Examples:
  nhi-monitor run -c nhi-monitor.toml
  nhi-monitor run -c nhi-monitor.toml --stage ingest     beside others that run --stage monitor

SIGTERM and SIGINT drain, commit and leave the consumer groups; a second one ends at once. SIGHUP reads the folder \
of detectors, the databases of addresses and the lists of networks again. Exit codes: 0 stopped as asked; 1 it failed; \
2 the settings, or what they name, are wrong.";

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Stage {
    /// Logs to activities.
    Ingest,
    /// Activities to alerts and last-seen records.
    Monitor,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let config = Arc::new(settings::load(Some(&args.settings.config))?);
    logging::init(&config.log).map_err(|error| Failure::Usage(error.into()))?;
    let stages = match args.stage {
        None => Stages::ALL,
        Some(Stage::Ingest) => Stages { monitor: false, ..Stages::ALL },
        Some(Stage::Monitor) => Stages { ingest: false, ..Stages::ALL },
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // Serves HTTP and waits for signals; the stages have threads of their own.
        .worker_threads(1)
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot be started")?;
    let outcome = runtime.block_on(serve(config, stages));
    // Not dropped: that would wait for threads which the drain timeout or a second signal has given up on.
    runtime.shutdown_background();
    outcome
}

async fn serve(config: Arc<Config>, stages: Stages) -> Result<Exit, Failure> {
    let mut stop = StopSignals::new().context("signals cannot be waited for")?;
    let reload = Reload::new().context("signals cannot be waited for")?;
    let knowledge = Knowledge {
        detectors: Arc::new(settings::detectors(&config)?),
        enrichment: Arc::new(settings::enrichment(&config)?),
    };
    let server = bind(&config).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let settings = Arc::clone(&config);
    let starting = spawn_blocking(move || Process::start(settings, knowledge, stages, clock));
    let process = tokio::select! {
        started = starting => started??,
        signal = stop.received() => {
            tracing::info!(signal, "stopped before the start was over");
            return Ok(Exit::Ok);
        }
    };
    let http = server.map(|server| Http::start(server, Arc::clone(&process)));
    let ended = {
        let process = Arc::clone(&process);
        spawn_blocking(move || process.service().wait())
    };
    let outcome = tokio::select! {
        result = ended => result?,
        never = reload.serve(config, Arc::clone(&process)) => match never {},
        name = stop.received() => drain(process, name, &mut stop).await?,
    };
    if let Some(http) = http {
        http.stop().await;
    }
    outcome?;
    tracing::info!("stopped");
    Ok(Exit::Ok)
}

async fn bind(config: &Config) -> Result<Option<Server>, Failure> {
    if config.http.listen.is_empty() {
        return Ok(None);
    }
    let server = Server::bind(&config.http.listen).await?;
    tracing::info!(address = %server.address(), "http listens");
    Ok(Some(server))
}

async fn drain(
    process: Arc<Process>,
    signal: &'static str,
    stop: &mut StopSignals,
) -> Result<Result<(), runtime::Error>, Failure> {
    tracing::info!(signal, "draining");
    process.begin_drain();
    let drained = spawn_blocking(move || process.service().shutdown());
    tokio::select! {
        result = drained => Ok(result?),
        signal = stop.received() => Err(Failure::Failed(anyhow!(
            "stopped at once by a second signal ({signal}); uncommitted input will be read again"
        ))),
    }
}

/// The HTTP server while it runs.
struct Http {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Http {
    fn start(server: Server, process: Arc<Process>) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            server
                .run(process, async {
                    // A sender that is gone says the same.
                    let _stopped = stopped.await;
                })
                .await;
        });
        Self { stop, task }
    }

    async fn stop(self) {
        if self.stop.send(()).is_ok()
            && let Err(error) = self.task.await
        {
            tracing::warn!(%error, "http did not end well");
        }
    }
}

/// The signals that ask for the end.
struct StopSignals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl StopSignals {
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for one, and names it.
    async fn received(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
