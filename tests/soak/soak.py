"""A long run of the real binary under a steady load, while for part of it downstream takes no writes.

Three brokers, one of them dead from the beginning: a topic that asks for all three replicas (min.insync.replicas=3)
takes no writes, and takes them again when it asks for two. Phases, as parts of the run:

    0    to 0.15   identities trickle in; from then on they are always the same
    0.30           alerts, last-seen records and state cannot be written; ingest goes on
    0.45           the hop between the stages cannot be written either: both stages stand, while input keeps flowing
    0.60           all is well again; the monitor catches up
    1              the load stops; everything must be accounted for

What is asserted is written where it is asserted (class Verdict). Speed never is. Exits with 0 only where all of it holds.
"""

import argparse
import sys
import tempfile
import time
from collections import namedtuple
from pathlib import Path

import outputs
from cluster import DOWNSTREAM, HOP, Cluster
from load import Load, identity_id
from process import Monitor, free_port
from verdict import Verdict

TRICKLED, STALLED, STANDING, HEALED = 0.15, 0.30, 0.45, 0.60
# Each identity remembers its newest 128 events: so many identities that these memories are full after a tenth of the run.
REMEMBERED = 128
VICTIMS_PER_MINUTE = 20
ROWS = 30
CATCH_UP_SECS = 600

Sample = namedtuple("Sample", "at phase resident peak cpu sent received monitored lag aborts commits ready")


class Plan:
    """Who does what when; all of it follows from the length and the rate."""

    def __init__(self, secs, rate):
        self.secs, self.rate = secs, rate
        self.identities = max(100, int(rate * secs * 0.1 / REMEMBERED))
        self.victims = [f"victim{n}" for n in range(int(secs / 60 * VICTIMS_PER_MINUTE))]

    def roles_at(self, elapsed):
        grown = min(1.0, elapsed / (TRICKLED * self.secs))
        return max(10, int(self.identities * grown))

    def alerts(self):
        """When which victim's alert is due: from the end of the trickle nearly to the end, the stall included."""
        first, last = TRICKLED * self.secs, 0.97 * self.secs
        step = (last - first) / len(self.victims)
        return ((first + n * step, victim) for n, victim in enumerate(self.victims))


def settings(brokers, port):
    return f"""
[kafka]
brokers = "{brokers}"
application_id = "soak"
instance_id = "soak-0"
[topics]
partitions = 4
replication_factor = 3
inputs = [{{ topic = "cloudtrail", format = "cloudtrail" }}]
[http]
listen = "127.0.0.1:{port}"
"""


class Soak:
    """One run."""

    def __init__(self, args, folder):
        port = free_port()
        self.cluster = Cluster(args.kafka_dir)
        self.plan = Plan(args.minutes * 60, args.rate)
        self.binary = args.binary
        self.file = Path(folder) / "soak.toml"
        self.file.write_text(settings(self.cluster.brokers, port))
        self.log = Path(folder) / "monitor.log"
        self.port = port
        self.samples = []
        self.started = None

    def run(self):
        self.cluster.prepare(self.binary, self.file)
        self.load = Load(self.cluster.brokers, "cloudtrail", self.plan)
        self.monitor = Monitor(self.binary, self.file, self.port, self.log)
        try:
            return self._verdict()
        finally:
            self.monitor.kill()

    def _verdict(self):
        self._until("the monitor is ready", self.monitor.is_ready)
        self.load.teach()
        self._until("the victims' history is learned", self._is_caught_up)
        self._live()
        self.load.finish()
        self._until("everything is monitored", self._is_caught_up)
        print(sample_line(self._sample("end")), flush=True)
        ledger = self.load.ledger
        activities = {role: self.monitor.activities(identity_id(role)) for role in ledger.count}
        metrics, exit_code = self.monitor.metrics(), self.monitor.stop()
        verdict = Verdict(self.samples, self.plan.secs)
        verdict.about_the_run(self.load.failure, exit_code, self.log.read_text())
        verdict.about_memory()
        verdict.about_the_stall()
        verdict.about_accounting(ledger, metrics, activities)
        verdict.about_outputs(ledger, outputs.read(self.cluster.brokers, "nhi.alerts"),
                              outputs.read(self.cluster.brokers, "nhi.inventory"))
        return verdict.finish()

    def _live(self):
        """The run itself: the load, the two steps of the stall, and its end."""
        print(HEAD, flush=True)
        steps = [
            (STALLED, lambda: self.cluster.stall(DOWNSTREAM)),
            (STANDING, lambda: self.cluster.stall(HOP)),
            (HEALED, self.cluster.heal),
        ]
        self.started, row = time.monotonic(), 0
        self.load.start()
        while (elapsed := time.monotonic() - self.started) < self.plan.secs:
            while steps and elapsed >= steps[0][0] * self.plan.secs:
                steps.pop(0)[1]()
            sample = self._sample(phase(elapsed / self.plan.secs))
            if elapsed * ROWS / self.plan.secs >= row:
                print(sample_line(sample), flush=True)
                row += 1
            time.sleep(max(0.5, self.plan.secs / 600))

    def _sample(self, name):
        if not self.monitor.is_alive():
            raise SystemExit(f"the monitor ended by itself:\n{self.log.read_text()[-3000:]}")
        metrics = self.monitor.metrics()
        resident, peak = self.monitor.memory_mib()
        sample = Sample(
            time.monotonic() - self.started, name, resident, peak, self.monitor.cpu_secs(), self.load.ledger.sent,
            metrics.sum("nhi_records_received_total", 'topic="cloudtrail"'),
            metrics.sum("nhi_monitored_records_total"), metrics.sum("nhi_lag_records"),
            metrics.sum("nhi_aborts_total"), metrics.sum("nhi_commits_total"), self.monitor.is_ready(),
        )
        self.samples.append(sample)
        return sample

    def _is_caught_up(self):
        return self.monitor.metrics().sum("nhi_monitored_records_total") >= self.load.ledger.sent

    def _until(self, what, condition):
        deadline = time.monotonic() + CATCH_UP_SECS
        while not condition():
            if time.monotonic() > deadline or not self.monitor.is_alive():
                raise SystemExit(f"in vain: {what}\n{self.log.read_text()[-3000:]}")
            time.sleep(0.5)


def phase(part):
    """The phase at this part of the run."""
    starts = [(HEALED, "healed"), (STANDING, "both stand"), (STALLED, "stalled"), (TRICKLED, "steady")]
    return next((name for start, name in starts if part >= start), "trickle")


HEAD = (f"{'secs':>6} {'phase':<11} {'RSS MiB':>8} {'peak':>7} {'CPU s':>7} {'sent':>9} {'received':>9} "
        f"{'monitored':>9} {'lag':>8} {'aborts':>6} {'commits':>7}  ready")


def sample_line(s):
    return (f"{s.at:>6.0f} {s.phase:<11} {s.resident:>8.1f} {s.peak:>7.1f} {s.cpu:>7.1f} {s.sent:>9} {s.received:>9.0f} "
            f"{s.monitored:>9.0f} {s.lag:>8.0f} {s.aborts:>6.0f} {s.commits:>7.0f}  {'yes' if s.ready else 'no'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kafka-dir", required=True, help="folder of a three-node cluster that kafka.sh started")
    parser.add_argument("--binary", required=True, help="the nhi-monitor to run")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rate", type=int, default=2000, help="records a second")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(0 if Soak(args, folder).run() else 1)


if __name__ == "__main__":
    main()
