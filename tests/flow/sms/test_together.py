"""Sends that come at the same time share commits; each has an outcome of its own."""

import asyncio
import uuid
from collections.abc import Callable, Sequence

import msgspec
import pytest

from switchhook.clock import MILLISECOND
from switchhook.communication.sms.sending import SendPlan
from switchhook.communication.sms.store import ReportDue, ReportsDue, decode_due
from switchhook.communication.sms.together import MOST_CHANGES, MOST_REPORTS, Together, join
from switchhook.errors import CommitUnknownError, StoreError, StoreFullError
from switchhook.grid.ports import Batch, Change, Put, Record
from switchhook.stores.memory import MemoryStore
from tests.flow.sms.world import PHONE, SmsWorld, a_world


class Commits:
    """Commits to a store, and remembers what; `refuse` may refuse some."""

    def __init__(self, store: MemoryStore, refuse: Callable[[Sequence[Change]], None]) -> None:
        self._store = store
        self._refuse = refuse
        self.made: list[Sequence[Change]] = []

    async def __call__(self, changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        self.made.append(changes)
        self._refuse(changes)
        return await self._store.commit(changes, batches)


def _nothing(_: Sequence[Change]) -> None:
    pass


def watched(refuse: Callable[[Sequence[Change]], None] = _nothing) -> tuple[SmsWorld, Commits]:
    """A world, and what it commits."""
    store = MemoryStore()
    commits = Commits(store, refuse)
    return a_world(store=store, commit=commits), commits


def numbers(count: int) -> list[str]:
    """Different recipients."""
    return [f"+142555{number:05}" for number in range(10_000, 10_000 + count)]


async def outcomes(world: SmsWorld, to: Sequence[str]) -> list[bool]:
    """Whether the sends of one turn, one to each, were accepted; no other error is expected."""
    results = await asyncio.gather(*(world.send(each) for each in to), return_exceptions=True)
    assert all(isinstance(each, list | StoreError) for each in results)
    return [isinstance(each, list) for each in results]


async def test_sends_of_one_turn_share_a_commit_and_a_record_of_their_reports() -> None:
    """Each is answered its own message, and reported."""
    world, commits = watched()
    to = numbers(8)

    answers = await asyncio.gather(*(world.send(each) for each in to))

    assert len(commits.made) == 1
    assert len(await world.store.scan("sms-due")) == 1
    assert [result.to for [result] in answers] == to
    await world.advance(seconds=1)
    ids = {result.message_id for [result] in answers}
    assert {event["id"] for event in await world.events()} == ids
    assert len(ids) == len(await world.events()) == 8
    await world.engine.due_work.close()


async def test_sends_that_come_during_two_commits_share_the_next_one() -> None:
    """However many turns they come in; one commit is ready when another ends."""
    goes_on = asyncio.Event()
    store = MemoryStore()
    made: list[int] = []

    async def commit(changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        made.append(len(changes))
        await goes_on.wait()
        return await store.commit(changes, batches)

    world = a_world(store=store, commit=commit)
    sends = []
    for _ in range(7):
        sends.append(asyncio.create_task(world.send(PHONE)))
        for _ in range(5):
            await asyncio.sleep(0)
    assert made == [2, 2]
    goes_on.set()
    await asyncio.gather(*sends)

    assert made == [2, 2, 6]
    assert len(await world.store.scan("sms-messages")) == 7
    await world.engine.due_work.close()


async def test_commits_are_bounded() -> None:
    """Many sends at once need several; one that is larger has its own."""
    world, commits = watched()
    large = numbers(100)

    await asyncio.gather(*(world.send(*large) for _ in range(6)))

    puts = [sum(1 for each in made if _collection(each) != "sms-due") for made in commits.made]
    assert sum(puts) == 600
    assert max(puts) <= MOST_CHANGES
    due = [decode_due(record) for record in await world.store.scan("sms-due")]
    assert max(len(each.reports) for each in due if isinstance(each, ReportsDue)) == MOST_REPORTS
    await world.engine.due_work.close()


async def test_a_send_that_is_refused_takes_nobody_along() -> None:
    """What is refused together is tried again one by one."""
    to = numbers(6)

    def refuse(changes: Sequence[Change]) -> None:
        if any(isinstance(each, Put) and to[3].encode() in each.value for each in changes):
            raise StoreFullError("no room for this one")

    world, _ = watched(refuse)

    assert await outcomes(world, to) == [True, True, True, False, True, True]
    await world.advance(seconds=1)
    assert sorted(report["to"] for report in await world.reports()) == to[:3] + to[4:]
    await world.engine.due_work.close()


async def test_a_send_that_cannot_be_written_down_takes_nobody_along() -> None:
    """Whoever waits for it is told as well."""
    _, commits = watched()
    together = Together(commits, lambda _: None)
    plans = [_a_plan(number, at=0) for number in range(3)]
    plans[1].reports[0] = (0, msgspec.structs.replace(plans[1].reports[0][1], details="\ud800"))

    async with asyncio.timeout(1):
        ends = await asyncio.gather(*map(together.commit, plans), return_exceptions=True)

    assert [type(each) for each in ends] == [type(None), UnicodeEncodeError, type(None)]


async def test_repetition_among_others_answers_the_first_message(world: SmsWorld) -> None:
    """The commit that finds it is made again without it; nobody is sent to twice."""
    once = {"to": PHONE, "repeatabilityRequestId": str(uuid.uuid4())}
    [first] = await world.send(smsRecipients=[once])
    to = numbers(3)

    [*sent, [again], [twin]] = await asyncio.gather(
        *(world.send(each) for each in to),
        world.send(smsRecipients=[once]),
        world.send(smsRecipients=[once]),
    )

    assert again == twin == first
    assert [result.to for [result] in sent] == to
    await world.advance(seconds=1)
    assert sorted(report["to"] for report in await world.reports()) == sorted([PHONE, *to])


async def test_outcome_that_is_not_known_is_everybodys() -> None:
    """Nothing is tried again: it may have been durable."""

    def refuse(_: Sequence[Change]) -> None:
        raise CommitUnknownError("the disk is gone")

    world, commits = watched(refuse)

    assert await outcomes(world, numbers(4)) == [False] * 4
    assert len(commits.made) == 1
    await world.engine.due_work.close()


async def test_send_whose_caller_is_gone_is_sent(world: SmsWorld) -> None:
    """As are those that share its commit."""
    gone = asyncio.create_task(world.send(PHONE))
    stays = asyncio.create_task(world.send(PHONE))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait((gone, stays))

    assert gone.cancelled()
    assert not stays.cancelled()
    await world.advance(seconds=1)
    assert len(await world.reports()) == 2


async def test_reports_that_were_due_together_come_after_a_restart(world: SmsWorld) -> None:
    """More of them than one pass does; each once."""
    await asyncio.gather(*(world.send(*numbers(100)) for _ in range(6)))

    restarted = await world.restart()
    await restarted.advance(seconds=1)

    reports = await restarted.reports()
    assert len(reports) == len({report["messageId"] for report in reports}) == 600


@pytest.mark.parametrize(
    ("instants", "due"),
    [
        ([0, 0, 0], [0]),
        ([0, 1, 9], [9]),
        ([9, 3, 0], [9]),
        ([5, 15, 25], [5, 15, 25]),
        ([0, 1_000, 4], [4, 1_000]),
    ],
)
def test_no_report_comes_before_its_instant(instants: list[int], due: list[int]) -> None:
    """And none ten milliseconds after it, because of others."""
    plans = [_a_plan(number, at * MILLISECOND) for number, at in enumerate(instants)]

    changes, first = join(plans)

    assert first == due[0] * MILLISECOND
    assert [int(each.key.partition("/")[0]) for each in _puts(changes)] == [
        at * MILLISECOND for at in due
    ]
    reported = [report for each in _puts(changes) for report in _reports(each)]
    assert sorted(report.message_id for report in reported) == ["m0", "m1", "m2"]


def _a_plan(number: int, at: int) -> SendPlan:
    report = ReportDue(
        topic="t", message_id=f"m{number}", code=2000, details="No error.", attempts=()
    )
    return SendPlan(reports=[(at, report)])


def _collection(change: Change) -> str:
    return change.collection if isinstance(change, Put) else ""


def _puts(changes: Sequence[Change]) -> list[Put]:
    return [each for each in changes if isinstance(each, Put)]


def _reports(change: Put) -> Sequence[ReportDue]:
    record = Record(
        collection=change.collection, key=change.key, value=change.value, revision=1, position=0
    )
    match decode_due(record):
        case ReportsDue(reports=reports):
            return reports
        case ReportDue() as report:
            return (report,)
        case _:
            return ()
