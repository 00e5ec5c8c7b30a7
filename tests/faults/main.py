"""The fault harness: real processes on three real brokers, disturbed, against a run that nothing disturbs.

./test faults --seed S --faults N --events N [--until DAY] [--rate N] [--keep]
"""

import argparse
import shutil
import signal
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

import report
from cluster import Cluster
from run import Plan, Run


def main() -> int:
    plan = _plan()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    try:
        passed = _run(plan)
    except Exception:  # Whatever it was, the logs tell more.
        traceback.print_exc()
        passed = False
    print(f"\n{'PASS' if passed else 'FAIL'} after {time.monotonic() - started:.0f} s; again with: {plan.command()}")
    if passed and not plan.keep:
        shutil.rmtree(plan.folder)
    else:
        print(f"logs and settings are in {plan.folder}")
    return 0 if passed else 1


def _run(plan: Plan) -> bool:
    plan.folder.mkdir(parents=True, exist_ok=True)
    cluster = Cluster(plan.folder / "kafka")
    run = Run(plan, cluster)
    try:
        verdicts = run.run()
    finally:
        run.stop()
        cluster.stop()
        print(f"\n{report.of(run.schedule, run.disturbed, run.undisturbed)}")
    print(f"compared in the run of seed {plan.seed}:")
    for verdict in verdicts:
        print(verdict)
    return all(verdict.holds for verdict in verdicts)


def _plan() -> Plan:
    parser = argparse.ArgumentParser(prog="./test faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=6)
    parser.add_argument("--events", type=int, default=24_000)
    parser.add_argument("--rate", type=float, help="messages a second; without it, eight seconds for each fault")
    parser.add_argument("--until", help="the midnight that ends the load's time, as in 2026-01-31; today's if left out")
    parser.add_argument("--keep", action="store_true", help="keep logs and settings")
    parser.add_argument("--binary", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, required=True, help=argparse.SUPPRESS)
    said = parser.parse_args()
    until = datetime.fromisoformat(said.until).replace(tzinfo=UTC) if said.until else _midnight()
    return Plan(said.seed, said.faults, said.events, said.rate, until, said.binary, said.folder, said.keep)


def _midnight() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


if __name__ == "__main__":
    sys.exit(main())
