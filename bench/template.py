"""Which events does a flow of them publish, and which bytes must then be delivered?

Every event is the same text around a number of fixed width: one is made, and checked, without
writing or reading JSON.
"""

import json

import msgspec

DIGITS = 12
# Stands where a number goes that no other request has.
STAMP = "@" * DIGITS
_ID = "c4a1d3f8-501e-0062-event-"


class Template(msgspec.Struct, frozen=True):
    """An event: what comes before its number, and what comes after it."""

    before: bytes
    after: bytes

    @property
    def size(self) -> int:
        """The bytes of an event."""
        return len(self.before) + DIGITS + len(self.after)

    def event(self, number: int) -> bytes:
        """The event with that number."""
        return b"%b%012d%b" % (self.before, number, self.after)

    def array(self, first: int, count: int) -> bytes:
        """So many events from that number on, as a JSON array."""
        return b"[" + b",".join(map(self.event, range(first, first + count))) + b"]"

    def stamped(self, count: int) -> bytes:
        """The same, where the first has `STAMP` for a number."""
        others = map(self.event, range(1, count))
        first = self.before + STAMP.encode() + self.after
        return b"[" + b",".join([first, *others]) + b"]"

    def places(self, count: int) -> range:
        """Where the numbers stand in an array of so many events."""
        first = 1 + len(self.before)
        return range(first, first + count * (self.size + 1), self.size + 1)


def event_id(number: int) -> str:
    """The id of the published event with that number."""
    return f"{_ID}{number:0{DIGITS}}"


def published() -> Template:
    """What a storage account tells when a file was written: about 870 bytes."""
    account = "/subscriptions/5f1d4e0a-7c2b-4e6f-9a41-0d3b8c6e2f17/resourceGroups/bakery"
    file = "2026/11/from-the-oven-in-the-yard/loaf-of-rye.jpg"
    event = {
        "id": f"{_ID}{STAMP}",
        "subject": f"/blobServices/default/containers/photos/blobs/{file}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": "2026-11-21T09:15:30.1234567Z",
        "dataVersion": "1.0",
        "data": {
            "api": "PutBlockList",
            "clientRequestId": "7b0c9e52-31d8-4f6a-8e0d-2f9ab1c7d604",
            "requestId": "c4a1d3f8-501e-0062-7b9d-58a0f3b6c1e2",
            "eTag": "0x8DE1C52A90B7A51",
            "contentType": "image/jpeg",
            "contentLength": 524_288,
            "blobType": "BlockBlob",
            "url": f"https://bakery.blob.localhost/photos/{file}",
            "sequencer": "00000000000000000000000000002A510000000007C1E2A5",
            "storageDiagnostics": {"batchId": "e9f20b75-6006-0034-00d1-5bc2a4000000"},
            "account": f"{account}/providers/Microsoft.Storage/storageAccounts/bakery",
        },
    }
    before, after = json.dumps(event, separators=(",", ":")).encode().split(STAMP.encode())
    return Template(before, after)


def delivered(event: Template, topic: str) -> Template:
    """The same event as a webhook gets it: with what the service appends."""
    owed = f',"metadataVersion":"1","topic":{json.dumps(topic)}}}'
    return Template(event.before, event.after.removesuffix(b"}") + owed.encode())
