"""The load: CloudTrail records at a steady pace, and a ledger of what was sent."""

import threading
import time
from collections import Counter
from datetime import datetime, timedelta, timezone

from confluent_kafka import Producer

ACCOUNT = "111122223333"
# Days of history that make an identity settled: the learning period is seven.
HISTORY_DAYS = 9
# The pace is kept in steps of so many seconds.
STEP_SECS = 0.02
# Actions that every identity uses: few enough to be known within seconds.
ACTIONS = ["GetObject", "PutObject", "ListObjects", "HeadObject", "DeleteObject", "CopyObject"]
# About 1.1 KB, as records without large request parameters are.
RECORD = (
    '{"eventVersion":"1.11","userIdentity":{"type":"AssumedRole","principalId":"AROA%(role)s:session",'
    '"arn":"arn:aws:sts::111122223333:assumed-role/%(role)s/session","accountId":"111122223333",'
    '"accessKeyId":"ASIA%(role)s","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROA%(role)s",'
    '"arn":"arn:aws:iam::111122223333:role/%(role)s","accountId":"111122223333","userName":"%(role)s"},'
    '"attributes":{"creationDate":"%(at)s","mfaAuthenticated":"false"}}},"eventTime":"%(at)s",'
    '"eventSource":"s3.amazonaws.com","eventName":"%(action)s","awsRegion":"eu-west-1",'
    '"sourceIPAddress":"192.0.2.%(host)d","userAgent":"aws-sdk-go-v2/1.30.3",'
    '"requestParameters":{"bucketName":"bucket-%(role)s","Host":"bucket-%(role)s.s3.eu-west-1.amazonaws.com",'
    '"key":"in/%(number)012d"},"responseElements":null,"requestID":"%(number)016x","eventID":"%(number)032x",'
    '"readOnly":true,"eventType":"AwsApiCall","managementEvent":false,"recipientAccountId":"111122223333",'
    '"eventCategory":"Data"%(extra)s}'
)
# A person at the console with a role that only machines used: one alert, at once.
CONSOLE = ',"sessionCredentialFromConsole":"true"'


def identity_id(role):
    return f"arn:aws:iam::{ACCOUNT}:role/{role}"


class Ledger:
    """What was sent: how many records of each role, the newest time of each, and which roles must have raised an alert."""

    def __init__(self):
        self.count = Counter()
        self.newest = {}
        self.alerted = set()
        self.sent = 0

    def note(self, role, at):
        self.count[role] += 1
        self.newest[role] = max(at, self.newest.get(role, ""))
        self.sent += 1


class Load(threading.Thread):
    """Sends records until it is stopped; a failed delivery is remembered, since then nothing can be said."""

    def __init__(self, brokers, topic, plan):
        super().__init__(daemon=True)
        self.ledger = Ledger()
        self.failure = None
        self._topic = topic
        self._plan = plan
        self._stopped = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": brokers,
                "enable.idempotence": True,
                "compression.type": "lz4",
                "linger.ms": 20,
                # A broker is killed meanwhile.
                "message.timeout.ms": 120_000,
                "client.id": "soak-load",
            }
        )

    def teach(self):
        """Gives the victims their history; returns when all of it is in Kafka."""
        today = datetime.now(timezone.utc)
        for day in range(HISTORY_DAYS, 0, -1):
            at = today - timedelta(days=day)
            for victim in self._plan.victims:
                self._send(victim, at)
        self._producer.flush(60)

    def run(self):
        started, done, alerts = time.monotonic(), 0, iter(self._plan.alerts())
        next_alert = next(alerts, None)
        while not self._stopped.is_set():
            elapsed = time.monotonic() - started
            now = datetime.now(timezone.utc)
            roles = self._plan.roles_at(elapsed)
            for number in range(done, int(elapsed * self._plan.rate)):
                # A walk over all of them in an order that is not the order of their birth.
                self._send(f"r{number * 7919 % roles}", now)
                done = number + 1
            while next_alert and next_alert[0] <= elapsed:
                self._send(next_alert[1], now, CONSOLE)
                self.ledger.alerted.add(next_alert[1])
                next_alert = next(alerts, None)
            self._producer.poll(0)
            self._stopped.wait(STEP_SECS)

    def finish(self):
        """Stops, and waits until all is delivered."""
        self._stopped.set()
        self.join()
        left = self._producer.flush(180)
        if left:
            self.failure = f"{left} records of the load were not delivered"

    def _send(self, role, at, extra=""):
        text = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        number = self.ledger.sent
        action = ACTIONS[number % len(ACTIONS)] if not extra else ACTIONS[0]
        record = RECORD % {
            "role": role, "at": text, "action": action, "host": number % 4 + 10, "number": number, "extra": extra,
        }
        while True:
            try:
                # By role, so that the records of each come in their own order.
                self._producer.produce(self._topic, record.encode(), key=role, on_delivery=self._delivered)
                break
            except BufferError:
                self._producer.poll(0.1)
        self.ledger.note(role, text)

    def _delivered(self, error, _message):
        if error is not None:
            self.failure = f"a record of the load was not delivered: {error}"
