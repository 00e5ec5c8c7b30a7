"""Processes of the monitor, and the supervisor that starts them again when they end by themselves."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

# A loaded machine restores and joins slowly.
READY_SECONDS = 120
# The drain timeout of the settings is 20 s; a process that takes longer than this hangs.
END_SECONDS = 60
# How long the supervisor waits before it starts again what ended by itself.
RESTART_SECONDS = 1.0


@dataclass(slots=True)
class Deployment:
    """Names that the instances of one application share."""

    binary: Path
    brokers: str
    application: str
    inputs: dict[str, str]
    partitions: int
    workers: int
    commit_interval: str = "300ms"

    def topic(self, name: str) -> str:
        return f"{self.application}.{name}"

    def outputs(self) -> dict[str, str]:
        """Topics of the application's own, with their cleanup policies."""
        compacted = {self.topic(name): "compact" for name in ("state", "inventory")}
        return compacted | {self.topic(name): "delete" for name in ("activity", "alerts", "dead-letter")}

    def config(self, instance: str, port: int) -> str:
        inputs = ", ".join(f'{{ topic = "{topic}", format = "{form}" }}' for topic, form in self.inputs.items())
        return f"""
[kafka]
brokers = "{self.brokers}"
application_id = "{self.application}"
instance_id = "{instance}"

[last_seen]
# Seldom enough that what is published follows identities, in a load that takes weeks within minutes.
publish_every = "3h"

[kafka.properties]
# Soon enough that an instance that stands still for some seconds is expelled from the group.
"session.timeout.ms" = "6000"
"heartbeat.interval.ms" = "1500"

[topics]
inputs = [{inputs}]
activity = "{self.topic("activity")}"
alerts = "{self.topic("alerts")}"
inventory = "{self.topic("inventory")}"
state = "{self.topic("state")}"
dead_letter = "{self.topic("dead-letter")}"
partitions = {self.partitions}
replication_factor = 3

[stage]
ingest_workers = {self.workers}
monitor_workers = {self.workers}
commit_interval = "{self.commit_interval}"

[http]
listen = "127.0.0.1:{port}"
"""


