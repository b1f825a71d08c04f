"""What must a client trust, to reach this server and everything that it reached before?

`REQUESTS_CA_BUNDLE` and `SSL_CERT_FILE` replace what a client trusts. So the bundle that they are
to name holds what they, and the other variables, name now, and our authorities.
"""

import hashlib
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from switchhook.tls.files import first_line, write

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def write_bundle(bundle: Path, ours: Sequence[Path], environment: Mapping[str, str]) -> None:
    """Write the bundle again if one of its sources changed since.

    A variable that already names the bundle stands for what the bundle holds.
    """
    sources = list(_sources(bundle, environment))
    header = _header([*sources, *ours])
    if first_line(bundle) == header:
        return
    wanted = dict.fromkeys(_certificates([*ours, *sources]))
    # With our exports in the environment, what it trusted before stands in the bundle only; it
    # would never equal its own header.
    if bundle in sources and wanted.keys() == set(_certificates([bundle])):
        return
    write(bundle, b"\n".join([header.encode(), *wanted, b""]))


def _sources(bundle: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """What requests, Python's ssl and Node trust in this environment, as they choose it."""
    asked = [
        environment.get("REQUESTS_CA_BUNDLE") or environment.get("CURL_CA_BUNDLE") or "",
        environment.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile or "",
        environment.get("NODE_EXTRA_CA_CERTS") or "",
    ]
    if not (asked[0] and Path(asked[0]).exists()):
        import certifi  # late: not loaded where a variable names a file

        asked[0] = certifi.where()
    for path in map(Path, filter(None, asked)):
        # The authorities themselves come from our own folder, not from a variable.
        if path.exists() and not _is_same(path, bundle.parent / "ca.pem"):
            yield bundle if _is_same(path, bundle) else path


def _is_same(path: Path, ours: Path) -> bool:
    return ours.exists() and path.samefile(ours)


def _header(sources: Sequence[Path]) -> str:
    known = [(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in sources]
    return f"sources {hashlib.sha256(repr(known).encode()).hexdigest()}"


def _certificates(sources: Sequence[Path]) -> Iterator[bytes]:
    for source in sources:
        files = sorted(source.iterdir()) if source.is_dir() else [source]
        for file in files:
            if file.is_file():
                yield from _CERTIFICATE.findall(file.read_bytes().replace(b"\r\n", b"\n"))
