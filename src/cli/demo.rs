//! `nhi-monitor demo`: everything at work in one process, on a made-up company.
//!
//! The broker is librdkafka's own mock: nothing is kept, and nothing of what is promised about crashes can be
//! shown on it. Everything else is as in `run`: the same stages, topics, records and endpoints.

mod card;
mod company_clock;
mod player;
mod score;
mod screen;
mod summary;
mod watch;
mod web;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::baseline::LastSeen;
use crate::cli::exit::{Exit, Failure};
use crate::cli::run::process::Process;
use crate::config::Config;
use crate::detect::Detectors;
use crate::generator::{Company, Mix, Mixer, Plan, Truth, inventory};
use crate::http::Backend;
use crate::kafka::embedded::EmbeddedBroker;
use crate::monitor::{Filter, View};
use crate::runtime::clock::{self, Clock, SystemClock};
use crate::runtime::{Service, Stages};
use crate::time::{DAY_MS, EventTime, HOUR_MS, ProcessingTime};
use crate::wire::alert::Alert;
use company_clock::CompanyClock;
use player::Player;
use score::{Score, Verdict};
use screen::Screen;
use summary::{Outcome, unused, unused_table};
use watch::Watch;
use web::Web;

/// Days of history before the live part.
const HISTORY_DAYS: i64 = 30;

/// Span of the traffic that is played live.
const LIVE_MS: i64 = DAY_MS;

/// Partitions of each topic: the embedded broker keeps so little of each that few would slow the history down.
const PARTITIONS: i32 = 8;

/// Days without use after which an identity counts as unused here, so that thirty days show some.
const UNUSED_DAYS: u32 = 14;

/// Try everything in one process: an embedded broker, a made-up company, incidents.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// How long the live part takes.
    #[arg(long = "for", value_name = "DURATION", default_value = "45s", value_parser = parse_duration)]
    pub live_for: Duration,
    /// Go on at the pace of the clock after the incidents, until Ctrl-C.
    #[arg(long)]
    pub keep_running: bool,
    /// The same seed gives the same company.
    #[arg(long, value_name = "S", default_value_t = 7)]
    pub seed: u64,
    /// Identities of the company.
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub identities: usize,
    /// Records in all.
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    pub events: u64,
    /// Seconds of the company's time in one second of the live part; overrides `--for`.
    #[arg(long, value_name = "X")]
    pub speed: Option<f64>,
    /// Where HTTP listens; port 0 takes a free one. Without it 127.0.0.1:9464, or a free port where that is taken.
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<String>,
    /// No colours; the same as NO_COLOR=1.
    #[arg(long)]
    pub no_color: bool,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let value = serde_json::Value::from(text);
    let duration: Duration = humantime_serde::deserialize(value).map_err(|error| error.to_string())?;
    let limits = Duration::from_secs(5)..=Duration::from_secs(24 * 3_600);
    if limits.contains(&duration) { Ok(duration) } else { Err("give between 5s and 24h".into()) }
}

/// Runs the demo; the exit code says whether every record was accounted for and every incident found.
///
/// # Errors
/// Where the broker or the monitor cannot be started, or fails.
pub(super) fn run(args: Args) -> Result<Exit, Failure> {
    if args.no_color {
        console::set_colors_enabled(false);
    }
    let mut config = config();
    // It ends when this is dropped: keep it to the end.
    let _broker = EmbeddedBroker::start(&mut config)?;
    let demo = Demo::start(args, Arc::new(config))?;
    let is_good = demo.play()?;
    Ok(if is_good { Exit::Ok } else { Exit::Findings })
}

/// The settings of the demo: as by default, with what a short history on one small broker needs.
fn config() -> Config {
    let mut config = Config::default();
    config.kafka.application_id = "nhi-demo".into();
    config.topics.partitions = PARTITIONS;
    config.stage.commit_interval = Duration::from_millis(100);
    config.stage.commit_records = 50_000;
    // An idle fetch holds the consumer up for half a second by default; here everything is in one process.
    config.kafka.properties.insert("fetch.wait.max.ms".into(), "20".into());
    config.unused.after_days = UNUSED_DAYS;
    // One hour is for months: in thirty days that pass in seconds it would be most of the traffic.
    config.last_seen.publish_every = Duration::from_secs(24 * 3_600);
    config
}

