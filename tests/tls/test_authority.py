"""The local authority: kept, constrained, renewed in time."""

import multiprocessing
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from switchhook.errors import StartError
from switchhook.settings import Settings
from switchhook.tls import Certificates, prepare, server_context
from switchhook.tls.issue import issue_authority, issue_leaf
from tests.tls.conftest import Serve, connects

NOW = datetime.now(UTC)


def prepared(settings: Settings, now: datetime = NOW) -> Certificates:
    """The files of a start in an environment without variables."""
    return prepare(settings, {}, now)


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "127.0.0.1",
        "::1",
        "dev.communication.localhost",
        "orders.eventgrid.localhost",
    ],
)
async def test_strict_client_accepts_every_standard_name(
    settings: Settings, serve: Serve, name: str
) -> None:
    """The chain passes OpenSSL's strict rules, which Python 3.13 applies by default."""
    certificates = prepared(settings)
    port = await serve(server_context(certificates))

    assert await connects(port, certificates.bundle, name)


async def test_client_refuses_another_name(settings: Settings, serve: Serve) -> None:
    """A name that was not asked for is not in the certificate."""
    certificates = prepared(settings)
    port = await serve(server_context(certificates))

    assert not await connects(port, certificates.bundle, "example.org")


async def test_standard_authority_cannot_certify_other_machines(
    settings: Settings, serve: Serve, tmp_path: Path
) -> None:
    """Whoever steals its key gains nothing beyond this machine: clients enforce the constraint."""
    certificates = prepared(settings)
    home = certificates.chain.parent
    authority, key = ((home / name).read_bytes() for name in ("ca.pem", "ca-key.pem"))
    forged = issue_leaf(["localhost", "example.org"], authority, key, NOW)
    (tmp_path / "forged.pem").write_bytes(forged.key + forged.certificate)
    port = await serve(
        server_context(
            replace(certificates, chain=tmp_path / "forged.pem", key=tmp_path / "forged.pem")
        )
    )

    assert not await connects(port, certificates.bundle, "example.org")
    assert not await connects(port, certificates.bundle, "localhost")


def test_start_after_start_keeps_every_file(settings: Settings) -> None:
    """A restart reads what is there and writes nothing."""
    prepared(settings)
    before = snapshot(settings.tls_folder)

    prepared(settings, NOW + timedelta(days=300))

    assert snapshot(settings.tls_folder) == before


def test_keys_are_readable_by_their_owner_only(settings: Settings) -> None:
    """Neither the authority's key nor the leaf's is open to others; nor is the folder."""
    certificates = prepared(settings)
    secret = [certificates.chain, certificates.chain.parent / "ca-key.pem"]

    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}
    assert stat.S_IMODE(settings.tls_folder.stat().st_mode) == 0o700


def test_leaf_is_renewed_before_it_ends_and_the_authority_stays(settings: Settings) -> None:
    """Within 30 days of its end the leaf is issued again; nobody has to trust anything again."""
    first = prepared(settings)
    leaf, authority = first.chain.read_bytes(), first.ca.read_bytes()

    second = prepared(settings, NOW + timedelta(days=397 - 29))

    assert second.chain.read_bytes() != leaf
    assert second.ca.read_bytes() == authority