class Instance:
    """One instance: at most one process at a time, always under the same name."""

    def __init__(self, deployment: Deployment, name: str, folder: Path) -> None:
        self.name = name
        self._deployment = deployment
        self._config = folder / f"{name}.toml"
        self.log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self.peak_kb = 0
        self.is_stopped = False

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        self._port = free_port()
        self._config.write_text(self._deployment.config(self.name, self._port))
        command = [str(self._deployment.binary), "run", "-c", str(self._config)]
        with self.log.open("ab") as log:
            log.write(b"--- started by the harness\n")
            log.flush()
            # Without colours, which would hide words from whoever searches the log.
            environment = os.environ | {"NO_COLOR": "1"}
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self.is_stopped = number == signal.SIGSTOP
        self._process.send_signal(number)

    def kill(self) -> None:
        assert self._process is not None
        self.note_memory()
        self._process.kill()
        self._process.wait()
        self._process = None

    def terminate(self) -> int:
        """Asks it to end; its exit code."""
        self.note_memory()
        self.signal(signal.SIGTERM)
        return self.await_end()

    def await_end(self) -> int:
        assert self._process is not None
        try:
            code = self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"{self.name} did not end within {END_SECONDS} s of SIGTERM") from None
        self._process = None
        return code

    def ended_by_itself(self) -> int | None:
        """The exit code of a process that ended although nobody asked it to."""
        code = self._process.poll() if self._process else None
        if code is not None:
            self._process = None
        return code

    def last_words(self) -> str:
        """What its log says of its end."""
        lines = self.log.read_text(errors="replace").splitlines()
        telling = [line for line in lines[-60:] if re.match(r"nhi-monitor: |.*panicked at", line)]
        return (telling or lines or [""])[-1].strip()

    def note_memory(self) -> None:
        """Remembers the most resident memory that any of its processes had."""
        if self._process is None:
            return
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text()
        except OSError:
            return
        if found := re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE):
            self.peak_kb = max(self.peak_kb, int(found[1]))

    def get(self, path: str) -> tuple[int, bytes] | None:
        """Status and body; `None` where nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return None

    def is_ready(self) -> bool:
        answer = self.get("/readyz")
        return answer is not None and answer[0] == 200

    def identity(self, identity_id: str) -> dict[str, object] | None:
        """What it holds of an identity; `None` where it holds nothing of it."""
        answer = self.get("/api/v1/identities/" + urllib.parse.quote(identity_id, safe=""))
        return json.loads(answer[1]) if answer and answer[0] == 200 else None


@dataclass(slots=True)
class Exit:
    """A process that ended by itself."""

    name: str
    code: int
    reason: str


@dataclass(slots=True)
class Fleet:
    """The instances of one application, and their supervisor."""

    deployment: Deployment
    folder: Path
    instances: list[Instance] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)
    _retired: list[Instance] = field(default_factory=list)
    _again: dict[str, float] = field(default_factory=dict)

    def running(self) -> list[Instance]:
        return [instance for instance in self.instances if instance.is_running]

    def scale(self, count: int) -> list[tuple[str, int]]:
        """Starts or drains instances until so many run; those that were drained, with exit codes."""
        while len(self.instances) < count:
            self.instances.append(Instance(self.deployment, self._free_name(), self.folder))
            self.instances[-1].start()
        codes = []
        while len(self.instances) > count:
            instance = self.instances.pop()
            self._again.pop(instance.name, None)
            if instance.is_running:
                codes.append((instance.name, instance.terminate()))
            self._retired.append(instance)
        return codes

    def _free_name(self) -> str:
        taken = {instance.name for instance in self.instances}
        return next(name for n in range(100) if (name := f"{self.deployment.application}-{n}") not in taken)

    def supervise(self) -> None:
        """Starts again what ended by itself, a little later, as a supervisor would."""
        now = time.monotonic()
        for instance in self.instances:
            instance.note_memory()
            code = instance.ended_by_itself()
            if code is not None:
                self.exits.append(Exit(instance.name, code, instance.last_words()))
                self._again[instance.name] = now + RESTART_SECONDS
            if self._again.get(instance.name, now + 1) <= now:
                del self._again[instance.name]
                instance.start()

    def pass_time(self, seconds: float) -> None:
        """Lets time pass under supervision."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.supervise()
            time.sleep(min(left, 0.2))
        self.supervise()

    def await_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not all(instance.is_ready() for instance in self.instances):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not ready within {READY_SECONDS} s: {self._unready()}")
            self.pass_time(0.2)

    def _unready(self) -> str:
        answers = ((instance.name, instance.get("/readyz")) for instance in self.instances)
        return ", ".join(f"{name}: {answer[1].decode() if answer else 'no answer'}" for name, answer in answers)

    def identity(self, identity_id: str) -> list[dict[str, object]]:
        """What each instance that holds the identity says of it."""
        said = (instance.identity(identity_id) for instance in self.running())
        return [answer for answer in said if answer is not None]

    def end(self) -> dict[str, int]:
        """Asks all to end; their exit codes."""
        return {instance.name: instance.terminate() for instance in self.running()}

    def kill(self) -> None:
        for instance in self.running():
            instance.kill()

    def peaks_mb(self) -> dict[str, int]:
        peaks: dict[str, int] = {}
        for instance in self.instances + self._retired:
            peaks[instance.name] = max(peaks.get(instance.name, 0), instance.peak_kb // 1024)
        return peaks

    def logged(self, words: str) -> list[str]:
        """Every line of the instances' logs that holds these words, after the name of its log."""
        logs = sorted(self.folder.glob(f"{self.deployment.application}-*.log"))
        texts = ((log.name, log.read_text(errors="replace")) for log in logs)
        return [f"{name}: {line}" for name, text in texts for line in text.splitlines() if words in line]


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]
