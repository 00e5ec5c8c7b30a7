"""One run of the harness, from the first topic to the last comparison."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import compare
import schedule
from cluster import Cluster
from deployment import Deployment
from faults import Hand
from fleet import Fleet
from load import Load
from producer import Feed

PARTITIONS = 6
INPUT = "cloudtrail"
# Until everything is worked off after the last fault, and while the undisturbed run reads everything again.
CATCH_UP_SECONDS = 900
# A hand-over that is under way when the state is asked for is over by then.
HAND_OVER_SECONDS = 30
# Where no rate is given: so that one fault after the other finds the load flowing.
SECONDS_PER_FAULT = 8.0


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
    last_seen: dict[str, compare.Json]
    backwards: compare.Verdict
    dead_letters: list[compare.Record]
    held: dict[str, list[compare.Json]]
    scrapes: list[str]
    codes: list[tuple[str, int]]
    # Records by topic that transactions left behind which were aborted.
    aborted: dict[str, int]


class Run:
    """A disturbed and an undisturbed application on one cluster, and what is compared."""

    def __init__(self, plan: Plan, cluster: Cluster) -> None:
        self._plan = plan
        self._cluster = cluster
        self._load = Load(plan.seed, plan.events, PARTITIONS, plan.until)
        self.schedule = schedule.draw(plan.seed, plan.faults, plan.events)
        self.disturbed = self._fleet("disturbed", workers=2)
        self.undisturbed = self._fleet("undisturbed", workers=1)
        self._hand = Hand(cluster, self.disturbed, [])
        self._started = time.monotonic()

    def _fleet(self, application: str, workers: int) -> Fleet:
        plan = self._plan
        inputs = {INPUT: "cloudtrail"}
        deployment = Deployment(plan.binary, self._cluster.brokers, application, inputs, PARTITIONS, workers)
        return Fleet(deployment, plan.folder)

    def run(self) -> list[compare.Verdict]:
        """Disturbs one application, lets the other read the same in peace, and compares."""
        plan = self._plan
        rate = plan.messages_a_second()
        self._say(f"seed {plan.seed}, {plan.faults} faults, {plan.events:,} messages, {rate:,.0f} a second")
        self._create_topics()
        self._disturb()
        self._say("the load is through; waiting for the disturbed run to take it all in")
        disturbed = self._finish(self.disturbed)
        self._say("reading everything again, undisturbed")
        self.undisturbed.scale(1)
        undisturbed = self._finish(self.undisturbed)
        left = ", ".join(f"{count:,} {name}" for name, count in disturbed.aborted.items())
        self._say(f"{len(self._hand.drained)} instances were drained while the load flowed")
        self._say(f"comparing; aborted transactions left behind, unseen by readers of the disturbed run: {left}")
        return self._compare(disturbed, undisturbed)

    def stop(self) -> None:
        """Ends every process that is left."""
        self.disturbed.kill()
        self.undisturbed.kill()

    def _say(self, words: str) -> None:
        print(f"{time.monotonic() - self._started:6.1f} s  {words}", flush=True)

    def _create_topics(self) -> None:
        topics = {INPUT: "delete"}
        for fleet in (self.disturbed, self.undisturbed):
            topics |= fleet.deployment.outputs()
        self._cluster.create(topics, PARTITIONS)

    def _disturb(self) -> None:
        feed = Feed(self._cluster.brokers, INPUT, self._load, self._plan.messages_a_second())
        self.disturbed.scale(1)
        self.disturbed.await_ready()
        # The load waits for a fault that takes longer than the time to the next.
        gates = [fault.at for fault in self.schedule[1:]] + [self._plan.events]
        feed.hold_at(gates[0])
        feed.start()
        for fault, gate in zip(self.schedule, gates, strict=False):
            while feed.produced < fault.at and not feed.is_done():
                self.disturbed.pass_time(0.1)
            self._say(f"{feed.produced:>9,} messages in: {fault}")
            feed.hold_at(gate)
            self._hand.do(fault)
        while not feed.is_done():
            self.disturbed.pass_time(0.2)

    def _finish(self, fleet: Fleet) -> Outcome:
        """Waits until everything is taken in, asks for the state, ends the instances, and reads what they published."""
        self._await_all_read(fleet)
        fleet.await_ready()
        self._say(f"{fleet.deployment.application} has read everything")
        held = self._held(fleet)
        scrapes = [answer[1].decode() for instance in fleet.running() if (answer := instance.get("/metrics"))]
        codes = list(fleet.end().items())
        self._say(f"{fleet.deployment.application} has ended")
        newest, backwards = compare.last_seen(self._read(fleet, "inventory"), fleet.deployment.application)
        alerts, dead_letters = list(self._read(fleet, "alerts")), list(self._read(fleet, "dead-letter"))
        # Compaction takes records out of the inventory in the meantime, so that they cannot be counted there.
        seen = {"alerts": len(alerts), "dead-letter": len(dead_letters)}
        aborted = {name: self._written(fleet, name) - count for name, count in seen.items()}
        return Outcome(alerts, newest, backwards, dead_letters, held, scrapes, codes, aborted)

    def _read(self, fleet: Fleet, name: str) -> Iterator[compare.Record]:
        return self._cluster.read(fleet.deployment.topic(name), PARTITIONS)

    def _written(self, fleet: Fleet, name: str) -> int:
        """Records of a topic, those of aborted transactions included."""
        everything = self._cluster.read(fleet.deployment.topic(name), PARTITIONS, isolation="read_uncommitted")
        return sum(1 for _ in everything)

    def _held(self, fleet: Fleet) -> dict[str, list[compare.Json]]:
        """What instances hold of each identity. Asked again where nobody holds one: its partition may be on its way."""
        deadline = time.monotonic() + HAND_OVER_SECONDS
        held = {identity_id: fleet.identity(identity_id) for identity_id in self._load.truth.identities}
        while (nowhere := [one for one, said in held.items() if not said]) and time.monotonic() < deadline:
            fleet.pass_time(1.0)
            held |= {identity_id: fleet.identity(identity_id) for identity_id in nowhere}
        return held

    def _await_all_read(self, fleet: Fleet) -> None:
        """Until ingest has committed all of the input, and the monitor all that ingest made of it."""
        self._await_committed(fleet, "ingest", INPUT)
        self._await_committed(fleet, "monitor", fleet.deployment.topic("activity"))

    def _await_committed(self, fleet: Fleet, stage: str, topic: str) -> None:
        ends = self._cluster.ends(topic, PARTITIONS)
        deadline = time.monotonic() + CATCH_UP_SECONDS
        group = f"{fleet.deployment.application}-{stage}"
        with self._cluster.offsets(group) as committed:
            while any(offset < end for offset, end in zip(committed(topic, PARTITIONS), ends, strict=True)):
                if time.monotonic() > deadline:
                    behind = committed(topic, PARTITIONS)
                    raise TimeoutError(f"{group} committed {behind} of {ends} within {CATCH_UP_SECONDS} s")
                fleet.pass_time(0.3)

    def _compare(self, disturbed: Outcome, undisturbed: Outcome) -> list[compare.Verdict]:
        truth = self._load.truth
        produced = sum(self._cluster.ends(INPUT, PARTITIONS))
        parts = {
            "distinct events": sum(facts.events for facts in truth.identities.values()),
            "duplicates": truth.duplicates,
            "dead letters": len(disturbed.dead_letters),
        }
        logs = self.disturbed.logged("--- started") + self.undisturbed.logged("--- started")
        panics = self.disturbed.logged("panicked at") + self.undisturbed.logged("panicked at")
        return [
            *compare.alerts(disturbed.alerts, undisturbed.alerts),
            compare.last_seen_truth(disturbed.last_seen, truth.identities),
            compare.last_seen_same(disturbed.last_seen, undisturbed.last_seen),
            disturbed.backwards,
            undisturbed.backwards,
            compare.counts(disturbed.held, truth.identities, "disturbed"),
            compare.counts(undisturbed.held, truth.identities, "undisturbed"),
            compare.states(disturbed.held, undisturbed.held),
            compare.dead_letters(disturbed.dead_letters, truth.poison, "disturbed"),
            compare.dead_letters(undisturbed.dead_letters, truth.poison, "undisturbed"),
            compare.conserved(produced, parts, "messages in the input topic"),
            compare.accounted(disturbed.scrapes + undisturbed.scrapes),
            compare.nothing("processes, none of which panicked", len(logs), panics),
            compare.ended_well(
                self._hand.drained + disturbed.codes + undisturbed.codes,
                "instances that drained, under load or at the end, and ended with 0",
            ),
        ]
