"""Settings: what wins, what is refused, and how the refusal reads."""

import base64
from pathlib import Path

import pytest

from switchhook import defaults
from switchhook.errors import StartError
from switchhook.settings import (
    LogFullAction,
    Settings,
    is_exposed,
    is_loopback,
    read_settings,
)
from switchhook.settings.model import options

OWN_KEYS = {
    "SWITCHHOOK_COMMUNICATION_KEY": base64.b64encode(b"c" * 64).decode(),
    "SWITCHHOOK_TOPIC_KEY": base64.b64encode(b"t" * 32).decode(),
}


def refusal(folder: Path, flags: dict[str, object], environment: dict[str, str]) -> str:
    """The words with which these settings are refused."""
    with pytest.raises(StartError) as caught:
        read_settings(flags, environment, folder)
    return str(caught.value)


def test_nothing_given_means_the_defaults(tmp_path: Path) -> None:
    """Without flags, variables and file the settings are the defaults."""
    assert read_settings({}, {}, tmp_path) == Settings()


def test_flag_wins_over_variable_wins_over_file(tmp_path: Path) -> None:
    """Each source yields to the one before it."""
    (tmp_path / "switchhook.toml").write_text("http_port = 1\nhttps_port = 2\nqueue_length = 3\n")
    environment = {"SWITCHHOOK_HTTP_PORT": "11", "SWITCHHOOK_HTTPS_PORT": "12"}

    settings = read_settings({"http_port": "21"}, environment, tmp_path)

    assert (settings.http_port, settings.https_port, settings.queue_length) == (21, 12, 3)


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("SWITCHHOOK_EPHEMERAL", "yes", "ephemeral", True),
        ("SWITCHHOOK_ALLOW_HTTP_WEBHOOKS", "0", "allow_http_webhooks", False),
        ("SWITCHHOOK_MAX_LOG_BYTES", "1.5 GiB", "max_log_bytes", 3 << 29),
        ("SWITCHHOOK_ATTEMPT_HISTORY_BYTES", "0", "attempt_history_bytes", 0),
        ("SWITCHHOOK_ATTEMPT_HISTORY_BYTES", "1 MiB", "attempt_history_bytes", 1 << 20),
        ("SWITCHHOOK_CHECKPOINT_INTERVAL", "0.25", "checkpoint_interval", 0.25),
        ("SWITCHHOOK_TLS_SAN", "Switchhook, 10.0.0.5", "tls_san", ("switchhook", "10.0.0.5")),
        ("SWITCHHOOK_PUBLIC_URL", "https://hook:8443/", "public_url", "https://hook:8443"),
        (
            "SWITCHHOOK_LOG_FULL_ACTION",
            "drop-oldest-unfinished",
            "log_full_action",
            LogFullAction.DROP_OLDEST_UNFINISHED,
        ),
        ("SWITCHHOOK_HTTP_PORT", "", "http_port", 8080),
    ],
)
def test_variables_are_read_as_their_kind(
    tmp_path: Path, variable: str, text: str, name: str, value: object
) -> None:
    """Text becomes the type of the option; an empty variable counts as absent."""
    assert getattr(read_settings({}, OWN_KEYS | {variable: text}, tmp_path), name) == value


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("SWITCHHOOK_HTTP_PORT", "65536"),
        ("SWITCHHOOK_HTTP_PORT", "-1"),
        ("SWITCHHOOK_HTTP_PORT", "80.5"),
        ("SWITCHHOOK_HTTP_PORT", "http"),
        ("SWITCHHOOK_EPHEMERAL", "maybe"),
        ("SWITCHHOOK_SHUTDOWN_GRACE", "nan"),
        ("SWITCHHOOK_SHUTDOWN_GRACE", "inf"),
        ("SWITCHHOOK_MAX_LOG_BYTES", "10 bytes"),
        ("SWITCHHOOK_MAX_LOG_BYTES", "1024"),
        ("SWITCHHOOK_MAX_LOG_BYTES", "0"),
        ("SWITCHHOOK_ATTEMPT_HISTORY_BYTES", "1024"),
        ("SWITCHHOOK_ATTEMPT_HISTORY_BYTES", "-1"),
        ("SWITCHHOOK_LOG_LEVEL", "loud"),
        ("SWITCHHOOK_HOST", "localhost:8080"),
        ("SWITCHHOOK_PUBLIC_URL", "https://hook/path"),
        ("SWITCHHOOK_PUBLIC_URL", "https://hook:port"),
        ("SWITCHHOOK_PUBLIC_URL", "ftp://hook"),
        ("SWITCHHOOK_PUBLIC_URL", "hook:8443"),
        ("SWITCHHOOK_TLS_CERT", "/does/not/exist.pem"),
    ],
)
def test_wrong_value_is_refused_by_name(tmp_path: Path, variable: str, text: str) -> None:
    """The refusal names the variable and repeats the value."""
    words = refusal(tmp_path, {}, {variable: text})

    assert words.startswith(f"{variable}: {text!r} is not ")


