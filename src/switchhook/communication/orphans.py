"""What is left of resources that are gone?

A resource is gone in one commit; what the engines keep of it goes in many more, and a run may end
before the last of them.
"""

from switchhook.communication import presence_store
from switchhook.communication.chat import store as chat_store
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.identity import store as identity_store
from switchhook.communication.sms import store as sms_store
from switchhook.grid.ports import Records

COLLECTIONS = (
    *sms_store.KEPT,
    *identity_store.KEPT,
    *chat_store.KEPT,
    presence_store.USERS,
)


async def orphaned_topics(records: Records, directory: CommunicationDirectory) -> set[str]:
    """The topics of which something is kept and that belong to no resource; one look for each.

    The directory must be complete.
    """
    found: set[str] = set()
    for collection in COLLECTIONS:
        start = ""
        while first := await records.scan(collection, start=start, limit=1):
            topic = first[0].key.partition("/")[0]
            if directory.by_topic(topic) is None:
                found.add(topic)
            start = f"{topic}0"  # "0" is the character after "/"
    return found
