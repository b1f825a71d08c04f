"""From publish to delivered, and everything that can come in between."""

from switchhook.grid.laggards import MAX_QUEUE_BYTES
from switchhook.grid.limits import Limits
from switchhook.grid.ports import Failure, WebhookRequest, WebhookResponse
from switchhook.grid.subscriptions import Filter, RetryPolicy, WebHookDestination
from tests.builders import a_subscription
from tests.flow.conftest import Flow, start
from tests.scripted_transport import always, in_turn


def _headers(flow: Flow, number: int = 0) -> dict[str, str]:
    lines = flow.transport.requests[number].headers.decode().split("\r\n")
    return dict(line.split(": ", 1) for line in lines if line)


async def test_published_events_reach_a_matching_webhook(flow: Flow) -> None:
    """Each event is a request of its own, with one array of one event."""
    await flow.subscribe()

    await flow.publish("a", "b")
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["a", "b"]


async def test_delivery_carries_the_headers_of_event_grid(flow: Flow) -> None:
    """Names are upper case and the count starts at 0, as in captured deliveries."""
    await flow.subscribe(name="my-hook")

    await flow.publish("a", dataVersion="2.0")
    await flow.engine.quiet()

    assert _headers(flow) == {
        "Content-Type": "application/json; charset=utf-8",
        "aeg-event-type": "Notification",
        "aeg-metadata-version": "1",
        "aeg-subscription-name": "MY-HOOK",
        "aeg-delivery-count": "0",
        "aeg-data-version": "2.0",
    }


async def test_filtered_event_is_not_delivered(flow: Flow) -> None:
    """The subject prefix selects."""
    await flow.subscribe(filter=Filter(subject_begins_with="invoices/"))

    await flow.publish("a", subject="orders/1")
    await flow.publish("b", subject="Invoices/1")
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["b"]


async def test_failed_delivery_is_repeated_by_the_schedule(flow: Flow) -> None:
    """10 s after the first failure, then 30 s after the second; the count rises."""
    await flow.subscribe()
    flow.transport.answer = in_turn(500, 500)

    await flow.publish("a")
    await flow.advance(seconds=9)
    before = len(flow.transport.requests)
    await flow.advance(seconds=1)
    second = len(flow.transport.requests)
    await flow.advance(seconds=30)

    assert (before, second, len(flow.transport.requests)) == (1, 2, 3)
    assert [_headers(flow, n)["aeg-delivery-count"] for n in range(3)] == ["0", "1", "2"]


async def test_event_is_dropped_when_its_attempts_are_used_up(flow: Flow) -> None:
    """The count includes the first attempt."""
    await flow.subscribe(retry_policy=RetryPolicy(max_delivery_attempts=3))
    flow.transport.answer = always(500)

    await flow.publish("a")
    await flow.advance(hours=24)

    assert len(flow.transport.requests) == 3
    assert await flow.waiting() == []


async def test_event_is_dropped_when_its_time_to_live_has_passed(flow: Flow) -> None:
    """Time to live is looked at when an attempt comes due: 0, 10, 40 s; 100 s is late."""
    await flow.subscribe(retry_policy=RetryPolicy(event_time_to_live_in_minutes=1))
    flow.transport.answer = always(500)

    await flow.publish("a")
    await flow.advance(hours=2)

    assert len(flow.transport.requests) == 3


async def test_expired_event_stays_until_its_next_attempt_is_due(flow: Flow) -> None:
    """Its time is over at 60 s; nobody notices before the attempt that would be at 100 s."""
    await flow.subscribe(retry_policy=RetryPolicy(event_time_to_live_in_minutes=1))
    flow.transport.answer = always(500)

    await flow.publish("a")
    await flow.advance(seconds=99)
    before = len(await flow.waiting())
    await flow.advance(seconds=1)

    assert (before, len(await flow.waiting())) == (1, 0)


