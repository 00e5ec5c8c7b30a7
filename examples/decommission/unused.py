#!/usr/bin/env python3
"""Prints the identities that nobody uses, as nhi.inventory knows them now: unused.py BROKERS [TOPIC]"""

import json
import sys
from datetime import datetime, timedelta, timezone

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

brokers, topic = sys.argv[1], (sys.argv[2:] or ["nhi.inventory"])[0]
consumer = Consumer({
    "bootstrap.servers": brokers, "group.id": "decommission", "enable.auto.commit": False,
    "isolation.level": "read_committed", "enable.partition.eof": True,
})
left = set(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in left])
latest = {}  # of each key the last record counts
while left:
    message = consumer.poll(30)
    if message is None:
        sys.exit(f"{topic}: no answer for 30 s")
    if message.error():
        if message.error().code() != KafkaError._PARTITION_EOF:
            sys.exit(str(message.error()))
        left.discard(message.partition())
    elif (message.key() or b"").startswith(b"last-seen:"):
        latest[message.key()] = message.value()  # None: the declaration was withdrawn
records = [json.loads(value) for value in latest.values() if value]
if unknown := {record["schema"] for record in records} - {"nhi.last-seen/1"}:
    sys.exit(f"unknown form of record: {unknown}")
yesterday = (datetime.now(timezone.utc) - timedelta(days=1)).isoformat()
if records and (newest := max(record["updated_at"] for record in records)) < yesterday:
    sys.exit(f"no record was written since {newest}: is the monitor running?")
for record in records:
    # "retired": the inventory took it out already; where unused_days are told, nobody used it for its window either
    if record["status"] in ("unused", "never_seen"):
        print(record["identity_id"], record["status"], record["unused_days"], sep="\t")
