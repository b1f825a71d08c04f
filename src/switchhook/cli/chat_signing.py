"""How does a client sign a request with a resource's access key?

The scheme of every Communication Services client: `_shared/policy` of azure-communication-identity.
"""

import base64
import hashlib
import hmac
from email.utils import formatdate

_SIGNED = "x-ms-date;host;x-ms-content-sha256"


def signed_headers(
    method: str, target: str, *, host: str, body: bytes, key: str, now: float
) -> dict[str, str]:
    """The headers that sign a request; `key` is base64 text, `now` in seconds since the epoch."""
    date = formatdate(now, usegmt=True)
    content_hash = base64.b64encode(hashlib.sha256(body).digest()).decode()
    text = f"{method}\n{target}\n{date};{host};{content_hash}"
    digest = hmac.digest(base64.b64decode(key), text.encode(), "sha256")
    signature = base64.b64encode(digest).decode()
    return {
        "x-ms-date": date,
        "x-ms-content-sha256": content_hash,
        "Authorization": f"HMAC-SHA256 SignedHeaders={_SIGNED}&Signature={signature}",
    }
