"""What a seed fixes: the schedule and every byte of the load."""

import unittest
from datetime import UTC, datetime

import schedule
from load import Load

UNTIL = datetime(2026, 2, 1, tzinfo=UTC)


class Schedule(unittest.TestCase):
    def test_a_seed_gives_the_same_faults_and_another_gives_others(self) -> None:
        self.assertEqual(schedule.draw(7, 30, 10_000), schedule.draw(7, 30, 10_000))
        self.assertNotEqual(schedule.draw(7, 30, 10_000), schedule.draw(8, 30, 10_000))

    def test_faults_come_in_order_and_within_the_load(self) -> None:
        for seed in range(50):
            places = [fault.at for fault in schedule.draw(seed, 30, 10_000)]
            self.assertEqual(places, sorted(places))
            self.assertTrue(places[0] > 0 and places[-1] < 10_000)

    def test_ten_faults_hold_every_kind_and_scale_from_one_to_three_to_two(self) -> None:
        for seed in range(50):
            faults = schedule.draw(seed, 10, 10_000)
            self.assertEqual(len({fault.kind for fault in faults}), 9)
            self.assertEqual([fault.count for fault in faults if fault.kind == "scale"][:2], [3, 2])

    def test_every_fault_reads_well(self) -> None:
        self.assertEqual(str(schedule.Fault("kill", 5, 1, 2.0)), "kill: instance 1, down 2.0 s")


class TheLoad(unittest.TestCase):
    def test_a_seed_gives_the_same_bytes(self) -> None:
        first, again, other = (Load(seed, 2_000, 6, UNTIL) for seed in (7, 7, 8))
        values = [message.value for message in first.messages()]
        self.assertEqual(values, [message.value for message in again.messages()])
        self.assertNotEqual(values, [message.value for message in other.messages()])

    def test_the_truth_accounts_for_every_message(self) -> None:
        load = Load(3, 20_000, 6, UNTIL)
        values = [message.value for message in load.messages()]
        truth = load.truth
        events = sum(facts.events for facts in truth.identities.values())
        self.assertEqual(len(values), events + truth.duplicates + truth.poison.total())
        self.assertEqual(len(values) - len(set(values)), truth.duplicates)
        self.assertTrue(min(truth.duplicates, truth.late, truth.poison.total()) > 0)

    def test_an_identity_stays_in_its_partition(self) -> None:
        places: dict[bytes, set[int]] = {}
        for message in Load(3, 5_000, 6, UNTIL).messages():
            places.setdefault(message.key, set()).add(message.partition)
        self.assertTrue(all(len(partitions) == 1 for partitions in places.values()))


if __name__ == "__main__":
    unittest.main()
