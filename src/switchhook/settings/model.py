"""Which options are there? The fields of `Settings`, each with its default and its meaning."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import platformdirs

from switchhook import defaults
from switchhook.settings import kinds
from switchhook.settings.kinds import Kind
from switchhook.settings.storage_accounts import StorageAccount

# Tables of the TOML file that describe resources; whoever owns the resource checks them.
RESOURCE_TABLES = ("communication", "numbers", "topics", "domains", "subscriptions")


class LogFullAction(StrEnum):
    """What to do when the log is at its size cap and no event in it is finished."""

    REFUSE = "refuse"
    DROP_OLDEST_UNFINISHED = "drop-oldest-unfinished"


class ChatRateLimits(StrEnum):
    """Whether chat refuses who asks too often."""

    AZURE = "azure"
    OFF = "off"


@dataclass(frozen=True)
class About:
    """What belongs to a field of `Settings` besides its type.

    `shown` is the default for people, where the value itself says little. `is_flag` is false for
    secrets, which every user of the machine could read in the list of processes.
    """

    kind: Kind
    meaning: str
    shown: str = ""
    is_flag: bool = True


@dataclass(frozen=True)
class Option:
    """A field of `Settings` as flags, variables, the TOML file and the reference see it."""

    name: str
    about: About
    default: str

    @property
    def flag(self) -> str:
        """Its spelling on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """Its spelling in the environment."""
        return "SWITCHHOOK_" + self.name.upper()


