"""The campaign's own bookkeeping: it must see what it is there to see."""

from collections import Counter

import msgspec
import pytest

from tests.crash.books import Books, Kill, RecentTimes, Stalls, judge, judge_further


def judged(books: Books) -> list[str]:
    """The verdict with small limits."""
    return judge(books, wanting="all", unwanting=("none",), checkpoint=0.1, in_flight=2)


def killed_books(delivered_per_second: float = 0.0) -> Books:
    """Books in which `a` and a message `m` were acknowledged and delivered, then a kill."""
    books = Books(sent_events={"a", "lost"}, events={"a"}, messages={"m"})
    books.arrive("all", "a", 9.95, None)
    books.arrive("reports", "report-of-m", 9.95, "m")
    books.kills.append(
        Kill(
            at=10.0,
            unacknowledged=60,
            acknowledged_per_second=600.0,
            delivered_per_second=delivered_per_second,
        )
    )
    return books


def test_complete_books_have_no_problems() -> None:
    """Everything acknowledged arrived, and nothing else."""
    assert judged(killed_books()) == []


def test_an_unacknowledged_event_may_arrive_or_not() -> None:
    """Nobody was promised anything about it."""
    books = killed_books()

    books.arrive("all", "lost", 11.0, None)

    assert judged(books) == []


def test_a_lost_event_is_seen() -> None:
    """An acknowledged event that never arrived is named."""
    books = killed_books()

    books.events.add("lost")

    assert judged(books) == ["1 acknowledged and never delivered: ['lost']"]


def test_a_lost_delivery_report_is_seen() -> None:
    """An acknowledged message without its delivery report is named."""
    books = killed_books()

    books.messages.add("m2")

    assert judged(books) == ["1 acknowledged and never delivered: ['m2']"]


def test_an_invented_event_is_seen() -> None:
    """What was delivered must have been sent."""
    books = killed_books()

    books.arrive("all", "ghost", 11.0, None)

    assert judged(books) == ["1 delivered and never sent: ['ghost']"]


def test_a_filtered_event_is_seen() -> None:
    """A subscription whose filter matches nothing gets nothing."""
    books = killed_books()

    books.arrive("none", "a", 11.0, None)

    assert judged(books) == ["none: 1 delivered against its filter"]


def test_two_report_events_of_one_message_are_seen() -> None:
    """The same event may come twice, but there is one event for a message."""
    books = killed_books()

    books.arrive("reports", "another-report-of-m", 11.0, "m")

    assert judged(books) == ["1 messages were reported by two events: ['m']"]


def test_duplicates_up_to_the_checkpoint_and_in_flight_are_allowed() -> None:
    """10 a second for 0.1 s and 2 in flight make 3."""
    books = killed_books(delivered_per_second=10.0)

    for _ in range(3):
        books.arrive("all", "a", 11.0, None)

    assert judged(books) == []
    assert [round(age, 2) for age in books.duplicates_of(1)] == [0.05, 0.05, 0.05]


def test_more_duplicates_are_seen() -> None:
    """Above the bound each kill is named with what was found and allowed."""
    books = killed_books(delivered_per_second=10.0)

    for _ in range(4):
        books.arrive("all", "a", 11.0, None)

    assert judged(books) == ["kill 1: 4 duplicates, 3 allowed"]


def test_a_duplicate_is_due_to_the_kill_behind_the_last_arrival() -> None:
    """Not to a later one that came before the server had repeated anything."""
    books = killed_books(delivered_per_second=10.0)
    books.kills.append(msgspec.structs.replace(books.kills[0], at=12.0, delivered_per_second=0.0))

    for _ in range(3):
        books.arrive("all", "a", 13.0, None)

    found = [len(books.duplicates_of(number)) for number in (1, 2)]
    assert found == [1, 2]
    assert books.arrivals["all"].duplicates[0][0] == 1


def test_a_duplicate_without_a_kill_is_seen() -> None:
    """A server that was never killed repeats nothing."""
    books = Books(sent_events={"a"}, events={"a"})

    books.arrive("all", "a", 1.0, None)
    books.arrive("all", "a", 2.0, None)

    assert judged(books) == ["1 duplicates before the first kill"]


