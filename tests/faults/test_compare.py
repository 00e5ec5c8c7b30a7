"""What the comparisons refuse: each way in which a run may differ from what it should be."""

import copy
import json
import unittest
from collections import Counter

import compare
from load import Facts
from records import Template

TEMPLATE = Template("s3:GetObject", "s3", False, (b"", b"", b"", b""))
ID = "arn:aws:iam::111122223333:role/app"


def alert(uid: str, sequence: int, **more: object) -> compare.Record:
    body = {"finding_info": {"uid": uid}, "metadata": {"sequence": sequence}} | more
    return b"key", json.dumps(body).encode()


def facts() -> Facts:
    known = Facts()
    known.note(1_700_000_000, TEMPLATE)
    known.note(1_700_003_600, TEMPLATE)
    return known


def last_seen(**more: object) -> compare.Json:
    return {
        "first_seen": "2023-11-14T22:13:20.000Z",
        "last_seen": "2023-11-14T23:13:20.000Z",
        "last_success": "2023-11-14T23:13:20.000Z",
        "last_denied": None,
        "last_activity": "s3:GetObject",
        "services": [
            {
                "service": "s3",
                "last_seen": "2023-11-14T23:13:20.000Z",
                "last_success": "2023-11-14T23:13:20.000Z",
                "last_denied": None,
            }
        ],
        "updated_at": "2026-01-01T00:00:00.000Z",
    } | more


def held(activities: int) -> dict[str, list[compare.Json]]:
    return {ID: [{"baseline": {"activities": activities, "risk": 0}}]}


class Alerts(unittest.TestCase):
    base = (alert("a", 1), alert("a", 2), alert("b", 1))

    def holds(self, disturbed: list[compare.Record], undisturbed: list[compare.Record] | None = None) -> bool:
        return all(verdict.holds for verdict in compare.alerts(disturbed, undisturbed or list(self.base)))

    def test_the_same_alerts_in_another_order_hold(self) -> None:
        self.assertTrue(self.holds(list(self.base[::-1])))

    def test_a_lost_alert_is_refused(self) -> None:
        for lost in range(len(self.base)):
            self.assertFalse(self.holds([*self.base[:lost], *self.base[lost + 1 :]]))

    def test_an_alert_that_is_there_twice_is_refused_in_either_run(self) -> None:
        self.assertFalse(self.holds([*self.base, self.base[1]]))
        self.assertFalse(self.holds(list(self.base), [*self.base, self.base[1]]))

    def test_an_alert_that_is_made_up_is_refused(self) -> None:
        self.assertFalse(self.holds([*self.base, alert("a", 3)]))

    def test_other_content_is_refused(self) -> None:
        self.assertFalse(self.holds([alert("a", 1, risk_score=51), *self.base[1:]]))

    def test_a_finding_about_silence_may_be_in_one_run_only_and_never_twice(self) -> None:
        silent = alert("s", 1, metadata={"sequence": 1, "event_code": "source-silent"})
        self.assertTrue(self.holds([*self.base, silent]))
        self.assertTrue(self.holds(list(self.base), [*self.base, silent]))
        self.assertFalse(self.holds([*self.base, silent, silent]))

    def test_no_alerts_prove_nothing(self) -> None:
        self.assertFalse(all(verdict.holds for verdict in compare.alerts([], [])))


