"""Which reads run on a thread of their own?

Those of event bodies and of many rows: on the event loop they would hold everything else up.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Concatenate, ParamSpec, TypeVar

import apsw

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class ReaderThread:
    """A connection that only reads, and the one thread that uses it."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="switchhook-reader")

    async def read(
        self,
        query: Callable[Concatenate[apsw.Cursor, _Arguments], _Result],
        *arguments: _Arguments.args,
        **options: _Arguments.kwargs,
    ) -> _Result:
        """What the query answers; it sees what every finished commit wrote."""

        def work() -> _Result:
            # Closing the cursor ends the read transaction, which would hold up checkpoints.
            with closing(self._connection.cursor()) as cursor:
                return query(cursor, *arguments, **options)

        return await self.run(work)

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """What the work answers; no query runs meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Finish what was asked for, then close the connection."""
        self._thread.shutdown()
        self._connection.close()
