"""How do clients trust this server? The certificate it shows and the files that they need."""

import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from switchhook.errors import StartError
from switchhook.settings import Settings
from switchhook.tls.authority import (
    authorities,
    authority_folder,
    ensure_authority,
    ensure_leaf,
)
from switchhook.tls.bundle import write_bundle
from switchhook.tls.files import locked, write
from switchhook.tls.names import certificate_names, fingerprint

__all__ = ["Certificates", "prepare", "server_context"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """The files of one server: its own key and chain, and what its clients are to trust."""

    chain: Path
    key: Path
    ca: Path
    bundle: Path


def prepare(settings: Settings, environment: Mapping[str, str], now: datetime) -> Certificates:
    """See that the files exist and are good. Safe while other servers start.

    Raises:
        StartError: they cannot be written.
    """
    folder = settings.tls_folder.absolute()
    with locked(folder):
        try:
            if settings.tls_cert and settings.tls_key:
                return _own(folder, settings.tls_cert, settings.tls_key, environment)
            return _issued(folder, certificate_names(settings), environment, now)
        except (OSError, ValueError, TypeError) as error:
            raise StartError(
                f"the certificate folder {folder} cannot be used: {error}; "
                "remove what is damaged, or give another folder with --tls-folder"
            ) from error


def server_context(certificates: Certificates) -> ssl.SSLContext:
    """What the HTTPS listener needs.

    Raises:
        StartError: the key does not belong to the certificate, or a file is not PEM.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # An empty password: an encrypted key is refused instead of asked for on the terminal.
        context.load_cert_chain(certificates.chain, certificates.key, password="")
    except (ssl.SSLError, OSError) as error:
        raise StartError(
            f"{certificates.chain} and {certificates.key} are no certificate and its key in PEM: "
            f"{error}; see --tls-cert and --tls-key"
        ) from error
    return context


def _issued(
    folder: Path, names: tuple[str, ...], environment: Mapping[str, str], now: datetime
) -> Certificates:
    home = authority_folder(folder, names)
    ca = folder / "ca.pem"
    is_new = ensure_authority(home, names, now)
    if is_new:
        # Who trusts the file by hand (a browser, the system's store) has to do so once more when
        # there was one before.
        level = logging.WARNING if ca.is_file() else logging.INFO
        _log.log(level, "tls.authority-created", extra={"file": home / "ca.pem"})
    leaf = ensure_leaf(home, names, now)
    ours = authorities(folder)
    if is_new or not ca.is_file():
        write(ca, b"".join(each.read_bytes() for each in ours))
    write_bundle(folder / "bundle.pem", ours, environment)
    return Certificates(chain=leaf, key=leaf, ca=ca, bundle=folder / "bundle.pem")


def _own(
    folder: Path, certificate: Path, key: Path, environment: Mapping[str, str]
) -> Certificates:
    # With the user's own certificate we cannot know its root: the chain itself is what we can add.
    bundle = folder / f"own-{fingerprint((str(certificate.absolute()),))}.pem"
    write_bundle(bundle, [certificate], environment)
    return Certificates(chain=certificate, key=key, ca=certificate, bundle=bundle)