class LastSeen(unittest.TestCase):
    def test_the_truth_holds_and_each_wrong_field_is_refused(self) -> None:
        self.assertTrue(compare.last_seen_truth({ID: last_seen()}, {ID: facts()}).holds)
        wrong: compare.Json = {
            "first_seen": None,
            "last_seen": "2023-11-14T23:13:19.000Z",
            "last_success": "2023-11-14T22:13:20.000Z",
            "last_denied": "2023-11-14T22:13:20.000Z",
            "last_activity": "s3:PutObject",
            "services": [],
        }
        for key, value in wrong.items():
            self.assertFalse(compare.last_seen_truth({ID: last_seen(**{key: value})}, {ID: facts()}).holds, key)

    def test_a_missing_and_a_made_up_identity_are_refused(self) -> None:
        self.assertFalse(compare.last_seen_truth({}, {ID: facts()}).holds)
        both = {ID: last_seen(), "other": last_seen()}
        self.assertFalse(compare.last_seen_truth(both, {ID: facts()}).holds)

    def test_only_what_the_clock_tells_may_differ_between_runs(self) -> None:
        other = last_seen(updated_at="later", coverage={"ratio": 0.5})
        self.assertTrue(compare.last_seen_same({ID: last_seen()}, {ID: other}).holds)
        for key in last_seen():
            if key not in compare.TOLD_BY_THE_CLOCK:
                self.assertFalse(compare.last_seen_same({ID: last_seen()}, {ID: last_seen(**{key: "x"})}).holds, key)
        self.assertFalse(compare.last_seen_same({}, {ID: other}).holds)

    def test_a_last_use_that_goes_back_is_refused(self) -> None:
        def record(at: str) -> compare.Record:
            return f"last-seen:{ID}".encode(), json.dumps(last_seen(last_seen=at)).encode()

        ascending = [record("2023-11-14T22:00:00.000Z"), record("2023-11-14T23:00:00.000Z")]
        self.assertTrue(compare.last_seen(ascending, "")[1].holds)
        self.assertFalse(compare.last_seen(ascending[::-1], "")[1].holds)

    def test_the_newest_record_of_a_key_counts(self) -> None:
        records = [(f"last-seen:{ID}".encode(), json.dumps({"n": n}).encode()) for n in (1, 2)]
        declared = (f"identity:{ID}".encode(), b'{"n": 3}')
        self.assertEqual(compare.last_seen([*records, declared], "")[0], {ID: {"n": 2}})


class State(unittest.TestCase):
    def test_a_count_off_by_one_is_refused(self) -> None:
        for learned, holds in ((1, False), (2, True), (3, False)):
            self.assertEqual(compare.counts(held(learned), {ID: facts()}, "").holds, holds)

    def test_an_identity_held_by_two_instances_is_refused(self) -> None:
        twice = {ID: held(1)[ID] * 2}
        self.assertFalse(compare.counts(twice, {ID: facts()}, "").holds)
        self.assertFalse(compare.states(twice, held(1)).holds)

    def test_any_difference_in_a_baseline_is_refused(self) -> None:
        other = copy.deepcopy(held(2))
        other[ID][0]["baseline"]["risk"] = 1  # type: ignore[index]
        self.assertTrue(compare.states(held(2), held(2)).holds)
        self.assertFalse(compare.states(held(2), other).holds)
        self.assertFalse(compare.states({}, held(2)).holds)


class DeadLetters(unittest.TestCase):
    def holds(self, *values: bytes) -> bool:
        poison = Counter([b"one", b"two"])
        return compare.dead_letters([(None, value) for value in values], poison, "").holds

    def test_each_once_holds_and_nothing_else(self) -> None:
        self.assertTrue(self.holds(b"two", b"one"))
        for values in ((b"one",), (b"one", b"two", b"two"), (b"one", b"two", b"three"), (b"one", b"tw")):
            self.assertFalse(self.holds(*values), values)


class Conservation(unittest.TestCase):
    def test_a_message_that_became_nothing_is_refused(self) -> None:
        self.assertTrue(compare.conserved(10, {"events": 7, "duplicates": 3}, "").holds)
        self.assertFalse(compare.conserved(10, {"events": 7, "duplicates": 2}, "").holds)

    def test_a_record_that_an_instance_does_not_account_for_is_refused(self) -> None:
        text = (
            "# TYPE nhi_records_received_total counter\n"
            'nhi_records_received_total{topic="a"} 7\nnhi_records_received_total{topic="b"} 3\n'
            'nhi_activities_total{topic="a"} 6\nnhi_records_skipped_total{reason="x",topic="b"} 3\n'
        )
        dead = 'nhi_records_dead_lettered_total{reason="bad_json",topic="a"} 1\n'
        self.assertTrue(compare.accounted([text + dead]).holds)
        self.assertFalse(compare.accounted([text]).holds)
        self.assertFalse(compare.accounted([]).holds)


class Ends(unittest.TestCase):
    def test_a_drain_that_fails_and_a_panic_are_refused(self) -> None:
        self.assertTrue(compare.ended_well([("a", 0), ("b", 0)], "").holds)
        self.assertFalse(compare.ended_well([("a", 0), ("b", 1)], "").holds)
        self.assertFalse(compare.nothing("", 2, ["a: panicked at"]).holds)


if __name__ == "__main__":
    unittest.main()
