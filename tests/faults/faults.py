"""Faults done to instances and brokers, one after the other, while the load flows."""

import signal
import time
from dataclasses import dataclass

from cluster import NODES, WHOLE_SECONDS, Cluster
from fleet import Fleet
from instances import Instance
from schedule import Fault


@dataclass(slots=True)
class Hand:
    """Does faults."""

    cluster: Cluster
    fleet: Fleet
    # Exit codes of instances that were asked to end while the load flowed. A rebalance may abort the last transaction
    # of one: it drains again, and ends with 0 all the same.
    drained: list[tuple[str, int]]

    def do(self, fault: Fault) -> None:
        """Does one fault, and returns when the next may come: brokers are whole again."""
        getattr(self, f"_{fault.kind.replace('-', '_')}")(fault)
        self.await_whole()

    def await_whole(self) -> None:
        """Waits until every replica is in sync again: never are two brokers missing at once."""
        deadline = time.monotonic() + WHOLE_SECONDS
        while not self.cluster.is_whole():
            if time.monotonic() > deadline:
                raise TimeoutError(f"replicas not in sync within {WHOLE_SECONDS} s: {self.cluster.broken()} partitions")
            self.fleet.pass_time(0.5)

    def _target(self, fault: Fault) -> Instance:
        while not (running := self.fleet.running()):
            self.fleet.pass_time(0.2)
        return running[fault.target % len(running)]

    def _kill(self, fault: Fault) -> None:
        target = self._target(fault)
        target.kill()
        self.fleet.pass_time(fault.seconds)
        target.start()

    def _kill_twice(self, fault: Fault) -> None:
        """Killed again while it starts or restores."""
        target = self._target(fault)
        target.kill()
        target.start()
        self.fleet.pass_time(fault.seconds)
        if target.is_running:
            target.kill()
            target.start()

    def _kill_all(self, fault: Fault) -> None:
        killed = self.fleet.running()
        for instance in killed:
            instance.kill()
        self.fleet.pass_time(fault.seconds)
        for instance in killed:
            instance.start()

    def _stop(self, fault: Fault) -> None:
        target = self._target(fault)
        target.signal(signal.SIGSTOP)
        self.fleet.pass_time(fault.seconds)
        target.signal(signal.SIGCONT)

    def _rolling(self, _fault: Fault) -> None:
        for instance in list(self.fleet.instances):
            if instance.is_running:
                self.drained.append((instance.name, instance.terminate()))
                instance.start()
            self.fleet.await_ready()

    def _scale(self, fault: Fault) -> None:
        self.drained += self.fleet.scale(fault.count)

    def _broker_kill(self, fault: Fault) -> None:
        node = fault.target % NODES + 1
        self.cluster.kill(node)
        self.fleet.pass_time(fault.seconds)
        self.cluster.revive(node)

    def _broker_stop(self, fault: Fault) -> None:
        node = fault.target % NODES + 1
        self.cluster.pause(node)
        self.fleet.pass_time(fault.seconds)
        self.cluster.resume(node)

    def _broker_and_instance(self, fault: Fault) -> None:
        node = fault.target % NODES + 1
        self.cluster.kill(node)
        target = self._target(fault)
        target.kill()
        self.fleet.pass_time(fault.seconds)
        target.start()
        self.cluster.revive(node)