/// A demo under way.
struct Demo {
    args: Args,
    clock: SystemClock,
    company_clock: Arc<CompanyClock>,
    process: Arc<Process>,
    watch: Watch,
    web: Web,
    player: Player,
    score: Score,
    screen: Screen,
    company: Company,
    plan: Plan,
    interrupted: Arc<AtomicBool>,
    first_alert: Option<Duration>,
    delays_ms: Vec<i64>,
    history_rate: f64,
    /// End of the month that is played: now, at the start.
    end: EventTime,
    /// Start of the live part by the company's time and by the clock, and its speed.
    live: Option<(EventTime, ProcessingTime, f64)>,
}

impl Demo {
    fn start(args: Args, config: Arc<Config>) -> anyhow::Result<Self> {
        let clock = SystemClock::start();
        let company_clock = Arc::new(CompanyClock::start());
        let detectors = Arc::new(Detectors::builtin()?);
        let time = Arc::clone(&company_clock) as Arc<dyn Clock>;
        let process = Process::start(Arc::clone(&config), detectors, Stages::ALL, time)?;
        let backend = Arc::clone(&process) as Arc<dyn Backend>;
        let web = Web::start(args.listen.as_deref(), &config.http.listen, backend)?;
        let interrupted = Arc::new(AtomicBool::new(false));
        web.on_interrupt(Arc::clone(&interrupted));
        let company = Company::new(args.seed, args.identities);
        let end = EventTime::from_millis(clock::now().millis());
        let plan = plan(&args, end);
        let emissions = company.emissions(&plan);
        let truth = Truth::new(&company, emissions.incidents());
        let score = Score::new(emissions.incidents());
        let mixer = Mixer::new(args.seed, Mix::mixed());
        Ok(Self {
            watch: Watch::start(&config)?,
            player: Player::new(&config, emissions, mixer, truth)?,
            screen: Screen::new(),
            args,
            clock,
            company_clock,
            process,
            web,
            score,
            company,
            plan,
            interrupted,
            first_alert: None,
            delays_ms: Vec::new(),
            history_rate: 0.0,
            end,
            live: None,
        })
    }

    fn play(mut self) -> anyhow::Result<bool> {
        self.wait_until_ready()?;
        self.play_history()?;
        self.show_unused();
        self.play_live()?;
        if self.args.keep_running {
            self.keep_running()?;
        }
        self.conclude()
    }

    fn service(&self) -> &Service {
        self.process.service()
    }

