"""Is a history that the benchmark writes one that the engine reads?"""

from pathlib import Path

from bench.sms_histories import fill
from switchhook.communication import records
from switchhook.communication.chat import store as chat
from switchhook.communication.sms.store import DUE, MESSAGES, ExpiryDue, SmsRecords, decode_due
from switchhook.stores.sqlite import SqliteStore


async def test_history_has_reported_messages_that_expire(tmp_path: Path) -> None:
    async with SqliteStore.open(tmp_path) as store:
        await store.commit([records.put(chat.THREADS, "topic/19:thread", {})])

    await fill(tmp_path, 25)

    async with SqliteStore.open(tmp_path) as store:
        found = await records.under(store, MESSAGES, "topic")
        due = [decode_due(each) for each in await store.scan(DUE)]
        ids = [each.key.partition("/")[2] for each in found]
        messages = [await SmsRecords(store).message("topic", each) for each in ids]
    assert len(found) == 25
    assert all(each is not None and each.report is not None for each in messages)
    expiring = {key for each in due if isinstance(each, ExpiryDue) for key in each.messages}
    assert expiring == {each.key for each in found}