async def test_six_attempts_fit_into_half_an_hour(flow: Flow) -> None:
    """The example of delivery-and-retry.md: a time to live of 30 minutes."""
    await flow.subscribe(retry_policy=RetryPolicy(event_time_to_live_in_minutes=30))
    flow.transport.answer = always(500)

    await flow.publish("a")
    await flow.advance(hours=24)

    assert len(flow.transport.requests) == 6


async def test_probation_is_that_of_one_subscription(flow: Flow) -> None:
    """Another one to the same endpoint goes on."""
    await flow.subscribe(incarnation="s1", name="failing")
    await flow.subscribe(incarnation="s2", name="working")
    flow.transport.answer = lambda request: WebhookResponse(
        status=404 if b"FAILING" in request.headers else 200
    )
    await flow.publish(*(f"event-{n}" for n in range(10)))
    await flow.engine.quiet()
    flow.transport.requests.clear()

    await flow.publish("late")
    await flow.engine.quiet()

    (request,) = flow.transport.requests
    assert b"WORKING" in request.headers


class _Tokens:
    def token_for(self, tenant_id: str, audience: str) -> str:
        return f"{tenant_id}.{audience}"


async def test_delivery_to_a_protected_webhook_has_its_token(flow: Flow) -> None:
    """That of its tenant and application, on each attempt; others get none."""
    flow = await start(flow.store, flow.clock, flow.topic, tokens=_Tokens())
    protected = WebHookDestination(
        endpoint_url="https://h/protected", tenant_id="tenant", application_id_or_uri="api://hook"
    )
    await flow.subscribe(incarnation="s1", destination=protected)
    await flow.subscribe(incarnation="s2")
    flow.transport.answer = in_turn(500, 500)

    await flow.publish("a")
    await flow.advance(seconds=10)

    tokens = [
        b"Authorization: Bearer tenant.api://hook" in r.headers for r in _to(flow, "protected")
    ]
    assert tokens == [True, True]
    assert all(b"Authorization" not in r.headers for r in _to(flow, "hook"))


def _to(flow: Flow, end: str) -> list[WebhookRequest]:
    found = [request for request in flow.transport.requests if request.url.endswith(end)]
    assert found
    return found


async def test_status_that_is_never_retried_ends_the_delivery(flow: Flow) -> None:
    """400 is final."""
    await flow.subscribe()
    flow.transport.answer = always(400)

    await flow.publish("a")
    await flow.advance(hours=24)

    assert len(flow.transport.requests) == 1


async def test_ten_failures_in_a_row_park_the_subscription(flow: Flow) -> None:
    """New events wait in the log; after the probation the oldest alone finds out."""
    await flow.subscribe()
    flow.transport.answer = always(503)

    await flow.publish(*(f"first-{n}" for n in range(10)))
    await flow.engine.quiet()
    await flow.publish(*(f"later-{n}" for n in range(500)))
    await flow.advance(seconds=9)
    parked = len(flow.transport.requests)
    await flow.advance(seconds=1)

    assert parked == 10
    assert flow.transport.delivered_ids[10:] == ["first-0"]
    assert len(await flow.waiting()) == 10


async def test_parked_subscription_recovers_and_loses_nothing(flow: Flow) -> None:
    """Once the probe succeeds, waiting events and the backlog are delivered."""
    await flow.subscribe()
    flow.transport.answer = always(503)
    ids = [f"event-{n}" for n in range(300)]

    await flow.publish(*ids)
    await flow.engine.quiet()
    flow.transport.answer = always(200)
    await flow.advance(minutes=10)

    assert set(flow.transport.delivered_ids) == set(ids)
    assert await flow.waiting() == []


async def test_outage_of_an_hour_loses_nothing(flow: Flow) -> None:
    """Probes of the oldest event do not use up its attempts."""
    await flow.subscribe()
    flow.transport.answer = always(500)
    await flow.publish(*(f"event-{n}" for n in range(20)))
    await flow.advance(hours=1)
    flow.transport.answer = always(200)
    asked = len(flow.transport.requests)

    await flow.advance(hours=12)

    assert len(set(flow.transport.delivered_ids[asked:])) == 20


