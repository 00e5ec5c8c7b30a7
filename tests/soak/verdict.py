"""What must hold of a run, each with its reason."""

import statistics
from collections import Counter

from load import identity_id

# Memory that a stall may add: what the client's queues are capped at. Two consumers and the reader of the changelog hold
# up to 16 MiB of fetched messages each (queued.max.messages.kbytes), two producers up to 64 MiB each of what cannot be
# delivered (queue.buffering.max.kbytes). On top come answers on their way to the three readers, up to 2 MiB from each of the
# two living brokers (fetch.max.bytes), unpacked eight times as much. All else is thrown away with each aborted transaction.
STALL_MIB = 3 * 16 + 2 * 64 + 3 * 2 * 2 * 8
# Once caught up, resident memory stays: a twentieth, and a little that allocators round to.
FLAT_PART, FLAT_MIB = 0.05, 8
# Processor time of the stall, against the same load without one. A loop that spins takes a whole processor more.
SPIN_CPUS = 0.5
# Lines that the monitor logs a second at most, over the whole run.
LOG_LINES_PER_SEC = 10
# What was on its way when the stall began may still be committed.
SETTLED_SECS = 5


class Verdict:
    """Collects what was checked, and prints it."""

    def __init__(self, samples, secs):
        self._samples = samples
        self._secs = secs
        self._failed = 0
        print()

    def check(self, holds, what):
        print(f"  {'holds ' if holds else 'FAILED'}  {what}", flush=True)
        self._failed += not holds

    def finish(self):
        print(f"\n{'everything holds' if not self._failed else f'{self._failed} checks FAILED'}")
        return self._failed == 0

    def about_the_run(self, failure, exit_code, log):
        self.check(failure is None, failure or "every record of the load reached the input topic")
        self.check(exit_code == 0, f"the monitor drained and ended with 0 (it was {exit_code})")
        lines = log.count("\n")
        self.check(lines <= LOG_LINES_PER_SEC * self._secs, f"the log stays readable: {lines} lines")
        if self._failed:
            print(log[-3000:])

    def about_memory(self):
        before = statistics.median(self._resident(lambda s: s.phase == "steady" and s.at >= self._secs * 0.2))
        caught_up = self._caught_up_at()
        during = max(self._resident(lambda s: s.at >= self._stalled_at() and s.at <= caught_up))
        self.check(
            during - before <= STALL_MIB,
            f"memory is bounded in the stall: {before:.0f} MiB before, at most {during:.0f} MiB until caught up "
            f"(+{during - before:.0f} of {STALL_MIB} MiB that the queues may hold)",
        )
        after = self._resident(lambda s: s.at >= caught_up)
        part = max(1, len(after) // 4)
        first, last = statistics.median(after[:part]), statistics.median(after[-part:])
        self.check(
            last <= first * (1 + FLAT_PART) + FLAT_MIB,
            f"memory is flat after it: {first:.0f} MiB in the first quarter, {last:.0f} MiB in the last "
            f"({len(after)} samples over {self._samples[-1].at - caught_up:.0f} s)",
        )
        print(f"          the most that was ever resident: {self._samples[-1].peak:.0f} MiB")

    def about_the_stall(self):
        settled = self._stalled_at() + SETTLED_SECS
        stall = [s for s in self._samples if s.phase in ("stalled", "both stand") and s.at >= settled]
        steady = [s for s in self._samples if s.phase == "steady"]
        self.check(
            stall[-1].monitored == stall[0].monitored and stall[-1].sent > stall[0].sent,
            f"the stall was one: {stall[-1].sent - stall[0].sent} records sent, "
            f"{stall[-1].monitored - stall[0].monitored:.0f} monitored",
        )
        told = stall[-1].aborts > steady[-1].aborts and stall[-1].lag > steady[-1].lag
        self.check(
            told and not all(s.ready for s in stall),
            f"it can be seen: {stall[-1].aborts - steady[-1].aborts:.0f} aborts, lag {stall[-1].lag:.0f}, "
            f"not ready in {sum(not s.ready for s in stall)} of {len(stall)} looks",
        )
        calm, busy = cpus(steady), cpus(stall)
        self.check(busy <= calm + SPIN_CPUS, f"nothing spins: {busy:.2f} processors in the stall, {calm:.2f} before")

    def about_accounting(self, ledger, metrics, activities):
        topic = 'topic="cloudtrail"'
        received = metrics.sum("nhi_records_received_total", topic)
        as_activities = metrics.sum("nhi_activities_total", topic)
        monitored = metrics.sum("nhi_monitored_records_total")
        self.check(
            received == as_activities == monitored == ledger.sent,
            f"nothing is lost or doubled: {ledger.sent} sent, {received:.0f} received, {as_activities:.0f} activities, "
            f"{monitored:.0f} monitored",
        )
        wrong = {role: (count, activities[role]) for role, count in ledger.count.items() if activities[role] != count}
        self.check(not wrong, f"each of {len(ledger.count)} identities learned each of its events once {some(wrong)}")

    def about_outputs(self, ledger, alerts, inventory):
        ids = Counter((a["finding_info"]["uid"], a["metadata"]["sequence"]) for _, a in alerts)
        doubled = {key: count for key, count in ids.items() if count > 1}
        opened = Counter(key for key, alert in alerts if alert["activity_id"] == 1)
        due = Counter(identity_id(role) for role in ledger.alerted)
        self.check(not doubled, f"no alert is there twice: {len(alerts)} alerts {some(doubled)}")
        self.check(
            opened == due,
            f"each of {len(due)} incidents was opened once, no other {some((due - opened) | (opened - due))}",
        )
        latest = {key: value for key, value in inventory if key.startswith("last-seen:")}
        said = {key.removeprefix("last-seen:"): value["last_seen"] for key, value in latest.items() if value}
        true = {identity_id(role): at.replace("Z", ".000Z") for role, at in ledger.newest.items()}
        wrong = {key: (true.get(key), said.get(key)) for key in true | said if true.get(key) != said.get(key)}
        self.check(not wrong, f"last-seen is right for each of {len(true)} identities {some(wrong)}")

    def _resident(self, wanted):
        return [s.resident for s in self._samples if wanted(s)]

    def _stalled_at(self):
        return next(s.at for s in self._samples if s.phase == "stalled")

    def _caught_up_at(self):
        """When the backlog of the stall was worked off: what is outstanding is a few seconds' worth."""
        rate = self._samples[-1].sent / self._samples[-1].at
        healed = (s for s in self._samples if s.phase in ("healed", "end"))
        return next((s.at for s in healed if s.sent - s.monitored <= 5 * rate), self._samples[-1].at)


def cpus(samples):
    """Processors used between the first and the last of these."""
    return (samples[-1].cpu - samples[0].cpu) / max(0.001, samples[-1].at - samples[0].at)


def some(wrong):
    """The first few of what is wrong, or nothing."""
    return f"(wrong: {len(wrong)}, as {list(wrong.items())[:3]})" if wrong else ""
