"""Which messages wait for their report? It comes so soon that few need to be read for it."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from switchhook.communication.sms.store import SmsMessage, SmsRecords

# So many messages are kept, of at most 2,048 characters each.
CAPACITY = 4096


class Unreported:
    """The messages that were sent last, until they are asked for; all others are read."""

    def __init__(self, records: SmsRecords, *, capacity: int = CAPACITY) -> None:
        self._records = records
        self._capacity = capacity
        self._messages: OrderedDict[str, SmsMessage] = OrderedDict()
        # Topics whose records are being deleted: what the store has of them is what counts.
        self._forgotten: set[str] = set()

    def add(self, topic: str, messages: Mapping[str, SmsMessage]) -> None:
        """These are about to become durable, by their keys; nobody can ask for them before."""
        if topic not in self._forgotten:
            self._messages.update(messages)
            while len(self._messages) > self._capacity:
                self._messages.popitem(last=False)

    def take(self, message_key: str) -> SmsMessage | None:
        """The message as it is, once, if it is known: whoever asks again may find it changed."""
        return self._messages.pop(message_key, None)

    async def read(self, topic: str, message_id: str) -> SmsMessage | None:
        """The message as it was stored."""
        return await self._records.message(topic, message_id)

    @contextmanager
    def forgetting(self, topic: str) -> Iterator[None]:
        """The store deletes what it has of a topic meanwhile."""
        for each in [found for found in self._messages if found.startswith(topic + "/")]:
            del self._messages[each]
        self._forgotten.add(topic)
        try:
            yield
        finally:
            self._forgotten.discard(topic)
