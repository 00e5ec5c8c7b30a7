"""The load: what a company's logs hold, drawn from a seed, with the truth about every identity beside it.

Nothing here knows how the monitor works. The truth is what was written: distinct events, newest times, dead letters.
"""

import heapq
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from records import ACCOUNTS, ATTACK_CALLS, CLIENTS, REGIONS, USUAL_CALLS, Caller, Template

DAY = 86_400
# Event time that the load covers: the learning period (7 days) several times over.
SPAN_DAYS = 35
# From this day on keys are found by somebody: baselines have settled.
FIRST_ATTACK_DAY = 10
# Shares of all messages.
DUPLICATE, LATE, UNORDERED, DENIED, POISON = 0.02, 0.03, 0.05, 0.04, 0.002
# Share of identities whose key is found by somebody.
ATTACKED = 0.5
# How late the latest event is.
LATE_DAYS = 30
# A duplicate comes at most so many messages after its original: some tens of events of the same identity, far fewer
# than the monitor remembers.
DUPLICATE_WITHIN = 2_000


@dataclass(slots=True)
class Facts:
    """What is true of one identity, whatever became of it on the way."""

    events: int = 0
    first_seen: int = 1 << 62
    last_success: int = 0
    last_denied: int = 0
    # Time of the last use, and its action: of several at one instant the greatest in text order.
    last: tuple[int, str] = (0, "")
    # Last use of each service, last use that worked, and last use that was denied.
    services: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def note(self, time: int, template: Template) -> None:
        self.events += 1
        self.first_seen = min(self.first_seen, time)
        self.last = max(self.last, (time, template.action))
        if template.denied:
            self.last_denied = max(self.last_denied, time)
        else:
            self.last_success = max(self.last_success, time)
        used, worked, denied = self.services.get(template.service, (0, 0, 0))
        worked, denied = (worked, max(denied, time)) if template.denied else (max(worked, time), denied)
        self.services[template.service] = (max(used, time), worked, denied)


@dataclass(slots=True)
class Message:
    """One message of the input topic."""

    partition: int
    key: bytes
    value: bytes


@dataclass(slots=True)
class Identity:
    """One identity: how it calls, and what is true of it."""

    caller: Caller
    partition: int
    key: bytes
    usual: list[Template]
    denied: Template
    attack: list[Template]
    # Message numbers at which the attack goes on, ascending.
    attack_at: list[int]
    facts: Facts = field(default_factory=Facts)


@dataclass(slots=True)
class Truth:
    """What is true of the whole load."""

    identities: dict[str, Facts]
    poison: Counter[bytes] = field(default_factory=Counter)
    messages: int = 0
    duplicates: int = 0
    late: int = 0


