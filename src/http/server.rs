//! The listener: accepts a bounded number of connections and lets none linger.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::backend::Backend;
use super::routes;

/// Connections held at once: some Prometheus servers, probes and people; each costs some 10 KB.
const MAX_CONNECTIONS: usize = 128;

/// Longest wait for a request's head, also between requests: above the usual scrape interval of 15 s to 60 s.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// Largest request head, and so the read buffer of a connection.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// Time that open requests have to finish at shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// Pause after a failed accept (out of file descriptors), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("http.listen = \"{listen}\" cannot be listened on: {source}")]
    Listen {
        /// As configured.
        listen: String,
        /// Why.
        source: io::Error,
    },
}

/// A server that listens and is yet to answer.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Listens on `host:port` (`http.listen`); port 0 takes a free one.
    ///
    /// # Errors
    /// Where the address is not valid or taken.
    pub async fn bind(listen: &str) -> Result<Self, Error> {
        let failed = |source| Error::Listen { listen: listen.to_owned(), source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers from `backend` until `shutdown` resolves, then lets open requests finish for two seconds.
    pub async fn run(self, backend: Arc<dyn Backend>, shutdown: impl Future<Output = ()>) {
        let router = routes::router(backend);
        let connections = GracefulShutdown::new();
        tokio::select! {
            () = shutdown => {}
            () = accept(&self.listener, &router, &connections) => {}
        }
        drop(self.listener);
        // Connections that do not end in time are cut.
        let _cut = tokio::time::timeout(SHUTDOWN_TIMEOUT, connections.shutdown()).await;
    }
}

async fn accept(listener: &TcpListener, router: &Router, connections: &GracefulShutdown) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let connection = connections.watch(connection(stream, router.clone()));
        tokio::spawn(async move {
            // A connection that breaks is its client's concern.
            let _ended = connection.await;
            drop(permit);
        });
    }
}

fn connection(
    stream: TcpStream,
    router: Router,
) -> http1::Connection<TokioIo<TcpStream>, TowerToHyperService<Router>> {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
}
