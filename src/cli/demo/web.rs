//! HTTP beside the demo, on a thread of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;

use crate::http::{self, Backend, Server};

/// A running HTTP server.
pub(super) struct Web {
    /// Where it listens.
    pub(super) address: SocketAddr,
    runtime: tokio::runtime::Runtime,
}

impl Web {
    /// Serves `backend` where it was asked for; else on the usual address, or on a free port where that one is taken.
    pub(super) fn start(asked: Option<&str>, usual: &str, backend: Arc<dyn Backend>) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("the asynchronous runtime cannot be started")?;
        let server = runtime.block_on(bind(asked, usual))?;
        let address = server.address();
        runtime.spawn(server.run(backend, std::future::pending()));
        Ok(Self { address, runtime })
    }

    /// Whether Ctrl-C was pressed since `on_interrupt` was set up: sets the flag.
    pub(super) fn on_interrupt(&self, flag: Arc<std::sync::atomic::AtomicBool>) {
        self.runtime.spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                flag.store(true, std::sync::atomic::Ordering::Release);
            }
        });
    }

    /// Ends at once.
    pub(super) fn stop(self) {
        self.runtime.shutdown_background();
    }
}

async fn bind(asked: Option<&str>, usual: &str) -> Result<Server, http::Error> {
    if let Some(asked) = asked {
        return Server::bind(asked).await;
    }
    match Server::bind(usual).await {
        Ok(server) => Ok(server),
        Err(_) => Server::bind("127.0.0.1:0").await,
    }
}
