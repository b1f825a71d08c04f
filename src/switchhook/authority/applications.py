"""Which applications are registered, and is this one of their secrets?"""

import hmac
import secrets

from switchhook import defaults
from switchhook.authority.secret_file import load_or_create
from switchhook.settings import Settings, is_exposed

SECRET_FILE = "client-secret"  # noqa: S105 - the name of a file


class Applications:
    """The registered applications: client id to secret.

    The managed identity is one without a secret: it gets its tokens by being on this machine.
    """

    def __init__(self, secrets_by_id: dict[str, str]) -> None:
        self._secrets = {name.lower(): text.encode() for name, text in secrets_by_id.items()}

    def __contains__(self, client_id: str) -> bool:
        """Whether tokens of this application are accepted."""
        return client_id == defaults.MANAGED_IDENTITY_ID or self.has_secret(client_id)

    def has_secret(self, client_id: str) -> bool:
        """Whether the application can ask for tokens with a secret."""
        return client_id.lower() in self._secrets

    def opens(self, client_id: str, secret: str) -> bool:
        """Whether the secret is the application's, compared in constant time."""
        own = self._secrets.get(client_id.lower())
        given = secret.encode("utf-8", "surrogatepass")
        return own is not None and hmac.compare_digest(given, own)


def application_secret(settings: Settings) -> str:
    """The secret of the default application.

    The setting, if there is one. Otherwise the secret that everybody knows, as long as only this
    machine reaches the server; where others do, by its address or through a proxy, one of the data
    folder's own, made at the first such start.

    Raises:
        StartError: that file cannot be read or written.
    """
    if settings.client_secret is not None:
        return settings.client_secret
    if not is_exposed(settings):
        return defaults.CLIENT_SECRET
    path = settings.data / SECRET_FILE
    content = load_or_create(path, lambda: secrets.token_urlsafe(32).encode())
    return content.decode("utf-8", "replace").strip()