def test_wrong_value_of_a_file_names_key_and_file(tmp_path: Path) -> None:
    """A value of TOML's own types is checked like text."""
    (tmp_path / "switchhook.toml").write_text("http_port = true\n")

    words = refusal(tmp_path, {}, {})

    assert words == (
        f"http_port in {tmp_path / 'switchhook.toml'}: True is not a whole number from 0 to 65535"
    )


def test_unknown_variable_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    """A typing error in a variable does not pass in silence."""
    assert refusal(tmp_path, {}, {"SWITCHHOOK_HTTPPORT": "1"}) == (
        "the variable SWITCHHOOK_HTTPPORT is no setting (did you mean SWITCHHOOK_HTTP_PORT?)"
    )


def test_unknown_key_of_a_file_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    """Nor does one in the file."""
    (tmp_path / "switchhook.toml").write_text("http-port = 1\n")

    assert refusal(tmp_path, {}, {}) == (
        f"http-port in {tmp_path / 'switchhook.toml'} is no setting (did you mean http_port?)"
    )


@pytest.mark.parametrize("content", [b"http_port = \n", b"\xff\xfe"])
def test_file_that_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    """Syntax and encoding errors name the file."""
    file = tmp_path / "own.toml"
    file.write_bytes(content)

    assert refusal(tmp_path, {"config": str(file)}, {}).startswith(f"{file} is not TOML: ")


def test_named_file_must_exist(tmp_path: Path) -> None:
    """Only the file that is looked for by itself may be absent."""
    assert refusal(tmp_path, {}, {"SWITCHHOOK_CONFIG": "/no.toml"}).startswith("SWITCHHOOK_CONFIG:")


def test_paths_of_a_file_are_relative_to_it(tmp_path: Path) -> None:
    """A file can be used from any folder."""
    (tmp_path / "own.toml").write_text('data = "kept"\n')

    settings = read_settings({"config": str(tmp_path / "own.toml")}, {}, Path("/"))

    assert settings.data == tmp_path / "kept"


def test_resource_tables_are_handed_on(tmp_path: Path) -> None:
    """Tables of resources are kept as they stand, for whoever owns them."""
    (tmp_path / "switchhook.toml").write_text('[[topics]]\nname = "orders"\n')

    assert read_settings({}, {}, tmp_path).resources == {"topics": [{"name": "orders"}]}


@pytest.mark.parametrize("content", ["topics = 1", "topics = [1]", "[topics]\nname = 'a'"])
def test_resource_that_is_no_table_is_refused(tmp_path: Path, content: str) -> None:
    """The refusal shows how a table is begun."""
    (tmp_path / "switchhook.toml").write_text(content)

    assert "[[topics]]" in refusal(tmp_path, {}, {})


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"ephemeral": True, "data": "x"}, "--data"),
        ({"http_port": "8443"}, "--http-port"),
        ({"tls_cert": __file__}, "--tls-key"),
        ({"tls_key": __file__}, "--tls-cert"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, flags: dict[str, object], named: str) -> None:
    """Options that cannot hold together are named."""
    assert named in refusal(tmp_path, flags, {})


def test_two_free_ports_are_no_contradiction(tmp_path: Path) -> None:
    """Port 0 twice gives two ports."""
    settings = read_settings({"http_port": "0", "https_port": "0"}, {}, tmp_path)

    assert (settings.http_port, settings.https_port) == (0, 0)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org"])
def test_development_keys_are_refused_beyond_loopback(tmp_path: Path, host: str) -> None:
    """Nobody opens a server with public keys to a network by accident."""
    words = refusal(tmp_path, {"host": host}, {})

    assert all(variable in words for variable in OWN_KEYS)
    assert "new-key" in words


def test_one_key_of_two_is_not_enough(tmp_path: Path) -> None:
    """The refusal names only what is missing."""
    given = {"SWITCHHOOK_TOPIC_KEY": OWN_KEYS["SWITCHHOOK_TOPIC_KEY"]}
    given["SWITCHHOOK_COMMUNICATION_KEY"] = defaults.COMMUNICATION_KEYS[1]

    words = refusal(tmp_path, {"host": "0.0.0.0"}, given)

    assert "SWITCHHOOK_COMMUNICATION_KEY" in words
    assert "SWITCHHOOK_TOPIC_KEY" not in words


