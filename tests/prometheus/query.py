#!/usr/bin/env python3
"""Runs every dashboard query and rule on a real Prometheus that scrapes the given /metrics.

usage: query.py [--seconds N] URL...

Starts `prometheus` on a free loopback port with the repository's rules, lets it scrape for N seconds (20), and asks it
everything that dashboards/*.json ask. Exits 1 where a query fails or gives no data, or a rule does not evaluate, and none of
it mends itself within a minute: a panel that is empty when all is well must say 0 instead. Needs only the standard library
and the prometheus binary.
"""
import argparse
import json
import math
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DASHBOARDS = ROOT / "dashboards"
START_TIMEOUT_SECS = 60
# A machine that is busy misses a scrape now and then.
PATIENCE_SECS = 60

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}/*.yml"]
scrape_configs:
  - job_name: nhi-monitor
    metrics_path: {path}
    static_configs: [{{targets: {targets}}}]
"""


class Prometheus:
    """A Prometheus of our own, stopped at the end of the block."""

    def __init__(self, urls):
        parsed = [urllib.parse.urlsplit(url) for url in urls]
        self.folder = tempfile.TemporaryDirectory(prefix="nhi-prometheus-")
        self.port = free_port()
        config = Path(self.folder.name, "prometheus.yml")
        config.write_text(
            CONFIG.format(
                rules=DASHBOARDS / "rules",
                path=parsed[0].path or "/metrics",
                targets=json.dumps([url.netloc for url in parsed]),
            )
        )
        self.log = open(Path(self.folder.name, "log"), "w+")
        self.process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={self.folder.name}/data",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self):
        deadline = time.monotonic() + START_TIMEOUT_SECS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                self.get("/-/ready")
                return self
            except OSError:
                time.sleep(0.1)
        self.log.seek(0)
        sys.exit("prometheus did not start:\n" + self.log.read()[-4000:])

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.log.close()
        self.folder.cleanup()

    def get(self, path, **params):
        query = "?" + urllib.parse.urlencode(params) if params else ""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}{query}", timeout=10) as answer:
            return answer.read()

    def query(self, expr):
        """The samples that `expr` gives now."""
        answer = json.loads(self.get("/api/v1/query", query=expr))
        result = answer["data"]["result"]
        return result if isinstance(result, list) and answer["data"]["resultType"] == "vector" else [result]

    def rules(self):
        groups = json.loads(self.get("/api/v1/rules"))["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def dashboard_queries():
    """(place, expression) of every panel and variable."""
    for path in sorted(DASHBOARDS.glob("*.json")):
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                yield f"{path.name}: {panel['title']} [{target['refId']}]", target["expr"]
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                inner = re.fullmatch(r"label_values\((.*), \w+\)", variable["query"]["query"])
                yield f"{path.name}: variable {variable['name']}", inner.group(1)


def substituted(expr, seconds):
    for name, value in [("$__rate_interval", "10s"), ("$__range", f"{seconds}s"), ("$job", ".*"), ("$instance", ".*")]:
        expr = expr.replace(name, value)
    return expr


def has_data(samples):
    return any(not math.isnan(float(sample["value"][1])) for sample in samples)


def problem_with(prometheus, expr):
    """What is wrong with a query, or None."""
    try:
        samples = prometheus.query(expr)
    except urllib.error.HTTPError as error:
        return json.loads(error.read()).get("error", str(error))
    except OSError as error:
        return f"no answer: {error}"
    return None if has_data(samples) else "no data"


def asked(prometheus, panels, seconds):
    """(rules, problems) at this moment."""
    if not all(sample["value"][1] == "1" for sample in prometheus.query("up") or [{"value": [0, "0"]}]):
        return [], ["prometheus could not scrape what it was given"]
    rules = prometheus.rules()
    problems = []
    for place, expr in panels:
        problem = problem_with(prometheus, substituted(expr, seconds))
        if problem:
            problems.append(f"{place}: {problem}\n    {expr}")
    # A rule may give nothing: there may be no incident. It must evaluate.
    problems += [f"rule {rule['name']}: {rule['lastError']}" for rule in rules if rule["health"] == "err"]
    return rules, problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("urls", nargs="+", metavar="URL", help="http://host:port/metrics")
    parser.add_argument("--seconds", type=int, default=20, help="how long to scrape before asking")
    args = parser.parse_args()

    panels = list(dashboard_queries())
    with Prometheus(args.urls) as prometheus:
        time.sleep(args.seconds)
        deadline = time.monotonic() + PATIENCE_SECS
        while True:
            try:
                rules, problems = asked(prometheus, panels, args.seconds)
            except OSError as error:
                rules, problems = [], [f"prometheus does not answer: {error}"]
            if not problems or time.monotonic() > deadline:
                break
            time.sleep(1)
    for problem in problems:
        print(problem)
    print(f"{len(panels)} dashboard queries, {len(rules)} rules: {len(problems)} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
