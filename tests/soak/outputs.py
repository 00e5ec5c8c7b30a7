"""What a read_committed reader finds in a topic."""

import json

from confluent_kafka import Consumer, KafkaError, TopicPartition

IDLE_SECS = 60


def read(brokers, topic):
    """Keys and values (JSON) from the beginning of the topic to its end; a tombstone's value is None."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "soak-reader",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    ended, records = set(), []
    while len(ended) < len(partitions):
        message = consumer.poll(IDLE_SECS)
        if message is None:
            raise RuntimeError(f"{topic} could not be read to its end")
        if message.error() is None:
            value = message.value()
            records.append((message.key().decode(), json.loads(value) if value is not None else None))
        elif message.error().code() == KafkaError._PARTITION_EOF:
            ended.add(message.partition())
        else:
            raise RuntimeError(f"{topic}: {message.error()}")
    consumer.close()
    return records
