"""What becomes of metadata that a request changes?

Updates are merge patches (`application/merge-patch+json`, RFC 7396), pair by pair: the live tests
of the .NET client (ChatClientsLiveTests) find all pairs kept where an update's metadata is empty,
and a pair gone that was given an empty value.
"""

from collections.abc import Mapping

from msgspec import UnsetType

from switchhook.communication.chat.request_values import MAX_METADATA_BYTES, check_metadata

# An absent patch changes nothing, None takes all pairs away, "" takes its pair away.
MetadataPatch = dict[str, str] | UnsetType | None


def merge(
    metadata: Mapping[str, str], patch: MetadataPatch, limit: int = MAX_METADATA_BYTES
) -> dict[str, str]:
    """The metadata after a patch.

    Raises:
        RequestError: 400, it has over `limit` bytes then.
    """
    if patch is None:
        return {}
    if isinstance(patch, UnsetType):
        return dict(metadata)
    kept = {name: value for name, value in metadata.items() if name not in patch}
    merged = kept | {name: value for name, value in patch.items() if value}
    check_metadata(merged, limit=limit)
    return merged