def test_a_rate_counts_the_last_second_only() -> None:
    """What is older than a second, or came before the restart, does not count."""
    times = RecentTimes()
    times.restart(0.0)

    for moment in (0.5, 1.2, 1.4, 1.6):
        times.add(moment)

    assert times.per_second(2.0) == 3.0
    assert times.per_second(2.0, 0.5) == 2.0
    times.restart(2.0)
    times.add(2.25)
    assert times.per_second(2.5) == 2.0


def further_books(*arrived: str, letters: dict[str, int]) -> list[str]:
    """The verdict on three acknowledged events of one subject, of which some arrived."""
    books = Books()
    for event_id in ("event-1-9", "event-1-10", "event-2-1"):
        books.acknowledge(event_id, "some/1")
    books.acknowledge("event-1-11", "others")
    for event_id in arrived:
        books.arrive_further("ordered", event_id, "some/1")
    return judge_further(
        books, wanting=["ordered"], prefix="some/", ordered="ordered", letters=Counter(letters)
    )


def test_further_subscriptions_without_problems() -> None:
    """A repeated event counts by its first arrival; one that was not acknowledged may come."""
    ids = ("event-1-9", "event-1-10", "event-1-9", "event-1-12", "event-2-1")

    assert further_books(*ids, letters={"a": 1, "b": 2}) == []


def test_problems_of_further_subscriptions_are_seen() -> None:
    """A lost event, another order, a dead letter that was not written."""
    found = further_books("event-2-1", "event-1-10", letters={"a": 0, "b": 1})

    assert found == [
        "ordered: 1 acknowledged and never delivered: ['event-1-9']",
        "ordered: the events of some/1 came in another order",
        "1 never dead-lettered: ['a']",
    ]


def test_stall_of_the_machine_allows_for_what_was_delivered_meanwhile() -> None:
    """A server that was not let run could not write its checkpoint either."""
    kill = Kill(
        at=9.0,
        unacknowledged=0,
        acknowledged_per_second=0.0,
        delivered_per_second=1000.0,
        stall=0.05,
    )

    assert kill.duplicates_allowed(0.1, in_flight=20) == pytest.approx(170)


def test_slow_commits_allow_for_what_was_delivered_meanwhile() -> None:
    """The server may have been kept from writing although this process could run."""
    kill = Kill(
        at=9.0,
        unacknowledged=0,
        acknowledged_per_second=0.0,
        delivered_per_second=1000.0,
        delivered_in_reach=250,
    )

    assert kill.duplicates_allowed(0.1, in_flight=20) == 270


@pytest.mark.parametrize(
    ("gap", "reach"),
    [
        (0.0124, 0.1),  # four commits fit into the half of the interval that writes have
        (0.05, 0.25),
        (0.5, 1.0),  # more than a second is not looked at
    ],
)
def test_checkpoint_may_be_as_old_as_a_pause_and_two_writes(gap: float, reach: float) -> None:
    """A write is as slow as the commits that publishers wait for, the latest ones at that."""
    answers = RecentTimes()
    for number in range(60, 0, -1):
        answers.add(10.0 - number * gap)

    assert answers.reach(10.0, checkpoint=0.1) == pytest.approx(reach)


def test_slow_commit_long_ago_makes_no_checkpoint_older() -> None:
    """It was over when the pause began."""
    answers = RecentTimes()
    for moment in (9.2, *(9.6 + number / 100 for number in range(40))):
        answers.add(moment)

    assert answers.reach(10.0, checkpoint=0.1) == 0.1


def test_longest_stall_is_that_of_the_last_second() -> None:
    stalls = Stalls()
    stalls.add(1.0, 0.5)
    stalls.add(2.5, 0.03)
    stalls.add(3.0, -0.001)

    assert stalls.longest() == 0.03


def test_burst_before_a_kill_counts_with_its_own_rate() -> None:
    """What may come again is what came since the last checkpoint, not a mean."""
    delivered = RecentTimes()
    delivered.restart(0.0)
    for number in range(50):
        delivered.add(4.95 + number / 1000)

    assert delivered.highest_per_second(5.0, checkpoint=0.1) == pytest.approx(500)
