//! Reads alerts as anybody would: a plain consumer of the alerts topic.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::config::Config;
use crate::kafka::client;
use crate::runtime::clock;
use crate::time::ProcessingTime;
use crate::wire::alert::Alert;

/// A reader of alerts on a thread of its own.
pub(super) struct Watch {
    alerts: Receiver<(ProcessingTime, Alert)>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watch {
    /// Subscribes to the alerts topic.
    pub(super) fn start(config: &Config) -> anyhow::Result<Self> {
        let mut settings = client::base(&config.kafka);
        settings.set("group.id", "demo-analyst").set("auto.offset.reset", "earliest");
        let consumer: BaseConsumer = settings.create().context("the alert reader cannot be made")?;
        consumer.subscribe(&[&config.topics.alerts]).context("the alerts topic cannot be read")?;
        let (sender, alerts) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("alert-reader".into())
            .spawn(move || read(&consumer, &stopped, &sender))
            .context("the alert reader's thread cannot be started")?;
        Ok(Self { alerts, stop, thread })
    }

    /// Alerts that came since the last call, with the time of day at which each came.
    pub(super) fn take(&self) -> impl Iterator<Item = (ProcessingTime, Alert)> + '_ {
        self.alerts.try_iter()
    }

    /// Waits until no alert came for a moment, and gives what came.
    pub(super) fn rest(&self) -> Vec<(ProcessingTime, Alert)> {
        const QUIET: Duration = Duration::from_millis(1_500);
        std::iter::from_fn(|| self.alerts.recv_timeout(QUIET).ok()).collect()
    }

    /// Ends the reader.
    pub(super) fn stop(self) {
        self.stop.store(true, Ordering::Release);
        if self.thread.join().is_err() {
            tracing::warn!("the alert reader panicked");
        }
    }
}

fn read(consumer: &BaseConsumer, stop: &AtomicBool, sender: &Sender<(ProcessingTime, Alert)>) {
    while !stop.load(Ordering::Acquire) {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
        let alert = message.payload().and_then(|payload| serde_json::from_slice(payload).ok());
        let Some(alert) = alert else { continue };
        if sender.send((clock::now(), alert)).is_err() {
            return;
        }
    }
}
