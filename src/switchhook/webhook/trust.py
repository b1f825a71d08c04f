"""Whose certificates does the webhook client trust?"""

import ssl
from pathlib import Path

import certifi

from switchhook.errors import StartError

CA_OPTION = "--webhook-ca"


def make_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """A verifying context: the machine's roots, or certifi's where it names none, and `ca_file`.

    Raises:
        StartError: `ca_file` cannot be read or holds no certificate.
    """
    context = ssl.create_default_context()
    if not _machine_has_roots(context):
        context.load_verify_locations(certifi.where())
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:  # ssl.SSLError is one as well
            raise StartError(
                f"{CA_OPTION} {ca_file}: no certificates in PEM form could be read ({error})"
            ) from error
    context.set_alpn_protocols(["http/1.1"])
    return context


def _machine_has_roots(context: ssl.SSLContext) -> bool:
    if context.get_ca_certs():
        return True
    # Those of a folder are read when they are needed, so that the context does not list them.
    folder = ssl.get_default_verify_paths().capath
    return bool(folder) and any(Path(folder).iterdir())
