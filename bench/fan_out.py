"""T6: how many POSTs a second are delivered when every event goes to ten webhooks?

The limit is wrk that posts the same delivery to nginx, on as many connections. The webhooks that
the server posts to compare every byte; their CPU is told, so that one sees whether they limit.
"""

import tempfile
from pathlib import Path

import msgspec
import trustme

from bench.bars import BARS
from bench.flow import (
    DELIVERY,
    JSON,
    POSTING,
    busy_note,
    flow,
    flow_server,
    job,
    repeated,
    warm,
    webhooks,
)
from bench.machine import LOADING, MEASURED, free_port, nginx, wrk
from bench.model import Result, judge

_WEBHOOKS = 10
# Few enough to wait in memory: what is read from the log again is measured elsewhere.
_BACKLOG, _PUBLISHERS = 500, 4
_WRK, _OURS = "wrk, POSTs/s", "delivered, POSTs/s"
_CPU, _WRK_CPU, _CHECK_CPU = "CPU us/POST", "wrk, CPU us/POST", "CPU of the webhooks us/POST"
_BUSY = "busy part of the load"

Certificate = tuple[Path, Path]


def measure(rounds: int, seconds: float) -> list[Result]:
    """T6 and T6 HTTPS."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        roots, certificate = _certificate(folder)
        return [
            _judged("T6", repeated(rounds, lambda: _one(seconds))),
            _judged("T6 HTTPS", repeated(rounds, lambda: _one(seconds, roots, certificate))),
        ]


def _certificate(folder: Path) -> tuple[Path, Certificate]:
    """The roots, and the chain and key of `localhost`."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    roots, chain, key = folder / "roots.pem", folder / "chain.pem", folder / "key.pem"
    authority.cert_pem.write_to_path(str(roots))
    issued.private_key_pem.write_to_path(str(key))
    chain.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    return roots, (chain, key)


def _one(
    seconds: float, roots: Path | None = None, certificate: Certificate | None = None
) -> dict[str, float]:
    port, scheme = free_port(), "https" if certificate else "http"
    with nginx(port, LOADING, certificate=certificate):
        url = f"{scheme}://127.0.0.1:{port}/0"
        limit = wrk(url, DELIVERY, JSON, connections=POSTING, seconds=seconds, core=MEASURED)
    hooks = webhooks(_WEBHOOKS, certificate=certificate)
    options = ("--webhook-ca", roots) if roots else ()
    with flow_server(hooks, *options) as running:
        warm(running, hooks, 100)
        found = flow(
            running,
            job(
                running,
                hooks,
                seconds=seconds,
                events=100,
                connections=_PUBLISHERS,
                backlog=_BACKLOG,
            ),
        )
    return {
        _WRK: limit.per_second,
        _OURS: found.per_second * _WEBHOOKS,
        _CPU: found.cpu_us / _WEBHOOKS,
        _WRK_CPU: limit.cpu_us,
        _CHECK_CPU: found.load_us / _WEBHOOKS,
        _BUSY: found.load_busy,
    }


def _judged(number: str, columns: dict[str, list[float]]) -> Result:
    result = judge(BARS[number], columns, lambda found: found[_OURS] / found[_WRK])
    ours, wrks, webhooks_own = (result.medians[each] for each in (_CPU, _WRK_CPU, _CHECK_CPU))
    note = (
        f"A POST costs {ours:.1f} us of CPU, its share of publishing included; wrk {wrks:.1f}. "
        f"By CPU time alone: {wrks / ours:.2f}. The webhooks, which check it on the "
        f"other core, spend {webhooks_own:.1f}. "
        f"{busy_note(result.medians[_BUSY])}"
    )
    return msgspec.structs.replace(result, note=note)
