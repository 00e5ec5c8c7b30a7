"""The monitor as a process: its memory, its processor time, and what it says over HTTP."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import urllib.parse

SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$")


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


class Monitor:
    """A running `nhi-monitor run`."""

    def __init__(self, binary, settings, port, log):
        self._port = port
        self._log = open(log, "w")
        self._child = subprocess.Popen([binary, "run", "-c", settings], stdout=self._log, stderr=self._log)
        self._web = None

    def is_alive(self):
        return self._child.poll() is None

    def memory_mib(self):
        """Resident now, and the most it was."""
        with open(f"/proc/{self._child.pid}/status") as status:
            lines = dict(line.split(":", 1) for line in status)
        return tuple(int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))

    def cpu_secs(self):
        with open(f"/proc/{self._child.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def get(self, path):
        """Status and body; (0, "") while nobody answers."""
        try:
            if self._web is None:
                self._web = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
            self._web.request("GET", path)
            answer = self._web.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            self._web = None
            return 0, ""

    def is_ready(self):
        return self.get("/readyz")[0] == 200

    def activities(self, identity):
        """Events that this identity's baseline has learned from."""
        status, body = self.get("/api/v1/identities/" + urllib.parse.quote(identity, safe=":"))
        return json.loads(body)["baseline"]["activities"] if status == 200 else 0

    def metrics(self):
        return Metrics(self.get("/metrics")[1])

    def stop(self):
        """Tells it to drain; its exit code."""
        if self.is_alive():
            self._child.send_signal(signal.SIGTERM)
        return self._child.wait(timeout=60)

    def kill(self):
        if self.is_alive():
            self._child.kill()
            self._child.wait()


class Metrics:
    """One scrape."""

    def __init__(self, text):
        matches = (SAMPLE.match(line) for line in text.splitlines())
        self._samples = [match.groups() for match in matches if match]

    def sum(self, name, *labels):
        """All series of a family that have these labels, written as `stage="ingest"`."""
        wanted = ((value, given or "") for family, given, value in self._samples if family == name)
        return sum(float(value) for value, given in wanted if all(label in given for label in labels))