class Load:
    """All messages, in the order in which they are produced. The same arguments give the same bytes."""

    def __init__(self, seed: int, events: int, partitions: int, until: datetime) -> None:
        self.events = events
        self.partitions = partitions
        self._random = random.Random(f"load {seed}")
        self._salt = self._random.getrandbits(48)
        self._start = int((until - timedelta(days=SPAN_DAYS)).timestamp())
        self._days = [self._day(day) for day in range(-LATE_DAYS - 1, SPAN_DAYS + 1)]
        self._times = [b"T%02d:%02d:%02dZ" % (s // 3600, s // 60 % 60, s % 60) for s in range(DAY)]
        # Few enough that each has several events a day, so that its baseline settles.
        count = max(40, min(800, events // 200))
        self.identities = [self._identity(index) for index in range(count)]
        self.truth = Truth({one.caller.identity_id: one.facts for one in self.identities})

    def messages(self) -> Iterator[Message]:
        """The messages; the truth is complete once the last was taken."""
        delayed: list[tuple[int, int, Message]] = []
        weights = [self._random.uniform(0.5, 2.0) for _ in self.identities]
        chosen: Iterator[Identity] = iter(())
        for number in range(self.events):
            if delayed and delayed[0][0] <= number:
                self.truth.duplicates += 1
                yield self._counted(heapq.heappop(delayed)[2])
                continue
            identity = next(chosen, None)
            if identity is None:
                chosen = iter(self._random.choices(self.identities, weights, k=4096))
                identity = next(chosen)
            message, is_event = self._message(number, identity)
            if is_event and self._random.random() < DUPLICATE:
                heapq.heappush(delayed, (number + self._random.randint(1, DUPLICATE_WITHIN), number, message))
            yield self._counted(message)

    def _counted(self, message: Message) -> Message:
        self.truth.messages += 1
        return message

    def _message(self, number: int, identity: Identity) -> tuple[Message, bool]:
        time = self._start + SPAN_DAYS * DAY * number // self.events
        if identity.attack_at and identity.attack_at[0] <= number:
            step = len(identity.attack) - len(identity.attack_at)
            identity.attack_at.pop(0)
            return self._event(number, identity, identity.attack[step], time), True
        draw = self._random.random()
        if draw < POISON:
            return self._poison(number, identity), False
        draw -= POISON
        if draw < DENIED:
            return self._event(number, identity, identity.denied, time), True
        draw -= DENIED
        if draw < LATE:
            self.truth.late += 1
            # From an hour to the most, each order of magnitude as likely.
            time -= int(3_600 * (LATE_DAYS * 24) ** self._random.random())
        elif draw < LATE + UNORDERED:
            time -= self._random.randint(1, 600)
        return self._event(number, identity, self._random.choice(identity.usual), time), True

    def _event(self, number: int, identity: Identity, template: Template, time: int) -> Message:
        identity.facts.note(time, template)
        event_id = b"%08x-0000-4000-8000-%012x" % (number, self._salt)
        request_id = b"REQ%013X" % (number * 2_654_435_761 % (1 << 52))
        value = template.fill(self._text(time), event_id, request_id)
        return Message(identity.partition, identity.key, value)

    def _poison(self, number: int, identity: Identity) -> Message:
        kinds = (
            b'{"eventVersion":"1.11","eventTime":"2026-01-01T00:00:00Z","eventID":"cut off %d',
            b"neither JSON nor a log line: %d",
            b'{"eventVersion":"1.11","number":%d}',
            b"\xff\xfe\x00 not text: %d",
        )
        value = kinds[number % len(kinds)] % number
        self.truth.poison[value] += 1
        return Message(identity.partition, identity.key, value)

    def _text(self, time: int) -> bytes:
        day, second = divmod(time - self._start, DAY)
        return self._days[day + LATE_DAYS + 1] + self._times[second]

    def _day(self, day: int) -> bytes:
        return datetime.fromtimestamp(self._start + day * DAY, UTC).strftime("%Y-%m-%d").encode()

    def _identity(self, index: int) -> Identity:
        draw = self._random
        is_role = index % 4 != 3
        caller = Caller(
            name=f"{('svc', 'job', 'app')[index % 3]}-{index:04d}",
            is_role=is_role,
            account=ACCOUNTS[index % len(ACCOUNTS)],
            region=draw.choice(REGIONS),
            address=f"{draw.choice(('192.0.2', '198.51.100'))}.{draw.randint(1, 250)}",
            client=draw.choice(CLIENTS),
            key_id=f"{'ASIA' if is_role else 'AKIA'}FAULTS{index:010d}",
        )
        usual = draw.sample(USUAL_CALLS, draw.randint(2, 5))
        attack = draw.sample(ATTACK_CALLS, draw.randint(3, len(ATTACK_CALLS))) if draw.random() < ATTACKED else []
        return Identity(
            caller=caller,
            partition=index % self.partitions,
            key=caller.identity_id.encode(),
            usual=[caller.template(call) for call in usual],
            denied=caller.template(usual[0], denied=True),
            attack=[caller.template(call, attacker=True) for call in attack],
            attack_at=self._attack_times(len(attack)),
        )

    def _attack_times(self, steps: int) -> list[int]:
        first = self.events * FIRST_ATTACK_DAY // SPAN_DAYS
        # Within about an hour and a half of event time.
        width = max(self.events // (SPAN_DAYS * 16), 1)
        begin = self._random.randint(first, max(first, self.events - 2 * width - 1))
        return sorted(begin + self._random.randint(0, width) for _ in range(steps))
