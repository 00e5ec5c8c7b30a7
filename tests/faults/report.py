"""What a run has to say beside its verdicts: the faults done, what they led to, and memory."""

from collections import Counter

from fleet import Fleet
from schedule import Fault

# What faults lead to, by the words that the log has for it.
TRACES = {
    "transactions aborted": "transaction aborted",
    "partitions lost": "partitions lost",
    "assignments": "partitions assigned",
    "partitions restored": "state restored",
}


def of(faults: list[Fault], disturbed: Fleet, undisturbed: Fleet) -> str:
    """All of it, one thing a line."""
    lines = ["faults done:"]
    lines += [f"{count:>12,}  {kind}" for kind, count in sorted(Counter(fault.kind for fault in faults).items())]
    lines += ["what they led to:"]
    lines += [f"{len(disturbed.logged(words)):>12,}  {what}" for what, words in TRACES.items()]
    exits = Counter(f"{one.name} ended by itself with {one.code}: {one.reason:.160}" for one in disturbed.exits)
    lines += [f"{count:>12,}  {words}" for words, count in exits.items()]
    peaks = disturbed.peaks_mb() | undisturbed.peaks_mb()
    lines += ["most resident memory: " + ", ".join(f"{name} {peak} MB" for name, peak in peaks.items())]
    return "\n".join(lines)