def _user_folder(name: str) -> Path:
    return platformdirs.user_data_path("switchhook") / name


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a server runs. Values are checked by `read_settings`, not here."""

    data: Annotated[
        Path,
        About(
            kinds.FOLDER,
            "Folder of everything that is kept: events, resources, messages.",
            shown="`data` in the platform's folder for user data",
        ),
    ] = field(default_factory=lambda: _user_folder("data"))
    ephemeral: Annotated[
        bool, About(kinds.BOOLEAN, "Keep everything in a throw-away folder, removed at the end.")
    ] = False
    host: Annotated[
        str,
        About(kinds.NAME, "Address to listen on. Any other than loopback needs keys of your own."),
    ] = "127.0.0.1"
    http_port: Annotated[int, About(kinds.PORT, "Port for HTTP; 0 takes a free one.")] = 8080
    https_port: Annotated[int, About(kinds.PORT, "Port for HTTPS; 0 takes a free one.")] = 8443
    public_url: Annotated[
        str | None,
        About(
            kinds.PUBLIC_URL,
            "Origin that clients use, in every link and connection string; its host name enters "
            "the certificate. Any other than loopback needs keys of your own.",
            shown="`https://localhost` and the port",
        ),
    ] = None
    tls_cert: Annotated[
        Path | None,
        About(
            kinds.FILE,
            "Certificate chain of your own, in PEM; with `tls_key`.",
            shown="issued by the local certificate authority",
        ),
    ] = None
    tls_key: Annotated[Path | None, About(kinds.FILE, "Private key of `tls_cert`, in PEM.")] = None
    tls_san: Annotated[
        tuple[str, ...],
        About(kinds.many(kinds.NAME), "One more name or address for the certificate; repeatable."),
    ] = ()
    tls_folder: Annotated[
        Path,
        About(
            kinds.FOLDER,
            "Folder of the local certificate authority, shared by every data folder.",
            shown="`tls` in the platform's folder for user data",
        ),
    ] = field(default_factory=lambda: _user_folder("tls"))
    allow_http_webhooks: Annotated[
        bool, About(kinds.BOOLEAN, "Deliver over http to other hosts than loopback too.")
    ] = False
    deletion_notices: Annotated[
        bool,
        About(
            kinds.BOOLEAN,
            "Tell a webhook when its event subscription is deleted "
            "(`Microsoft.EventGrid.SubscriptionDeletedEvent`, one try).",
        ),
    ] = False
    webhook_ca: Annotated[
        Path | None,
        About(
            kinds.FILE,
            "Certificates, in PEM, that webhooks are trusted by in addition to the public roots.",
        ),
    ] = None
    communication_key: Annotated[
        str | None,
        About(
            kinds.KEY,
            "Access key of the default Communication Services resource.",
            shown="the public development key",
            is_flag=False,
        ),
    ] = None
    topic_key: Annotated[
        str | None,
        About(
            kinds.KEY,
            "Access key of the default topic.",
            shown="the public development key",
            is_flag=False,
        ),
    ] = None
    client_secret: Annotated[
        str | None,
        About(
            kinds.SECRET,
            "Secret with which the registered application gets its tokens.",
            shown="the public development secret; where other machines reach the server, by its "
            "address or `public_url`, one that is made and kept in `client-secret` of the data "
            "folder",
            is_flag=False,
        ),
    ] = None
    retention_hours: Annotated[
        float,
        About(
            kinds.span("hours", 1, 24 * 365),
            "How long the log keeps events. Those that a subscription has still to read, or to "
            "attempt, stay longer; one that waits for a retry or for its dead letter is kept "
            "beside the log until it is finished.",
        ),
    ] = 24.0
    max_log_bytes: Annotated[
        int, About(kinds.SIZE, "Size cap of the log's events.", shown="2 GiB")
    ] = 2 << 30
    log_full_action: Annotated[
        LogFullAction,
        About(
            kinds.choice(*LogFullAction),
            "What to do at the size cap once finished events are gone: answer publishers with 503, "
            "or drop the oldest unfinished events.",
        ),
    ] = LogFullAction.REFUSE
    kept_dead_letters: Annotated[
        int,
        About(
            kinds.whole(0, 100_000),
            "How many dead-lettered and dropped events are kept for `switchhook dead-letters`; the "
            "newest stay.",
        ),
    ] = 10_000
    kept_dead_letter_bytes: Annotated[
        int,
        About(kinds.SIZE_OR_NOTHING, "How many bytes of them are kept.", shown="256 MiB"),
    ] = 256 << 20
    kept_dead_letter_hours: Annotated[
        float, About(kinds.span("hours", 1, 24 * 365), "How long they are kept.")
    ] = 168.0
    attempt_history_bytes: Annotated[
        int,
        About(
            kinds.SIZE_OR_NOTHING,
            "Size of the history of delivery attempts, in a file of its own; the oldest successes "
            "make room first. 0 keeps none.",
            shown="64 MiB",
        ),
    ] = 64 << 20
    checkpoint_interval: Annotated[
        float,
        About(
            kinds.span("seconds", 0.01, 60),
            "How often cursors are written: after a crash, at most what was delivered in such an "
            "interval is delivered again.",
        ),
    ] = 0.1
    shutdown_grace: Annotated[
        float,
        About(kinds.span("seconds", 0, 600), "How long running attempts may finish at the end."),
    ] = 10.0
    deliveries_in_flight: Annotated[
        int, About(kinds.whole(1, 1000), "Deliveries of one event subscription at the same time.")
    ] = 64
    queue_length: Annotated[
        int,
        About(
            kinds.whole(1, 100_000),
            "Events of one event subscription in memory, 8 MiB at most; one that falls behind "
            "reads the log.",
        ),
    ] = 5000
    dead_letter_folder: Annotated[
        Path | None,
        About(
            kinds.FOLDER,
            "Folder of the dead letters for storage accounts that `storage_accounts` does not "
            "name: `ACCOUNT/CONTAINER/` and the blob's name.",
            shown="`dead-letters` in the data folder",
        ),
    ] = None
    storage_accounts: Annotated[
        tuple[StorageAccount, ...],
        About(
            kinds.many(kinds.STORAGE_ACCOUNT),
            "Storage accounts that dead letters are really written to, `NAME=CONNECTION_STRING` "
            "with commas between them; in the file each is a table `[[storage_accounts]]` with "
            "`name` (or `id`) and `connection_string`. `UseDevelopmentStorage=true` is Azurite.",
            is_flag=False,
        ),
    ] = ()
    virtual_clock: Annotated[
        bool,
        About(
            kinds.BOOLEAN,
            "Let time stand still until `switchhook clock advance` moves it: for tests of retries "
            "and expiry. Timeouts of webhooks and the age of credentials stay on real time.",
        ),
    ] = False
    profile: Annotated[
        str,
        About(
            kinds.choice("azure", "fast"),
            "Waits of event subscriptions that have none of their own: `azure` waits as Azure "
            "does, `fast` a thousandth of it.",
        ),
    ] = "azure"
    chat_rate_limits: Annotated[
        ChatRateLimits,
        About(
            kinds.choice(*ChatRateLimits),
            "Refuse who asks chat more often than Azure allows, such as 10 messages of a thread in "
            "10 seconds, or nobody. They count real time.",
        ),
    ] = ChatRateLimits.AZURE
    presence_grace: Annotated[
        float,
        About(
            kinds.span("seconds", 0, 3600),
            "How long a chat user's last real-time connection has been gone when the user counts "
            "as disconnected.",
        ),
    ] = 30.0
    jitter_seed: Annotated[
        int | None,
        About(
            kinds.whole(0, (1 << 31) - 1),
            "Seed of the random part of waits between attempts, so that two runs wait alike.",
            shown="1 with `virtual_clock`, otherwise none",
        ),
    ] = None
    open_metrics: Annotated[
        bool,
        About(
            kinds.BOOLEAN,
            "Let everybody who reaches the server read `/metrics`. Otherwise other machines need "
            "the management token for it; health checks never do.",
        ),
    ] = False
    otlp_endpoint: Annotated[
        str | None,
        About(
            kinds.HTTP_URL,
            "Collector that traces are sent to over OTLP (HTTP), such as `http://localhost:4318`. "
            "Needs the extra `otel`.",
            shown="what the `OTEL_EXPORTER_OTLP_*` variables say; without them no traces",
        ),
    ] = None
    log_level: Annotated[
        str, About(kinds.choice("debug", "info", "warning", "error"), "Least severe level to log.")
    ] = "info"
    json: Annotated[
        bool, About(kinds.BOOLEAN, "When ready, print one line of JSON instead of the banner.")
    ] = False
    # Tables of the TOML file, unchecked: table name to its entries.
    resources: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def communication_keys(self) -> tuple[str, str]:
        """Primary and secondary access key of the default Communication Services resource."""
        if self.communication_key is None:
            return defaults.COMMUNICATION_KEYS
        return communication_keys(self.communication_key)

    @property
    def topic_keys(self) -> tuple[str, str]:
        """Primary and secondary access key of the default topic."""
        if self.topic_key is None:
            return defaults.TOPIC_KEYS
        return topic_keys(self.topic_key)


def options() -> Iterator[Option]:
    """Every option, in the order of the fields."""
    for each in fields(Settings):
        for about in getattr(each.type, "__metadata__", ()):
            yield Option(each.name, about, about.shown or _shown(each.default))


def _shown(default: object) -> str:
    if default is None or default == ():
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)


def communication_keys(primary: str) -> tuple[str, str]:
    """Both access keys of a Communication Services resource."""
    return primary, _secondary(primary, "sha512")


def topic_keys(primary: str) -> tuple[str, str]:
    """Both access keys of a topic or domain."""
    return primary, _secondary(primary, "sha256")


def _secondary(primary: str, digest: str) -> str:
    # A resource has two keys; one setting is enough for both: the second is as secret as the first.
    key = hmac.digest(b64decode(primary), b"switchhook secondary key", digest)
    return b64encode(key).decode()