def test_own_keys_open_the_server(tmp_path: Path) -> None:
    """With keys of one's own any address is allowed, and none of the four is a public one."""
    settings = read_settings({"host": "0.0.0.0"}, OWN_KEYS, tmp_path)

    keys = {*settings.communication_keys, *settings.topic_keys}
    assert len(keys) == 4
    assert keys.isdisjoint({*defaults.COMMUNICATION_KEYS, *defaults.TOPIC_KEYS})


@pytest.mark.parametrize("key", ["secret!", "c2hvcnQ=", "not base64 not base64 not base64"])
def test_wrong_key_is_refused_without_showing_it(tmp_path: Path, key: str) -> None:
    """A key never stands in a message."""
    words = refusal(tmp_path, {}, {"SWITCHHOOK_TOPIC_KEY": key})

    assert words.startswith("SWITCHHOOK_TOPIC_KEY: ")
    assert key not in words


def test_short_client_secret_is_refused_without_showing_it(tmp_path: Path) -> None:
    """Nobody can guess sixteen characters."""
    words = refusal(tmp_path, {}, {"SWITCHHOOK_CLIENT_SECRET": "fifteen letters"})

    assert words.startswith("SWITCHHOOK_CLIENT_SECRET: what was given is not a text of at least 16")
    assert read_settings({}, {"SWITCHHOOK_CLIENT_SECRET": "sixteen  letters"}, tmp_path)


def test_development_client_secret_is_refused_beyond_loopback(tmp_path: Path) -> None:
    """Everybody knows it; without a setting the server makes one of its own."""
    given = {**OWN_KEYS, "SWITCHHOOK_CLIENT_SECRET": defaults.CLIENT_SECRET}

    words = refusal(tmp_path, {"host": "0.0.0.0"}, given)

    assert "set SWITCHHOOK_CLIENT_SECRET (" in words


@pytest.mark.parametrize(
    "given",
    [
        {},
        OWN_KEYS | {"SWITCHHOOK_CLIENT_SECRET": defaults.CLIENT_SECRET},
        {"SWITCHHOOK_COMMUNICATION_KEY": OWN_KEYS["SWITCHHOOK_COMMUNICATION_KEY"]},
        {"SWITCHHOOK_TOPIC_KEY": OWN_KEYS["SWITCHHOOK_TOPIC_KEY"]},
    ],
)
def test_what_everybody_knows_is_refused_behind_a_public_url(
    tmp_path: Path, given: dict[str, str]
) -> None:
    """Whoever reaches the proxy could manage the server with it, or publish, or speak for users."""
    words = refusal(tmp_path, {"public_url": "https://hooks.example"}, given)

    assert words.startswith("--public-url https://hooks.example is open to other machines")
    for own in ("https://localhost:9443", "https://hooks.localhost", "https://[::1]:9443"):
        assert read_settings({"public_url": own}, given, tmp_path)
    assert read_settings({"public_url": "https://hooks.example"}, OWN_KEYS, tmp_path)


def test_keys_are_no_flags() -> None:
    """A flag's value shows in the list of processes."""
    assert {each.name for each in options() if not each.about.is_flag} == {
        "communication_key",
        "topic_key",
        "storage_accounts",
        "client_secret",
    }


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example", False),
    ],
)
def test_loopback_is_told_by_the_address(host: str, expected: bool) -> None:
    """Whatever is not surely loopback counts as open."""
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("settings", "exposed"),
    [
        (Settings(), False),
        (Settings(host="localhost"), False),
        (Settings(host="0.0.0.0"), True),
        (Settings(host="10.0.0.5"), True),
        (Settings(public_url="https://localhost:8443"), False),
        (Settings(public_url="https://127.0.0.1:8443"), False),
        (Settings(public_url="https://hooks.localhost:8443"), False),
        (Settings(public_url="https://hooks.example"), True),
    ],
)
def test_server_is_exposed_by_its_address_or_its_public_url(
    settings: Settings, exposed: bool
) -> None:
    """A proxy in front of a server on loopback brings other machines to it."""
    assert is_exposed(settings) is exposed


@pytest.mark.parametrize(
    "url", ["localhost:4318", "grpc://localhost:4317", "http://", "http://h:x", "http://h?q=1"]
)
def test_collector_is_named_by_a_url(tmp_path: Path, url: str) -> None:
    """What is no URL of HTTP is refused at the start, not at the first export."""
    words = refusal(tmp_path, {"otlp_endpoint": url}, {})

    assert "--otlp-endpoint" in words
    assert "http://localhost:4318" in words
