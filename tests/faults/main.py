"""The fault harness: real processes on three real brokers, disturbed, against a run that nothing disturbs.

    ./test faults --seed S --faults N --events N [--until DAY] [--rate N]
"""

import argparse
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from cluster import Cluster
from run import Plan, Run


def main() -> int:
    plan = _plan()
    folder = plan.folder
    folder.mkdir(parents=True, exist_ok=True)
    cluster = Cluster(folder / "kafka")
    run = Run(plan, cluster)
    started = time.monotonic()
    try:
        verdicts = run.run()
    finally:
        run.stop()
        cluster.stop()
    print(f"\ncompared in the run of seed {plan.seed}:")
    for verdict in verdicts:
        print(verdict)
    passed = all(verdict.holds for verdict in verdicts)
    print(f"\n{'PASS' if passed else 'FAIL'} after {time.monotonic() - started:.0f} s; again with: {plan.command()}")
    if passed and not plan.keep:
        shutil.rmtree(folder)
    else:
        print(f"logs and settings are in {folder}")
    return 0 if passed else 1


def _plan() -> Plan:
    parser = argparse.ArgumentParser(prog="./test faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=6)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--rate", type=float, help="messages a second; without it, about ten seconds a fault")
    parser.add_argument("--until", help="last day of the load's events, as in 2026-01-31; yesterday where it is left out")
    parser.add_argument("--keep", action="store_true", help="keep logs and settings")
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    said = parser.parse_args()
    until = datetime.fromisoformat(said.until).replace(tzinfo=UTC) if said.until else _midnight()
    return Plan(said.seed, said.faults, said.events, said.rate, until, said.binary, said.folder, said.keep)


def _midnight() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


if __name__ == "__main__":
    sys.exit(main())