    fn wait_until_ready(&self) -> anyhow::Result<()> {
        const PATIENCE: Duration = Duration::from_secs(30);
        let until = self.clock.monotonic() + PATIENCE;
        while !self.service().health().ready {
            if let Some(failure) = self.service().health().failure {
                anyhow::bail!("the monitor failed: {failure}");
            }
            anyhow::ensure!(self.clock.monotonic() < until, "the monitor was not ready within 30 s");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn play_history(&mut self) -> anyhow::Result<()> {
        let since = self.plan.since;
        self.player.declare(&inventory(&self.company, since), since)?;
        let title = format!(
            "{HISTORY_DAYS} days of {} identities, as fast as they are taken in",
            self.company.members().len()
        );
        let live_from = self.live_from();
        self.screen.part(&title, self.plan.events * (HISTORY_DAYS as u64 - 1) / HISTORY_DAYS as u64);
        let begun = self.clock.monotonic();
        while self.player.play_one(self.process.service(), live_from)? {
            self.company_clock.advance(self.player.played_until());
            if self.player.truth.activities.is_multiple_of(2_000) {
                self.screen.progress(self.player.truth.activities);
                self.show_alerts();
                if self.is_interrupted() {
                    break;
                }
            }
        }
        self.wait_until_consumed()?;
        let took = (self.clock.monotonic() - begun).as_secs_f64();
        self.history_rate = self.player.truth.records as f64 / took.max(0.001);
        self.screen.part_done();
        self.show_alerts();
        Ok(())
    }

    fn play_live(&mut self) -> anyhow::Result<()> {
        let live_from = self.live_from();
        let speed = self.args.speed.unwrap_or(LIVE_MS as f64 / 1_000.0 / self.args.live_for.as_secs_f64());
        let begun = self.clock.monotonic();
        self.live = Some((live_from, clock::now(), speed));
        self.show_links();
        let title = format!(
            "Live: the last day, {speed:.0} times as fast as the clock, with {} incidents",
            self.score.injected()
        );
        self.screen.part(&title, 0);
        loop {
            let passed_ms = ((self.clock.monotonic() - begun).as_secs_f64() * speed * 1_000.0) as i64;
            let now = live_from.plus_millis(passed_ms.min(LIVE_MS));
            self.play_until(now)?;
            if passed_ms >= LIVE_MS || self.is_interrupted() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.screen.part_done();
        Ok(())
    }

    /// Plays what happened before `now`, and shows the alerts that came.
    fn play_until(&mut self, now: EventTime) -> anyhow::Result<()> {
        while self.player.play_one(self.process.service(), now)? {}
        self.company_clock.advance(now);
        self.player.poll();
        self.show_alerts();
        Ok(())
    }

    fn keep_running(&mut self) -> anyhow::Result<()> {
        self.screen.say("\nGoing on at the pace of the clock; Ctrl-C ends.");
        self.show_links();
        while !self.is_interrupted() {
            self.play_until(EventTime::from_millis(clock::now().millis()))?;
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn conclude(mut self) -> anyhow::Result<bool> {
        self.player.finish()?;
        self.wait_until_consumed()?;
        let identities = self.identities();
        self.process.begin_drain();
        self.service().shutdown()?;
        for (came, alert) in self.watch.rest() {
            self.take_alert(came, &alert);
        }
        let counters = self.service().counters();
        self.delays_ms.sort_unstable();
        let outcome = Outcome {
            truth: &self.player.truth,
            counters: &counters,
            score: &self.score,
            identities: &identities,
            received: self.player.received(&counters),
            took: self.clock.monotonic(),
            history_rate: self.history_rate,
            first_alert: self.first_alert,
            delays_ms: &self.delays_ms,
            until: self.end,
            unused_days: UNUSED_DAYS,
        };
        outcome.show(&self.screen);
        let is_good = outcome.is_good() || self.is_interrupted();
        self.web.stop();
        self.watch.stop();
        Ok(is_good)
    }

    fn identities(&self) -> Vec<LastSeen> {
        let all = |view: &View| view.identities(&Filter::default(), None, usize::MAX);
        self.service().views().iter().flat_map(all).collect()
    }

    fn live_from(&self) -> EventTime {
        self.end.plus_millis(-LIVE_MS)
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Acquire)
    }

    fn wait_until_consumed(&mut self) -> anyhow::Result<()> {
        const PATIENCE: Duration = Duration::from_secs(60);
        self.player.flush()?;
        let until = self.clock.monotonic() + PATIENCE;
        while !self.player.is_consumed(self.process.service()) {
            anyhow::ensure!(
                self.clock.monotonic() < until,
                "the monitor did not take in all records within 60 s"
            );
            self.show_alerts();
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn show_alerts(&mut self) {
        let alerts: Vec<_> = self.watch.take().collect();
        for (came, alert) in alerts {
            self.take_alert(came, &alert);
        }
    }

    /// Findings about unused identities go into a table; the end of an incident is told in the summary.
    fn take_alert(&mut self, came: ProcessingTime, alert: &Alert) {
        self.first_alert.get_or_insert_with(|| self.clock.monotonic());
        let verdict = self.score.take(alert);
        if verdict == Verdict::Posture || alert.activity_id == 3 {
            return;
        }
        if let Some((from, begun, speed)) = self.live.filter(|(from, ..)| alert.end_time >= from.millis()) {
            let happened_ms = (alert.end_time - from.millis()) as f64 / speed;
            self.delays_ms.push((came.millis_since(begun) - happened_ms as i64).max(0));
        }
        self.screen.alert(alert);
    }

    fn show_unused(&self) {
        let identities = self.identities();
        let count = unused(&identities).count();
        self.screen.say(&format!("\n{count} identities that nobody has used for {UNUSED_DAYS} days\n"));
        self.screen.say(&unused_table(&identities));
    }

    fn show_links(&self) {
        let base = format!("http://{}", self.web.address);
        self.screen.say("\nLook around while it runs");
        for path in ["/api/v1/alerts", "/api/v1/identities?status=unused", "/metrics"] {
            self.screen.say(&format!("  curl -s '{base}{path}'"));
        }
    }
}

/// A month that ends at `end`; where the demo is to go on, a week more.
fn plan(args: &Args, end: EventTime) -> Plan {
    const GOES_ON_DAYS: i64 = 7;
    let since = end.plus_millis(-HISTORY_DAYS * DAY_MS);
    let more = if args.keep_running { GOES_ON_DAYS } else { 0 };
    let events = args.events * (HISTORY_DAYS + more) as u64 / HISTORY_DAYS as u64;
    let incidents = Some((end.plus_millis(-LIVE_MS), end.plus_millis(-2 * HOUR_MS)));
    Plan { since, until: end.plus_millis(more * DAY_MS), events, incidents }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_live_part_takes_seconds_to_a_day() {
        assert_eq!(parse_duration("45s"), Ok(Duration::from_secs(45)));
        assert!(parse_duration("1s").is_err() && parse_duration("soon").is_err());
    }
}
