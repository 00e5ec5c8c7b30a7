"""Comparisons between what two runs published and what is true. Pure: records in, verdicts out."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from load import Facts

# Differences named in one verdict; the rest is counted.
MOST_NAMED = 8
# Keys of a last-seen record that say when it was made (`updated_at`), and how far its log sources were read by then
# (`coverage`): the one is the time on the wall, the other hangs on which of several partitions was read first. All
# other keys are compared.
TOLD_BY_THE_CLOCK = ("updated_at", "coverage")
# Findings about silence. Whether one is made depends on what was read when the time came (ADR 11): after an outage of
# the monitor itself, a silence that began and ended meanwhile is a gap and no finding. Each must still be there once.
ABOUT_SILENCE = (
    "source-silent",
    "missed-heartbeat",
    "unused-credential",
    "credential-not-rotated",
    "old-credential-still-used",
    "undeclared-identity",
    "unowned-identity",
    "expired-identity",
)

Json = dict[str, object]
Record = tuple[bytes | None, bytes | None]


@dataclass(slots=True)
class Verdict:
    """One comparison: what was compared, how much of it, and what differs."""

    what: str
    compared: int
    differences: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        # Nothing compared proves nothing.
        return self.compared > 0 and not self.differences

    def __str__(self) -> str:
        lines = [f"{'ok  ' if self.holds else 'FAIL'} {self.compared:>9,}  {self.what}"]
        lines += [f"{' ' * 16}{difference}" for difference in self.differences[:MOST_NAMED]]
        if len(self.differences) > MOST_NAMED:
            lines.append(f"{' ' * 16}and {len(self.differences) - MOST_NAMED:,} more")
        return "\n".join(lines)


def alerts(disturbed: Iterable[Record], undisturbed: Iterable[Record]) -> list[Verdict]:
    """The same alerts: none lost, none made up, none twice, and each the same to the byte."""
    ours, theirs = _alerts(disturbed), _alerts(undisturbed)
    once = Verdict("alerts of the disturbed run, each published once", sum(map(len, ours.values())))
    once.differences = [f"{uid} is there {len(found)} times" for uid, found in ours.items() if len(found) > 1]
    base = Verdict("alerts of the undisturbed run, each published once", sum(map(len, theirs.values())))
    base.differences = [f"{uid} is there {len(found)} times" for uid, found in theirs.items() if len(found) > 1]
    ours, theirs = _without_silence(ours), _without_silence(theirs)
    same = Verdict("alerts (finding_info.uid, metadata.sequence) that both runs have", len(theirs))
    same.differences = [f"{uid} is lost" for uid in theirs if uid not in ours]
    same.differences += [f"{uid} is extra" for uid in ours if uid not in theirs]
    both = [uid for uid in theirs if uid in ours]
    content = Verdict("their content, byte for byte, no key left out", len(both))
    content.differences = [
        f"{uid}: {_first_difference(ours[uid][0], theirs[uid][0])}" for uid in both if ours[uid][0] != theirs[uid][0]
    ]
    return [once, base, same, content]


def _alerts(records: Iterable[Record]) -> dict[tuple[str, int], list[bytes]]:
    found: dict[tuple[str, int], list[bytes]] = {}
    for _, value in records:
        alert = json.loads(value or b"{}")
        uid = (alert["finding_info"]["uid"], alert["metadata"]["sequence"])
        found.setdefault(uid, []).append(value or b"")
    return found


def _without_silence(alerts: Mapping[tuple[str, int], list[bytes]]) -> dict[tuple[str, int], list[bytes]]:
    code = {uid: json.loads(found[0])["metadata"].get("event_code") for uid, found in alerts.items()}
    return {uid: found for uid, found in alerts.items() if code[uid] not in ABOUT_SILENCE}


def _first_difference(ours: bytes, theirs: bytes) -> str:
    mine, other = json.loads(ours), json.loads(theirs)
    return "; ".join(_differing(mine, other)) or "the same JSON in other bytes"


def _differing(ours: object, theirs: object, path: str = "") -> list[str]:
    """Where two JSON values differ, down to the innermost ones."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        keys = dict.fromkeys([*ours, *theirs])
        return [words for key in keys for words in _differing(ours.get(key), theirs.get(key), f"{path}.{key}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [words for place, pair in pairs for words in _differing(*pair, f"{path}[{place}]")]
    return [] if ours == theirs else [f"{path.lstrip('.')} is {ours!r:.150}, not {theirs!r:.150}"]


def last_seen(records: Iterable[Record], run: str) -> tuple[dict[str, Json], Verdict]:
    """The newest last-seen record of each identity, as a compacted topic keeps it; and that none went back."""
    verdict = Verdict(f"last-seen records, of which none goes back, {run}", 0)
    newest: dict[str, Json] = {}
    for key, value in records:
        name = (key or b"").decode()
        if not name.startswith("last-seen:"):
            continue
        verdict.compared += 1
        identity_id = name.removeprefix("last-seen:")
        record, before = json.loads(value or b"{}"), newest.get(identity_id, {})
        if str(record.get("last_seen")) < str(before.get("last_seen", "")):
            verdict.differences.append(f"{identity_id}: {record.get('last_seen')} after {before['last_seen']}")
        newest[identity_id] = record
    return newest, verdict


def last_seen_truth(records: Mapping[str, Json], truth: Mapping[str, Facts]) -> Verdict:
    """Every identity's last use, as the topic has it, is what was written into the logs."""
    verdict = Verdict("identities whose last-seen record is the truth", len(truth))
    for identity_id, facts in truth.items():
        if facts.events == 0:
            continue
        record = records.get(identity_id)
        if record is None:
            verdict.differences.append(f"{identity_id} has no record")
            continue
        said = {key: record.get(key) for key in _true_record(facts)}
        verdict.differences += [f"{identity_id}: {words}" for words in _differing(said, _true_record(facts))]
    made_up = [identity_id for identity_id in records if identity_id not in truth]
    verdict.differences += [f"{identity_id} was never in the logs" for identity_id in made_up]
    return verdict


def _true_record(facts: Facts) -> Json:
    services = [
        {
            "service": name,
            "last_seen": _rfc3339(used),
            "last_success": _rfc3339(worked),
            "last_denied": _rfc3339(denied),
        }
        for name, (used, worked, denied) in sorted(facts.services.items())
    ]
    return {
        "first_seen": _rfc3339(facts.first_seen),
        "last_seen": _rfc3339(facts.last[0]),
        "last_success": _rfc3339(facts.last_success),
        "last_denied": _rfc3339(facts.last_denied),
        "last_activity": facts.last[1],
        "services": services,
    }


def _rfc3339(seconds: int) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z") if seconds else None


def last_seen_same(disturbed: Mapping[str, Json], undisturbed: Mapping[str, Json]) -> Verdict:
    """Both runs end with the same last-seen records, but for what tells when they were made."""
    left_out = ", ".join(TOLD_BY_THE_CLOCK)
    verdict = Verdict(f"last-seen records that are the same in both runs, but for {left_out}", 0)
    for identity_id in dict.fromkeys([*disturbed, *undisturbed]):
        verdict.compared += 1
        ours, theirs = disturbed.get(identity_id), undisturbed.get(identity_id)
        if ours is None or theirs is None:
            verdict.differences.append(f"{identity_id} is in one run only")
            continue
        left, right = _timeless(ours), _timeless(theirs)
        verdict.differences += [f"{identity_id}: {words}" for words in _differing(left, right)]
    return verdict


def _timeless(record: Json) -> Json:
    return {key: value for key, value in record.items() if key not in TOLD_BY_THE_CLOCK}


def counts(held: Mapping[str, list[Json]], truth: Mapping[str, Facts], run: str) -> Verdict:
    """Every distinct event was learned once: the state is exactly that of the events."""
    verdict = Verdict(f"distinct events learned exactly once, {run}", 0)
    for identity_id, facts in truth.items():
        verdict.compared += facts.events
        said = held.get(identity_id, [])
        learned = sum(one["baseline"]["activities"] for one in said)  # type: ignore[index]
        if learned != facts.events:
            verdict.differences.append(f"{identity_id}: learned {learned} of {facts.events}")
        if len(said) > 1:
            verdict.differences.append(f"{identity_id} is held by {len(said)} instances")
    return verdict


def states(disturbed: Mapping[str, list[Json]], undisturbed: Mapping[str, list[Json]]) -> Verdict:
    """The whole baseline of every identity, as the API shows it, is the same in both runs."""
    verdict = Verdict("baselines that are the same in both runs", 0)
    for identity_id, theirs in undisturbed.items():
        verdict.compared += 1
        ours = disturbed.get(identity_id, [])
        if len(ours) != 1 or len(theirs) != 1:
            verdict.differences.append(f"{identity_id}: held by {len(ours)} and {len(theirs)} instances")
            continue
        left, right = ours[0]["baseline"], theirs[0]["baseline"]
        verdict.differences += [f"{identity_id}: {words}" for words in _differing(left, right)]
    return verdict


def dead_letters(records: Iterable[Record], poison: Counter[bytes], run: str) -> Verdict:
    """Each poisoned message is a dead letter once, with its bytes, and nothing else is one."""
    found = Counter(value or b"" for _, value in records)
    verdict = Verdict(f"poisoned messages, each a dead letter once, {run}", poison.total())
    for value in dict.fromkeys([*poison, *found]):
        if found[value] != poison[value]:
            verdict.differences.append(f"{value[:80]!r}: {found[value]} dead letters for {poison[value]} messages")
    return verdict


def conserved(produced: int, taken: Mapping[str, int], what: str) -> Verdict:
    """What came in is what became of it."""
    verdict = Verdict(f"{what} = {' + '.join(taken)}", produced)
    if produced != sum(taken.values()):
        said = " + ".join(f"{count:,} {name}" for name, count in taken.items())
        verdict.differences.append(f"{produced:,} is not {said}")
    return verdict


def accounted(scrapes: Iterable[str]) -> Verdict:
    """What each instance counted: records received are activities, skipped or dead-lettered."""
    verdict = Verdict("records received = activities + skipped + dead-lettered, in the instances' own metrics", 0)
    for text in scrapes:
        received = _metric(text, "nhi_records_received_total")
        parts = ("nhi_activities_total", "nhi_records_skipped_total", "nhi_records_dead_lettered_total")
        accounted_for = sum(_metric(text, name) for name in parts)
        verdict.compared += received
        if received != accounted_for:
            verdict.differences.append(f"{received:,} received, {accounted_for:,} accounted for")
    return verdict


def _metric(text: str, name: str) -> int:
    """The sum of a counter over its labels, as Prometheus reads it."""
    lines = (line for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} ")))
    return round(sum(float(line.rsplit(" ", 1)[1]) for line in lines))


def ended_well(codes: Iterable[tuple[str, int]], what: str) -> Verdict:
    """Who was asked to end drained, committed and ended with 0."""
    verdict = Verdict(what, 0)
    for name, code in codes:
        verdict.compared += 1
        if code != 0:
            verdict.differences.append(f"{name} ended with {code}")
    return verdict


def nothing(what: str, looked_at: int, found: Iterable[str]) -> Verdict:
    """Nothing of a kind was found."""
    return Verdict(what, looked_at, list(found))