async def test_parking_is_not_an_attempt(flow: Flow) -> None:
    """An event that met only the probation has its first attempt still before it."""
    await flow.subscribe(retry_policy=RetryPolicy(max_delivery_attempts=1))
    flow.transport.answer = always(503)
    await flow.publish(*(f"first-{n}" for n in range(10)))
    await flow.engine.quiet()

    await flow.publish("later")
    flow.transport.answer = always(200)
    await flow.advance(seconds=10)

    assert flow.transport.delivered_ids[-1] == "later"
    assert _headers(flow, -1)["aeg-delivery-count"] == "0"


async def test_time_to_live_runs_while_parked(flow: Flow) -> None:
    """A backlog that nobody could deliver expires, unread."""
    await flow.subscribe(retry_policy=RetryPolicy(event_time_to_live_in_minutes=5))
    flow.transport.answer = always(404)
    await flow.publish(*(f"event-{n}" for n in range(100)))
    await flow.advance(minutes=6)
    await flow.engine.upkeep()
    asked = len(flow.transport.requests)

    flow.transport.answer = always(200)
    await flow.advance(hours=1)

    assert flow.transport.requests[asked:] == []
    assert await flow.waiting() == []


async def test_full_queue_reads_the_log(flow: Flow) -> None:
    """A subscription that falls behind leaves memory and still gets every event, in order."""
    flow = await flow.restarted(limits=Limits(in_flight=1, queue_length=5))
    await flow.subscribe()
    ids = [f"event-{n}" for n in range(200)]

    await flow.publish(*ids)
    held = len(flow.engine.router.queues["s1"].first_attempts)
    await flow.engine.quiet()

    assert held <= 5
    assert flow.transport.delivered_ids == ids