def test_authority_is_renewed_before_it_ends(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """A new authority is said aloud, since those who trust the file by hand must do it again."""
    first = prepared(settings).ca.read_bytes()
    caplog.clear()

    assert prepared(settings, NOW + timedelta(days=3650)).ca.read_bytes() != first
    assert "tls.authority-created" in caplog.messages


@pytest.mark.parametrize("damage", [b"", b"not a certificate\n"])
async def test_damaged_leaf_is_issued_again(
    settings: Settings, serve: Serve, damage: bytes
) -> None:
    """A file without a readable end counts as ended."""
    prepared(settings).chain.write_bytes(damage)

    certificates = prepared(settings)
    port = await serve(server_context(certificates))

    assert await connects(port, certificates.bundle)


async def test_other_local_name_gets_a_leaf_of_the_same_authority(
    settings: Settings, serve: Serve
) -> None:
    """`--tls-san` within localhost needs no new trust, and leaves the first server's leaf alone."""
    first = prepared(settings)
    named = prepared(replace(settings, tls_san=("hook.localhost",)))
    port = await serve(server_context(named))

    assert named.ca.read_bytes() == first.ca.read_bytes()
    assert named.chain != first.chain
    assert await connects(port, first.bundle, "hook.localhost")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"tls_san": ("switchhook",)}, "switchhook"),
        ({"tls_san": ("192.168.7.7",)}, "192.168.7.7"),
        ({"tls_san": ("*.hooks.example",)}, "one.hooks.example"),
        ({"public_url": "https://switchhook:8443"}, "switchhook"),
        ({"host": "192.168.7.7"}, "192.168.7.7"),
    ],
)
async def test_names_of_other_machines_are_certified_when_asked_for(
    settings: Settings, serve: Serve, given: dict[str, object], name: str
) -> None:
    """An authority of their own certifies them; the standard one is untouched."""
    standard = prepared(settings).chain.parent / "ca.pem"
    before = standard.read_bytes()

    certificates = prepared(replace(settings, **given))  # type: ignore[arg-type] # one table
    port = await serve(server_context(certificates))

    assert await connects(port, certificates.bundle, name)
    assert await connects(port, certificates.bundle, "localhost")
    assert standard.read_bytes() == before


async def test_one_bundle_serves_servers_of_both_kinds(settings: Settings, serve: Serve) -> None:
    """The exported file stays good when a server with other names has started since."""
    standard = prepared(settings)
    prepared(replace(settings, tls_san=("switchhook",)))
    port = await serve(server_context(standard))

    assert await connects(port, standard.bundle)


async def test_own_certificate_is_served(settings: Settings, serve: Serve, tmp_path: Path) -> None:
    """`--tls-cert` and `--tls-key` take the place of the authority."""
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost")
    leaf.private_key_pem.write_to_path(tmp_path / "key.pem")
    leaf.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    authority.cert_pem.write_to_path(tmp_path / "root.pem")
    own = replace(settings, tls_cert=tmp_path / "cert.pem", tls_key=tmp_path / "key.pem")

    port = await serve(server_context(prepared(own)))

    assert await connects(port, tmp_path / "root.pem")
    assert not (settings.tls_folder / "standard").exists()


def test_own_key_of_another_certificate_is_refused(settings: Settings, tmp_path: Path) -> None:
    """The message names the files and the options."""
    for name in ("a", "b"):
        leaf = trustme.CA().issue_cert("localhost")
        leaf.private_key_pem.write_to_path(tmp_path / f"{name}-key.pem")
        leaf.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
    own = replace(settings, tls_cert=tmp_path / "a.pem", tls_key=tmp_path / "b-key.pem")

    with pytest.raises(StartError, match=r"b-key\.pem.*--tls-cert"):
        server_context(prepared(own))


def test_folder_that_cannot_be_made_is_refused(settings: Settings, tmp_path: Path) -> None:
    """The message names the folder and the option."""
    (tmp_path / "file").touch()

    with pytest.raises(StartError, match="--tls-folder"):
        prepared(replace(settings, tls_folder=tmp_path / "file" / "tls"))


def test_two_first_starts_at_once_agree(settings: Settings) -> None:
    """Whoever comes second waits and uses what the first has made."""
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(2) as pool:
        first, second = pool.map(_authority_of, [settings, settings])

    assert first == second


def _authority_of(settings: Settings) -> bytes:
    return prepared(settings).ca.read_bytes()


def snapshot(folder: Path) -> dict[Path, int]:
    """Every file and when it was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_authority_may_certify_servers_only() -> None:
    """Its constraints bind names of hosts; its key usage shuts out everything else."""
    issued = issue_authority((), datetime.now(UTC))
    certificate = x509.load_pem_x509_certificate(issued.certificate)

    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)

    assert usage.critical
    assert list(usage.value) == [ExtendedKeyUsageOID.SERVER_AUTH]
