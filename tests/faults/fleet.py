"""The instances of one application, and the supervisor that starts them again when they end by themselves."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from deployment import Deployment
from instances import Instance

# A loaded machine restores and joins slowly.
READY_SECONDS = 120
# How long the supervisor waits before it starts again what ended by itself.
RESTART_SECONDS = 1.0


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
