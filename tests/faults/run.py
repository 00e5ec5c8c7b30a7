"""One run of the harness, from the first topic to the last comparison."""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import compare
import schedule
from cluster import Cluster
from faults import Hand
from instances import Deployment, Fleet
from load import Load
from producer import Feed

PARTITIONS = 6
INPUT = "cloudtrail"
# Until everything is worked off after the last fault, and while the undisturbed run reads everything again.
CATCH_UP_SECONDS = 900
# Where no rate is given: so that one fault after the other finds the load flowing.
SECONDS_PER_FAULT = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for."""

    seed: int
    faults: int
    events: int
    rate: float | None
    until: datetime
    binary: Path
    folder: Path
    keep: bool

    def command(self) -> str:
        rate = f" --rate {self.rate:g}" if self.rate else ""
        day = self.until.date().isoformat()
        return f"./test faults --seed {self.seed} --faults {self.faults} --events {self.events}{rate} --until {day}"

    def messages_a_second(self) -> float:
        return self.rate or self.events / (SECONDS_PER_FAULT * max(self.faults, 1))


@dataclass(slots=True)
class Outcome:
    """What one application left behind."""

    alerts: list[compare.Record]
    inventory: list[compare.Record]
    dead_letters: list[compare.Record]
    held: dict[str, list[compare.Json]]


class Run:
    """A disturbed and an undisturbed application on one cluster, and what is compared."""

    def __init__(self, plan: Plan, cluster: Cluster) -> None:
        self._plan = plan
        self._cluster = cluster
        self._load = Load(plan.seed, plan.events, PARTITIONS, plan.until)
        self._schedule = schedule.draw(plan.seed, plan.faults, plan.events)
        self._disturbed = self._fleet("disturbed", workers=2)
        self._undisturbed = self._fleet("undisturbed", workers=1)
        self._hand = Hand(cluster, self._disturbed, [])
        self._started = time.monotonic()

    def _fleet(self, application: str, workers: int) -> Fleet:
        plan = self._plan
        inputs = {INPUT: "cloudtrail"}
        deployment = Deployment(plan.binary, self._cluster.brokers, application, inputs, PARTITIONS, workers)
        return Fleet(deployment, plan.folder)

    def run(self) -> list[compare.Verdict]:
        self._say(f"seed {self._plan.seed}, {self._plan.faults} faults, {self._plan.events:,} messages")
        self._create_topics()
        self._disturb()
        self._say("the load is through; waiting for the disturbed run to take it all in")
        disturbed = self._finish(self._disturbed)
        self._say("reading everything again, undisturbed")
        self._undisturbed.scale(1)
        undisturbed = self._finish(self._undisturbed)
        return self._compare(disturbed, undisturbed)

    def stop(self) -> None:
        """Ends every process that is left."""
        self._disturbed.kill()
        self._undisturbed.kill()

    def _say(self, words: str) -> None:
        print(f"{time.monotonic() - self._started:6.1f} s  {words}", flush=True)

    def _create_topics(self) -> None:
        topics = {INPUT: "delete"}
        for fleet in (self._disturbed, self._undisturbed):
            topics |= fleet.deployment.outputs()
        self._cluster.create(topics, PARTITIONS)

    def _disturb(self) -> None:
        feed = Feed(self._cluster.brokers, INPUT, self._load, self._plan.messages_a_second())
        self._disturbed.scale(1)
        self._disturbed.await_ready()
        # The load waits for a fault that takes longer than the time to the next.
        ends = [fault.at for fault in self._schedule[1:]] + [self._plan.events]
        feed.hold_at(ends[0])
        feed.start()
        for fault, end in zip(self._schedule, ends, strict=False):
            while feed.produced < fault.at and not feed.is_done():
                self._disturbed.pass_time(0.1)
            self._say(f"{feed.produced:>9,} messages in: {fault}")
            feed.hold_at(end)
            self._hand.do(fault)
        while not feed.is_done():
            self._disturbed.pass_time(0.2)

    def _finish(self, fleet: Fleet) -> Outcome:
        """Waits until everything is taken in, asks for the state, ends the instances, and reads what they published."""
        self._await_all_read(fleet)
        fleet.await_ready()
        held = {identity_id: fleet.identity(identity_id) for identity_id in self._load.truth.identities}
        self._scrapes = [instance.get("/metrics") for instance in fleet.running()]
        codes = fleet.end()
        self._say(f"{fleet.deployment.application} ended with {codes}")
        self._codes = {**getattr(self, "_codes", {}), **codes}
        read = lambda name: self._cluster.read(fleet.deployment.topic(name), PARTITIONS)  # noqa: E731
        return Outcome(read("alerts"), read("inventory"), read("dead-letter"), held)

    def _await_all_read(self, fleet: Fleet) -> None:
        """Until ingest has committed all of the input, and the monitor all that ingest made of it."""
        ends = self._cluster.ends(INPUT, PARTITIONS)
        self._await_committed(fleet, "ingest", INPUT, ends)
        activity = fleet.deployment.topic("activity")
        self._await_committed(fleet, "monitor", activity, self._cluster.ends(activity, PARTITIONS))

    def _await_committed(self, fleet: Fleet, stage: str, topic: str, ends: list[int]) -> None:
        deadline = time.monotonic() + CATCH_UP_SECONDS
        group = f"{fleet.deployment.application}-{stage}"
        while True:
            committed = self._cluster.committed(group, topic, PARTITIONS)
            if all(offset >= end for offset, end in zip(committed, ends, strict=True)):
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"{group} committed {committed} of {ends} within {CATCH_UP_SECONDS} s")
            fleet.pass_time(0.5)

    def _compare(self, disturbed: Outcome, undisturbed: Outcome) -> list[compare.Verdict]:
        truth = self._load.truth
        newest = compare.newest_last_seen(disturbed.inventory)
        newest_undisturbed = compare.newest_last_seen(undisturbed.inventory)
        produced = sum(self._cluster.ends(INPUT, PARTITIONS))
        parts = {
            "distinct events": sum(facts.events for facts in truth.identities.values()),
            "duplicates": truth.duplicates,
            "dead letters": len(disturbed.dead_letters),
        }
        self._report_exits()
        return [
            *compare.alerts(disturbed.alerts, undisturbed.alerts),
            compare.last_seen_truth(newest, truth.identities),
            compare.last_seen_same(newest, newest_undisturbed),
            compare.never_backwards(disturbed.inventory),
            compare.counts(disturbed.held, truth.identities, "disturbed"),
            compare.counts(undisturbed.held, truth.identities, "undisturbed"),
            compare.states(disturbed.held, undisturbed.held),
            compare.dead_letters(disturbed.dead_letters, truth.poison, "disturbed"),
            compare.dead_letters(undisturbed.dead_letters, truth.poison, "undisturbed"),
            compare.conserved(produced, parts, "messages in the input topic"),
            compare.nothing("logs without a panic", 1, self._disturbed.panics() + self._undisturbed.panics()),
            compare.nothing(
                "instances that ended well at the last SIGTERM",
                len(self._codes),
                [f"{name} ended with {code}" for name, code in self._codes.items() if code != 0],
            ),
        ]

    def _report_exits(self) -> None:
        print("\nfaults done:")
        for kind, count in sorted(Counter(fault.kind for fault in self._schedule).items()):
            print(f"{count:>5}  {kind}")
        for name, code in self._hand.drained:
            print(f"       {name} drained with {code}")
        for ended in self._disturbed.exits + self._undisturbed.exits:
            print(f"       {ended.name} ended by itself with {ended.code}: {ended.reason:.220}")
        peaks = self._disturbed.peaks_mb() | self._undisturbed.peaks_mb()
        print("most resident memory:", ", ".join(f"{name} {peak} MB" for name, peak in peaks.items()))
