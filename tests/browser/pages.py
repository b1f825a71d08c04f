"""Pages in Chromium, each with the official chat client of one user."""

import asyncio
import contextlib
import itertools
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.node import CLIENTS, go_without, node_with_clients

SCRIPT = CLIENTS.parent / "realtime/pages.mjs"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WITHIN = 60.0  # seconds: the client itself waits for up to 30 before it connects again

# A page's bundle and its events stand in one line each.
_LINE_LIMIT = 1 << 24


def chromium() -> str:
    """The path of a browser; without it the test skips on a laptop and fails where CI is set."""
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return found
    go_without("no Chromium is installed: `tools/setup-browser` installs it")
    raise AssertionError


class Pages:
    """A browser, and the pages in it."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log
        self._ids = itertools.count(1)
        self._orders: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reader = asyncio.create_task(self._read())

    async def run(self, page: str, script: str) -> Any:
        """The value of a JavaScript expression in a page, awaited there."""
        return await self._order(page, script)

    async def close_page(self, page: str) -> None:
        """End a page, and with it its connections."""
        await self._order(page, None)

    async def _order(self, page: str, script: str | None) -> Any:
        id_ = next(self._ids)
        self._orders[id_] = asyncio.get_running_loop().create_future()
        order = {"id": id_, "page": page} | ({"run": script} if script is not None else {})
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        try:
            async with asyncio.timeout(WITHIN):
                answer = await self._orders[id_]
        except TimeoutError:
            raise AssertionError(f"{page}: {script}\n{self._said()}") from None
        assert "error" not in answer, f"{page}: {script}\n{answer['error']}\n{self._said()}"
        return answer["result"]

    async def heard(self, page: str, event: str) -> Any:
        """The next event of that name in a page."""
        return await self.run(page, f"page.next({json.dumps(event)})")

    async def close(self) -> None:
        """End the browser."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(WITHIN):
            await self._process.wait()
        await self._reader

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            answer = json.loads(line)
            order = self._orders.get(answer.get("id", 0))
            if order is not None and not order.done():
                order.set_result(answer)
        for order in self._orders.values():
            if not order.done():
                order.set_result({"error": "the browser has ended"})

    def _said(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]


@contextlib.asynccontextmanager
async def running_browser(log: Path) -> AsyncIterator[Pages]:
    """Start the browser; what its pages say on their consoles goes to `log`."""
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            node_with_clients(),
            str(SCRIPT),
            chromium(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            limit=_LINE_LIMIT,
            env={name: value for name, value in os.environ.items() if name != "NODE_OPTIONS"},
        )
    pages = Pages(process, log)
    try:
        yield pages
    finally:
        await pages.close()
