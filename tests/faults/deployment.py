"""Settings of one application: names, topics, and what makes faults bite soon."""

from dataclasses import dataclass
from pathlib import Path


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
        return compacted | {self.topic(name): "delete" for name in ("activity", "alerts", "dead-letter", "feedback")}

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
feedback = "{self.topic("feedback")}"
state = "{self.topic("state")}"
dead_letter = "{self.topic("dead-letter")}"
partitions = {self.partitions}
replication_factor = 3

[stage]
ingest_workers = {self.workers}
monitor_workers = {self.workers}
commit_interval = "{self.commit_interval}"
drain_timeout = "60s"

[http]
listen = "127.0.0.1:{port}"
"""
