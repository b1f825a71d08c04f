"""What do measurements make of what they counted?"""

import re
import tomllib

import pytest

from bench.flow import Floor, webhooks
from bench.isolation import DEAD, HEALTHY, HOSTILE, TENTH, judged
from bench.latency import at


def test_floor_shares_a_request_among_its_events() -> None:
    assert Floor(request_us=50.0, post_us=7.5).per_second(100) == pytest.approx(125_000)
    assert Floor(request_us=2.5, post_us=7.5).per_second(1) == pytest.approx(100_000)


def test_percentiles_are_those_of_all_latencies() -> None:
    latencies = [number / 100 for number in range(101)]

    assert at(latencies, 50) == pytest.approx(0.50)
    assert at(latencies, 99) == pytest.approx(0.99)


def test_each_subscription_has_a_path_of_its_own_and_a_port_in_turn() -> None:
    hooks = webhooks(4, endpoints=2, others=["http://127.0.0.1:1/"], batch=50)

    tables = tomllib.loads(hooks.config())["subscriptions"]

    first, second = hooks.ports
    assert [each["endpoint"] for each in tables] == [
        f"http://127.0.0.1:{first}/0",
        f"http://127.0.0.1:{second}/1",
        f"http://127.0.0.1:{first}/2",
        f"http://127.0.0.1:{second}/3",
        "http://127.0.0.1:1/",
    ]
    assert len({each["name"] for each in tables}) == 5
    assert {(each["validate"], each["maxEventsPerBatch"]) for each in tables} == {(False, 50)}


def test_worst_of_the_dead_webhooks_is_judged_and_of_the_hostile_ones_told() -> None:
    columns = {f"{what}, events/s": [100.0, 200.0] for what in (HEALTHY, *TENTH)}
    columns |= {f"{what}, CPU us/event": [1.0, 1.0] for what in (HEALTHY, *TENTH)}
    columns |= {f"{what}, rows/event": [0.0, 0.0] for what in TENTH}
    worst, flooding = DEAD[2], HOSTILE[1]
    columns[f"{worst}, events/s"] = [80.0, 160.0]
    columns[f"{flooding}, events/s"] = [50.0, 100.0]
    columns[f"{worst}, rows/event"] = [0.0, 0.5]

    throughput, hostile, rows = judged(columns)

    assert throughput.ratio == pytest.approx(0.8)
    assert throughput.met is False
    assert f"0.80 ({worst})" in throughput.note
    assert len(re.findall(r"1\.00 \(", throughput.note)) == len(DEAD) - 1
    assert hostile.ratio == pytest.approx(0.5)
    assert hostile.met is None
    assert f"0.50 ({flooding})" in hostile.note
    assert (rows.ratio, rows.high, rows.met) == (0.25, 0.5, False)
