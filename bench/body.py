"""Which events do benchmarks publish?"""

import json

# Twelve places in the first event of a body, for a number that no other request has.
STAMP = "@" * 12
_ACCOUNT = (
    "/subscriptions/5f1d4e0a-7c2b-4e6f-9a41-0d3b8c6e2f17/resourceGroups/bakery"
    "/providers/Microsoft.Storage/storageAccounts/bakery"
)


def body(events: int) -> bytes:
    """A JSON array of so many events, of which the first has `STAMP` in its id."""
    each = (_event(number, "0" * 12 if number else STAMP) for number in range(events))
    return json.dumps(list(each), separators=(",", ":")).encode()


def _event(number: int, stamp: str) -> dict[str, object]:
    """What a storage account tells when a file was written: about 870 bytes."""
    file = f"2026/11/from-the-oven-in-the-yard/loaf-of-rye-{number:04}.jpg"
    return {
        "id": f"{stamp}-{number:04}-4c1e-9d27-58a0f3b6c1e2",
        "subject": f"/blobServices/default/containers/photos/blobs/{file}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": "2026-11-21T09:15:30.1234567Z",
        "dataVersion": "1.0",
        "data": {
            "api": "PutBlockList",
            "clientRequestId": f"7b0c9e52-31d8-4f6a-8e0d-{number:012}",
            "requestId": f"c4a1d3f8-501e-0062-7b9d-{number:012}",
            "eTag": f"0x8DE1C52A90B7{number:04X}",
            "contentType": "image/jpeg",
            "contentLength": 524_288 + number,
            "blobType": "BlockBlob",
            "url": f"https://bakery.blob.localhost/photos/{file}",
            "sequencer": f"00000000000000000000000000002A51000000000{number:07}",
            "storageDiagnostics": {"batchId": "e9f20b75-6006-0034-00d1-5bc2a4000000"},
            "account": _ACCOUNT,
        },
    }