async def test_queue_of_large_events_reads_the_log(flow: Flow) -> None:
    """What waits in memory is bounded in bytes as well."""
    flow = await flow.restarted(limits=Limits(in_flight=1))
    await flow.subscribe()
    queue = flow.engine.router.queues["s1"]
    large = "x" * (MAX_QUEUE_BYTES // 16)
    ids = [f"event-{n}" for n in range(40)]

    flow.transport.answer = lambda _: None
    most = 0
    for name in ids:
        await flow.publish(name, data=large)
        most = max(most, len(queue.first_attempts))
    flow.transport.answer = always(200)
    flow.transport.release(WebhookResponse(status=200))
    await flow.engine.quiet()

    assert 0 < most <= 16
    assert flow.transport.delivered_ids == ids
    assert queue.waiting_bytes == 0


async def test_hanging_webhook_does_not_delay_another(flow: Flow) -> None:
    """Each subscription has its own requests in flight."""
    slow = WebHookDestination(endpoint_url="http://127.0.0.1:9/slow")
    await flow.subscribe(incarnation="slow", destination=slow)
    await flow.subscribe(incarnation="fast")
    flow.transport.answer = lambda request: (
        None if request.url.endswith("slow") else WebhookResponse(status=200)
    )
    ids = [f"event-{n}" for n in range(200)]

    await flow.publish(*ids)
    while flow.engine.deliverer.in_flight > 64:
        await flow.attempt_ended()

    fast = [r for r in flow.transport.requests if r.url.endswith("hook")]
    assert len(fast) == 200


async def test_killed_server_delivers_what_it_had_accepted(flow: Flow) -> None:
    """Nothing acknowledged is lost; what was delivered after the checkpoint comes twice."""
    await flow.subscribe()
    await flow.publish("before")
    await flow.engine.quiet()
    await flow.engine.checkpoint.write()
    flow.transport.answer = lambda _: None
    await flow.publish("after-1", "after-2")

    revived = await flow.restarted()
    await revived.engine.quiet()

    assert revived.transport.delivered_ids == ["after-1", "after-2"]


async def test_clean_stop_repeats_nothing(flow: Flow) -> None:
    """The last checkpoint covers all that was delivered."""
    await flow.subscribe()
    await flow.publish("a")
    await flow.engine.quiet()

    revived = await flow.restarted(clean=True)
    await revived.engine.quiet()

    assert revived.transport.requests == []


async def test_attempt_that_outlives_the_grace_period_is_repeated_alone(flow: Flow) -> None:
    """What was delivered after it is not."""
    await flow.subscribe()
    answers = iter([None])
    flow.transport.answer = lambda _: next(answers, WebhookResponse(status=200))
    await flow.publish("hangs", "a", "b")
    while flow.engine.deliverer.in_flight > 1:
        await flow.attempt_ended()

    revived = await flow.restarted(clean=True)
    await revived.engine.quiet()

    assert revived.transport.delivered_ids == ["hangs"]


async def test_waiting_delivery_survives_a_kill_with_its_attempts(flow: Flow) -> None:
    """The row and the cursor that passes it are one commit, and the count goes on."""
    await flow.subscribe()
    flow.transport.answer = always(500)
    await flow.publish("a")
    await flow.engine.quiet()
    await flow.engine.checkpoint.write()

    revived = await flow.restarted()
    await revived.advance(seconds=10)

    assert revived.transport.delivered_ids == ["a"]
    assert _headers(revived)["aeg-delivery-count"] == "1"


async def test_delivery_written_down_behind_the_cursor_is_not_taken_twice(flow: Flow) -> None:
    """An event that waits is not matched again from the log although the cursor is before it."""
    await flow.subscribe()
    answers = iter([None, WebhookResponse(status=500)])
    flow.transport.answer = lambda _: next(answers)
    await flow.publish("hangs", "waits")
    while flow.engine.deliverer.in_flight > 1:
        await flow.attempt_ended()
    await flow.engine.checkpoint.write()

    revived = await flow.restarted()
    await revived.engine.quiet()
    now = revived.transport.delivered_ids
    await revived.advance(minutes=1)

    assert now == ["hangs"]
    assert revived.transport.delivered_ids == ["hangs", "waits"]


async def test_update_leaves_earlier_events_to_the_old_version(flow: Flow) -> None:
    """Events before the update are matched and retried by the version before it."""
    flow.transport.answer = in_turn(500)
    await flow.subscribe()
    await flow.publish("early")
    await flow.engine.quiet()
    new = WebHookDestination(endpoint_url="http://127.0.0.1:9/new")
    await flow.put(a_subscription(version=2, destination=new))

    await flow.publish("late")
    await flow.advance(seconds=10)

    urls = {r.url[-4:] for r in flow.transport.requests if b'"early"' in r.body}
    assert urls == {"hook"}
    assert flow.transport.requests[1].url.endswith("/new")


async def test_backlog_is_split_between_versions_after_a_restart(flow: Flow) -> None:
    """A subscription that lags reads each event with the filter that was in force for it."""
    flow.transport.answer = lambda _: None
    await flow.subscribe(filter=Filter(subject_begins_with="old/"))
    await flow.publish("1", subject="old/x")
    await flow.publish("2", subject="new/x")
    await flow.engine.checkpoint.write()
    await flow.put(a_subscription(version=2, filter=Filter(subject_begins_with="new/")))
    await flow.publish("3", subject="old/x")
    await flow.publish("4", subject="new/x")

    revived = await flow.restarted()
    await revived.engine.quiet()

    assert revived.transport.delivered_ids == ["1", "4"]


async def test_deleted_subscription_gets_nothing_more(flow: Flow) -> None:
    """Deletion drops what is pending; the same name again inherits nothing."""
    await flow.subscribe()
    flow.transport.answer = always(500)
    await flow.publish("a")
    await flow.engine.quiet()
    await flow.unsubscribe("s1")
    await flow.subscribe(incarnation="s2")
    flow.transport.answer = always(200)

    await flow.advance(hours=1)

    assert len(flow.transport.requests) == 1
    assert await flow.waiting() == []


async def test_new_subscription_gets_only_later_events(flow: Flow) -> None:
    """It starts at the position where it came into force."""
    await flow.publish("before")
    await flow.subscribe()

    await flow.publish("after")
    await flow.engine.quiet()
    revived = await flow.restarted()
    await revived.engine.quiet()

    assert flow.transport.delivered_ids == ["after"]
    assert "before" not in revived.transport.delivered_ids


async def test_minimum_wait_of_a_status_is_kept(flow: Flow) -> None:
    """503 is repeated after 30 s at the earliest, 408 after two minutes."""
    await flow.subscribe()
    flow.transport.answer = in_turn(408)
    await flow.publish("a")

    await flow.advance(seconds=119)
    early = len(flow.transport.requests)
    await flow.advance(seconds=1)

    assert (early, len(flow.transport.requests)) == (1, 2)


async def test_idle_subscription_has_no_cursor_row(flow: Flow) -> None:
    """The watermark is its cursor, so that it neither pins the log nor is scanned again."""
    await flow.subscribe()
    await flow.subscribe(incarnation="idle", filter=Filter(subject_begins_with="never/"))
    await flow.publish(*(f"event-{n}" for n in range(20)))
    await flow.engine.quiet()
    await flow.engine.checkpoint.write()

    assert await flow.store.cursors() == []
    assert await flow.store.watermark() == flow.engine.router.head


async def test_cursor_follows_each_answer(flow: Flow) -> None:
    """Checkpoints go on looking at a queue for as long as it has requests in flight."""
    await flow.subscribe()
    await flow.engine.checkpoint.write()
    flow.transport.answer = lambda _: None
    await flow.publish("a", "b")
    seen = []
    for _ in range(2):
        await flow.engine.checkpoint.write()
        seen.append([cursor.position for cursor in await flow.store.cursors()])
        flow.transport.release(WebhookResponse(status=200), 1)
    await flow.engine.checkpoint.write()

    assert seen == [[0], [1]]
    assert (await flow.store.cursors(), await flow.store.watermark()) == ([], 2)


async def test_hung_attempt_does_not_hold_the_cursor(flow: Flow) -> None:
    """After a second it is written down, so that a crash repeats it alone."""
    await flow.subscribe()
    answers = iter([None])
    flow.transport.answer = lambda _: next(answers, WebhookResponse(status=200))
    await flow.publish("hangs", *(f"event-{n}" for n in range(20)))
    while flow.engine.deliverer.in_flight > 1:
        await flow.attempt_ended()
    queue = flow.engine.router.queues["s1"]
    (request,) = queue.in_flight
    request.began -= 2
    await flow.engine.checkpoint.write()

    revived = await flow.restarted()
    await revived.engine.quiet()

    assert revived.transport.delivered_ids == ["hangs"]


async def test_hung_attempt_that_fails_at_last_is_retried(flow: Flow) -> None:
    """Its row becomes that of a delivery that waits."""
    await flow.subscribe()
    flow.transport.answer = lambda _: None
    await flow.publish("hangs")
    queue = flow.engine.router.queues["s1"]
    (request,) = queue.in_flight
    request.began -= 2
    await flow.engine.checkpoint.write()
    flow.transport.answer = always(200)

    flow.transport.release(WebhookResponse(failure=Failure.TIMED_OUT))
    await flow.advance(seconds=10)

    assert flow.transport.delivered_ids == ["hangs", "hangs"]
    assert await flow.waiting() == []


async def test_finished_events_leave_the_log_after_the_retention(flow: Flow) -> None:
    """24 hours by default."""
    await flow.publish("a")
    await flow.engine.checkpoint.write()

    await flow.advance(hours=23)
    await flow.engine.upkeep()
    kept = flow.store.extent()
    await flow.advance(hours=2)
    await flow.engine.upkeep()

    assert kept.first < kept.end
    assert flow.store.extent().first == flow.store.extent().end
