"""Three brokers of which one is dead: a topic that asks for all three replicas takes no writes, the others do."""

import subprocess
import time
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

KAFKA_SH = Path(__file__).parent.parent / "kafka" / "kafka.sh"
NODE = "3"
DOWNSTREAM = ["nhi.alerts", "nhi.inventory", "nhi.state"]
HOP = ["nhi.activity"]
# A dead broker is noticed when its session ends, after nine seconds; a loaded machine takes longer.
NOTICED_SECS = 60


class Cluster:
    """A cluster that kafka.sh started in this folder."""

    def __init__(self, folder):
        self._folder = folder
        self.brokers = (Path(folder) / "bootstrap").read_text().strip()
        self._admin = AdminClient({"bootstrap.servers": self.brokers})

    def prepare(self, binary, settings):
        """Makes the topics, ours and the brokers' own, on all three; then one broker dies for good."""
        subprocess.run([binary, "topics", "create", "-c", settings], check=True, stdout=subprocess.DEVNULL)
        self._make_internal_topics()
        subprocess.run([KAFKA_SH, "kill", self._folder, NODE], check=True)
        deadline = time.monotonic() + NOTICED_SECS
        while not self._is_noticed():
            if time.monotonic() > deadline:
                raise RuntimeError("the cluster did not notice that a broker is dead")
            time.sleep(0.5)

    def stall(self, topics):
        """From now on these topics take no writes: they want a replica that is dead."""
        self._min_insync(topics, 3)

    def heal(self):
        self._min_insync(DOWNSTREAM + HOP, 2)

    def _make_internal_topics(self):
        producer = Producer({"bootstrap.servers": self.brokers, "transactional.id": "soak-first"})
        producer.init_transactions(60)
        consumer = Consumer({"bootstrap.servers": self.brokers, "group.id": "soak-first"})
        consumer.commit(offsets=[TopicPartition("cloudtrail", 0, 0)], asynchronous=False)
        consumer.close()

    def _is_noticed(self):
        try:
            topics = self._admin.list_topics(timeout=10).topics.values()
        except KafkaException:  # the client asked the dead one
            return False
        return all(len(partition.isrs) < 3 for topic in topics for partition in topic.partitions.values())

    def _min_insync(self, topics, replicas):
        entry = ConfigEntry("min.insync.replicas", str(replicas), incremental_operation=AlterConfigOpType.SET)
        topic = ConfigResource.Type.TOPIC
        changes = [ConfigResource(topic, name, incremental_configs=[entry]) for name in topics]
        for answer in self._admin.incremental_alter_configs(changes).values():
            answer.result(30)
