"""Who is sent again, when many wait? Nobody's retries hold up another's."""

import pytest

from switchhook.grid.due import MAX_RETRIES
from switchhook.grid.ports import WebhookRequest, WebhookResponse
from switchhook.grid.subscriptions import (
    DeadLetterDestination,
    DeliverySettings,
    Filter,
    RetryPolicy,
    WebHookDestination,
)
from tests.flow.conftest import Flow
from tests.scripted_transport import Answer, always, in_turn


async def _subscribe(flow: Flow, name: str) -> None:
    await flow.subscribe(
        incarnation=name,
        name=name,
        destination=WebHookDestination(endpoint_url=f"http://127.0.0.1:9/{name}"),
        filter=Filter(subject_begins_with=f"{name}/"),
    )


def _of(flow: Flow, name: str) -> list[WebhookRequest]:
    return [request for request in flow.transport.requests if request.url.endswith(name)]


def _by_name(**answers: int | None) -> Answer:
    def answer(request: WebhookRequest) -> WebhookResponse | None:
        status = answers[request.url.rpartition("/")[2]]
        return None if status is None else WebhookResponse(status=status)

    return answer


async def _fail_one_by_one(flow: Flow, name: str, count: int) -> None:
    """So many events wait for a retry; a success now and then keeps the subscription unparked."""
    flow.transport.answer = in_turn(*(200 if n % 9 == 8 else 500 for n in range(count)))
    await flow.publish(*(f"{name}-{n}" for n in range(count)), subject=f"{name}/1")
    await flow.engine.quiet()


async def test_retries_of_a_slow_endpoint_hold_up_no_other(flow: Flow) -> None:
    """More of its rows are due than may be in memory, and all are due before the other's."""
    await _subscribe(flow, "slow")
    await _subscribe(flow, "fast")
    await _fail_one_by_one(flow, "slow", 4 * MAX_RETRIES)
    await _fail_one_by_one(flow, "fast", 5)
    flow.transport.answer = _by_name(slow=None, fast=200)
    before = len(_of(flow, "fast"))
    flow.clock._quiescence.clear()
    await flow.advance(seconds=10)
    for _ in range(20):
        await flow.engine.turn()
    queue = flow.engine.router.queues["slow"]

    assert len(_of(flow, "fast")) - before == 5
    assert len(queue.retries) <= MAX_RETRIES


async def test_hanging_first_attempts_hold_up_no_retry(flow: Flow) -> None:
    """They are written down as waiting, which is not a place in memory for retries."""
    for number in range(10):
        await _subscribe(flow, f"slow{number}")
    await _subscribe(flow, "fast")
    await _fail_one_by_one(flow, "fast", 5)
    flow.transport.answer = lambda request: (
        None if "slow" in request.url else WebhookResponse(status=200)
    )
    for number in range(10):
        await flow.publish(*(f"e{n}" for n in range(64)), subject=f"slow{number}/1")
    await flow.engine.checkpoint.write(hung_after=0)
    before = len(_of(flow, "fast"))
    flow.clock._quiescence.clear()
    await flow.advance(seconds=10)
    for _ in range(20):
        await flow.engine.turn()

    assert len(_of(flow, "fast")) - before == 5


async def test_rows_left_for_want_of_room_are_taken_up(flow: Flow) -> None:
    """As room comes free, until all are sent."""
    await _subscribe(flow, "s1")
    count = 4 * MAX_RETRIES
    await _fail_one_by_one(flow, "s1", count)
    flow.transport.answer = always(200)
    await flow.advance(seconds=10)

    assert len(set(flow.transport.delivered_ids[count:])) == count - count // 9
    assert await flow.waiting() == []


@pytest.mark.parametrize("status", [500, 503, 404])
async def test_due_rows_of_a_parked_endpoint_are_not_written_again(flow: Flow, status: int) -> None:
    """They stay as they are: it is parked, however long, at the cost of its probes alone."""
    await flow.subscribe(retry_policy=RetryPolicy(max_delivery_attempts=30))
    await _fail_one_by_one(flow, "s1", 300)
    flow.transport.answer = always(status)
    await flow.publish(*(f"more-{n}" for n in range(10)))
    await flow.engine.quiet()
    before = {row.position: row for row in await flow.waiting()}
    await flow.advance(minutes=3)
    after = {row.position: row for row in await flow.waiting()}
    changed = [position for position, row in before.items() if after[position] != row]

    assert flow.engine.router.queues["s1"].parked_until is not None
    assert len(changed) < 64


async def test_dead_letter_is_written_while_its_subscription_stands_still(flow: Flow) -> None:
    """Retries that are due and not sent stand before it."""
    await flow.subscribe(
        dead_letter_destination=DeadLetterDestination(resource_id="/a", container="c")
    )
    flow.transport.answer = in_turn(500, 400)
    await flow.publish("retried", "rejected")
    await flow.engine.quiet()
    flow.engine.router.configure("s1", DeliverySettings(is_paused=True))
    await flow.advance(minutes=6)

    assert [event["id"] for event in flow.dead_letters.events] == ["rejected"]
