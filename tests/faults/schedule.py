"""The faults of a run: which, when, to whom and for how long, drawn from a seed."""

import random
from collections.abc import Callable
from dataclasses import dataclass

# Seconds that an instance is down, in part longer than the group's session timeout (6 s), so that others take over.
DOWN = (0.0, 0.3, 2.0, 9.0)
# Seconds that an instance stands still: below the session timeout, above it, and above the transaction timeout (10 s).
STILL = (2.0, 5.0, 8.0, 13.0, 20.0)
BROKER_DOWN = (1.0, 4.0, 9.0)
BROKER_STILL = (2.0, 4.0, 7.0)
MOST_INSTANCES = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault."""

    kind: str
    # Number of the message of the load at which it comes.
    at: int
    # Which of the instances or brokers, counted from 0; taken modulo how many there are.
    target: int = 0
    # How long.
    seconds: float = 0.0
    # For `scale`: to how many instances.
    count: int = 0

    def __str__(self) -> str:
        about = {
            "kill": f"instance {self.target}, down {self.seconds} s",
            "kill-twice": f"instance {self.target}, again {self.seconds} s after its restart",
            "kill-all": f"all instances, down {self.seconds} s",
            "stop": f"instance {self.target} stands still {self.seconds} s",
            "rolling": "every instance in turn",
            "scale": f"to {self.count} instances",
            "broker-kill": f"broker {self.target + 1}, down {self.seconds} s",
            "broker-stop": f"broker {self.target + 1} stands still {self.seconds} s",
            "broker-and-instance": f"broker {self.target + 1} and instance {self.target}, down {self.seconds} s",
        }
        return f"{self.kind}: {about[self.kind]}"


def draw(seed: int, faults: int, events: int) -> list[Fault]:
    """The schedule: `faults` faults at ascending points of a load of `events` messages.

    The first scales from one instance to three, and a later one to two. Every other kind comes up in turn, each round
    in an order of its own, so that ten faults hold every kind.
    """
    source = random.Random(f"schedule {seed}")
    kinds = _kinds(source, faults)
    # From the first twentieth of the load to the last.
    width = events * 18 // 20 // max(faults, 1)
    made, count = [], 1
    for number, kind in enumerate(kinds):
        at = events // 20 + number * width + source.randrange(max(width // 2, 1))
        fault = _fault(source, kind, at, count)
        count = fault.count or count
        made.append(fault)
    return made


def _kinds(source: random.Random, faults: int) -> list[str]:
    kinds = ["scale"]
    while len(kinds) < faults:
        # The short run has room for one round's most telling part.
        first = ["kill", "stop", "broker-kill", "scale"]
        rest = ["rolling", "broker-stop", "kill-twice", "kill-all", "broker-and-instance"]
        source.shuffle(first)
        source.shuffle(rest)
        kinds += first + rest
    return kinds[:faults]


def _fault(source: random.Random, kind: str, at: int, count: int) -> Fault:
    target = source.randrange(MOST_INSTANCES)
    makers: dict[str, Callable[[], Fault]] = {
        "kill": lambda: Fault(kind, at, target, source.choice(DOWN)),
        "kill-twice": lambda: Fault(kind, at, target, round(source.uniform(0.1, 3.0), 1)),
        "kill-all": lambda: Fault(kind, at, seconds=source.choice(DOWN[:3])),
        "stop": lambda: Fault(kind, at, target, source.choice(STILL)),
        "rolling": lambda: Fault(kind, at),
        "scale": lambda: Fault(kind, at, count=_next_count(source, count)),
        "broker-kill": lambda: Fault(kind, at, target, source.choice(BROKER_DOWN)),
        "broker-stop": lambda: Fault(kind, at, target, source.choice(BROKER_STILL)),
        "broker-and-instance": lambda: Fault(kind, at, target, source.choice(BROKER_DOWN)),
    }
    return makers[kind]()


def _next_count(source: random.Random, count: int) -> int:
    """1 → 3 → 2, then anything else."""
    fixed = {1: 3, 3: 2}
    return fixed.get(count) or source.choice((1, 3))
