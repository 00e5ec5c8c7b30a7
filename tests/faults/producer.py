"""Produces the load at a steady rate, in a thread of its own."""

import threading
import time

from confluent_kafka import KafkaError, Message, Producer

from load import Load

# Messages between looks at the clock.
STEP = 50
# Longest time that the brokers may take to accept a message: a fault among them lasts far shorter.
DELIVERY_MS = 300_000


class Feed:
    """The load on its way into the input topic."""

    def __init__(self, brokers: str, topic: str, load: Load, rate: float) -> None:
        self._load = load
        self._topic = topic
        self._rate = rate
        # In order and once, whatever brokers do: what is compared is the monitor, not the load.
        self._producer = Producer(
            {
                "bootstrap.servers": brokers,
                "enable.idempotence": True,
                "compression.type": "lz4",
                "linger.ms": 20,
                "delivery.timeout.ms": DELIVERY_MS,
                "queue.buffering.max.messages": 500_000,
                "log_level": 0,
            }
        )
        self._errors: list[str] = []
        self._produced = 0
        self._gate = load.events
        self._moved = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def produced(self) -> int:
        return self._produced

    def hold_at(self, number: int) -> None:
        """Lets no message from this one on through, until it is told otherwise: a fault comes first."""
        with self._moved:
            self._gate = number
            self._moved.notify_all()

    def is_done(self) -> bool:
        self._check()
        return not self._thread.is_alive()

    def _check(self) -> None:
        if self._errors:
            raise RuntimeError(f"the load could not be produced: {self._errors[0]}")

    def _run(self) -> None:
        try:
            self._produce()
            if left := self._producer.flush(DELIVERY_MS / 1000):
                self._errors.append(f"{left} messages were not delivered")
        except Exception as error:  # Whatever it is, the main thread is told.
            self._errors.append(repr(error))

    def _produce(self) -> None:
        due = time.monotonic()
        for number, message in enumerate(self._load.messages()):
            if number % STEP == 0:
                due = self._pace(number, due)
            self._send(message.partition, message.key, message.value)
            self._produced = number + 1

    def _pace(self, number: int, due: float) -> float:
        """Waits for the time of the next messages; when these after them are due."""
        self._producer.poll(0)
        with self._moved:
            held = self._moved.wait_for(lambda: number < self._gate, timeout=0)
            if not held:
                self._moved.wait_for(lambda: number < self._gate)
                due = time.monotonic()
        now = time.monotonic()
        if due > now:
            time.sleep(due - now)
        # What was late by more than a second is not made up for in one burst.
        return max(due, now - 1.0) + STEP / self._rate

    def _send(self, partition: int, key: bytes, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(self._topic, value, key, partition, on_delivery=self._delivered)
                return
            except BufferError:
                self._producer.poll(0.1)

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._errors.append(str(error))
