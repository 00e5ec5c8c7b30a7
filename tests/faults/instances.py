"""One process of the monitor: started, signalled, asked, and its memory noted."""

import json
import os
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from deployment import Deployment

# The drain timeout of the settings is 60 s; a process that takes longer than this hangs.
END_SECONDS = 120


class Instance:
    """One instance: at most one process at a time, always under the same name."""

    def __init__(self, deployment: Deployment, name: str, folder: Path) -> None:
        self.name = name
        self._deployment = deployment
        self._config = folder / f"{name}.toml"
        self.log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self.peak_kb = 0
        self.is_stopped = False

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        self._port = free_port()
        self._config.write_text(self._deployment.config(self.name, self._port))
        command = [str(self._deployment.binary), "run", "-c", str(self._config)]
        with self.log.open("ab") as log:
            log.write(b"--- started by the harness\n")
            log.flush()
            # Without colours, which would hide words from whoever searches the log.
            environment = os.environ | {"NO_COLOR": "1"}
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self.is_stopped = number == signal.SIGSTOP
        self._process.send_signal(number)

    def kill(self) -> None:
        assert self._process is not None
        self.note_memory()
        self._process.kill()
        self._process.wait()
        self._process = None

    def terminate(self) -> int:
        """Asks it to end; its exit code."""
        self.note_memory()
        self.signal(signal.SIGTERM)
        return self.await_end()

    def await_end(self) -> int:
        assert self._process is not None
        try:
            code = self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"{self.name} did not end within {END_SECONDS} s of SIGTERM") from None
        self._process = None
        return code

    def ended_by_itself(self) -> int | None:
        """The exit code of a process that ended although nobody asked it to."""
        code = self._process.poll() if self._process else None
        if code is not None:
            self._process = None
        return code

    def last_words(self) -> str:
        """What its log says of its end."""
        lines = self.log.read_text(errors="replace").splitlines()
        telling = [line for line in lines[-60:] if re.match(r"nhi-monitor: |.*panicked at", line)]
        return (telling or lines or [""])[-1].strip()

    def note_memory(self) -> None:
        """Remembers the most resident memory that any of its processes had."""
        if self._process is None:
            return
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text()
        except OSError:
            return
        if found := re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE):
            self.peak_kb = max(self.peak_kb, int(found[1]))

    def get(self, path: str) -> tuple[int, bytes] | None:
        """Status and body; `None` where nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return None

    def is_ready(self) -> bool:
        answer = self.get("/readyz")
        return answer is not None and answer[0] == 200

    def identity(self, identity_id: str) -> dict[str, object] | None:
        """What it holds of an identity; `None` where it holds nothing of it."""
        answer = self.get("/api/v1/identities/" + urllib.parse.quote(identity_id, safe=""))
        return json.loads(answer[1]) if answer and answer[0] == 200 else None


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
