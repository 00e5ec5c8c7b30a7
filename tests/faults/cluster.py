"""The three brokers: started by tests/kafka/kafka.sh, killed, stopped for a while, and looked at."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

T = TypeVar("T")

NODES = 3
KAFKA_SH = Path(__file__).parent.parent / "kafka" / "kafka.sh"
# A killed broker is back in all in-sync replicas after ten to twenty seconds; a loaded machine may take far longer.
WHOLE_SECONDS = 180
# Changelogs are compacted while the load flows, so that restores read what compaction left.
SMALL_SEGMENTS = {"segment.bytes": "4194304", "min.cleanable.dirty.ratio": "0.1", "segment.ms": "30000"}


def patiently(ask: Callable[[], T]) -> T:
    """Asks the brokers again while they are busy: a coordinator that moves, a leader that is not elected yet."""
    deadline = time.monotonic() + WHOLE_SECONDS
    while True:
        try:
            return ask()
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


class Cluster:
    """A Kafka of three nodes on loopback."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.brokers = self._kafka("start", str(NODES))
        # What the client library would say about killed brokers is no news here.
        self._admin = AdminClient({"bootstrap.servers": self.brokers, "log_level": 0})

    def _kafka(self, command: str, *arguments: str) -> str:
        asked = [str(KAFKA_SH), command, str(self._folder), *arguments]
        done = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.strip()

    def stop(self) -> None:
        self._kafka("stop")

    def kill(self, node: int) -> None:
        self._kafka("kill", str(node))

    def revive(self, node: int) -> None:
        self._kafka("revive", str(node))

    def pause(self, node: int) -> None:
        self._kafka("pause", str(node))

    def resume(self, node: int) -> None:
        self._kafka("resume", str(node))

    def create(self, topics: dict[str, str], partitions: int) -> None:
        """Creates topics by name and cleanup policy."""
        wanted = []
        for name, cleanup in topics.items():
            config = {"cleanup.policy": cleanup, "min.insync.replicas": "2"}
            config |= SMALL_SEGMENTS if cleanup == "compact" else {}
            wanted.append(NewTopic(name, partitions, NODES, config=config))
        for created in self._admin.create_topics(wanted, request_timeout=60).values():
            created.result()

    def broken(self) -> int:
        """Partitions that do not have all of their replicas in sync, those of Kafka's own topics included."""
        topics = self._admin.list_topics(timeout=20).topics.values()
        partitions = [partition for topic in topics for partition in topic.partitions.values()]
        return sum(len(partition.isrs) < len(partition.replicas) for partition in partitions)

    def is_whole(self) -> bool:
        try:
            return len(self._admin.list_topics(timeout=20).brokers) == NODES and self.broken() == 0
        except Exception:  # Brokers that do not answer are not whole, whatever the reason.
            return False

    def ends(self, topic: str, partitions: int) -> list[int]:
        """The end of each partition: the offset that the next message will have."""
        reader = self._reader("faults-ends")
        try:
            asked = [TopicPartition(topic, partition) for partition in range(partitions)]
            return [patiently(partial(reader.get_watermark_offsets, one, timeout=10))[1] for one in asked]
        finally:
            reader.close()

    @contextmanager
    def offsets(self, group: str) -> Iterator[Callable[[str, int], list[int]]]:
        """What a group has committed of each partition of a topic; negative where nothing."""
        reader = self._reader(group)

        def committed(topic: str, partitions: int) -> list[int]:
            asked = [TopicPartition(topic, partition) for partition in range(partitions)]
            return [answer.offset for answer in patiently(lambda: reader.committed(asked, timeout=10))]

        try:
            yield committed
        finally:
            reader.close()

    def read(
        self, topic: str, partitions: int, isolation: str = "read_committed"
    ) -> Iterator[tuple[bytes | None, bytes | None]]:
        """Keys and values of a topic from its beginning to its end."""
        # The end is asked for by a reader that waits for no transaction: one that hangs would be found out here.
        ends = self.ends(topic, partitions)
        reader = self._reader("faults-reader", {"enable.partition.eof": True, "isolation.level": isolation})
        reader.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
        open_partitions = {partition for partition in range(partitions) if ends[partition] > 0}
        deadline = time.monotonic() + WHOLE_SECONDS
        while open_partitions and time.monotonic() < deadline:
            for message in reader.consume(10_000, timeout=1.0):
                error = message.error()
                if error is None:
                    yield message.key(), message.value()
                elif error.code() == KafkaError._PARTITION_EOF:
                    ended = message.partition() or 0
                    if (message.offset() or 0) >= ends[ended]:
                        open_partitions.discard(ended)
        reader.close()
        if open_partitions:
            raise TimeoutError(f"{topic}: partitions {sorted(open_partitions)} could not be read to their end")

    def _reader(self, group: str, extra: dict[str, object] | None = None) -> Consumer:
        settings: dict[str, object] = {
            "bootstrap.servers": self.brokers,
            "group.id": group,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "log_level": 0,
        }
        return Consumer(settings | (extra or {}))
