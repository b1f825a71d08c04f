"""Which certificate does this server show? Kept from start to start, made when there is none.

    <tls folder>/
      lock                     held while files are written
      ca.pem                   every authority of this folder, the standard one first
      bundle.pem               what the environment trusts, and every authority (see `bundle`)
      standard/ca.pem          the authority of local names, trusted once for every data folder
      standard/ca-key.pem      its key
      standard/leaf-<names>.pem    a server's key, certificate and authority, in one file
      names-<names>/...        the same for a server with names of other machines

A first line before the certificates says when the file ends to be good: the next start reads it
and does not have to load the code that makes certificates.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from switchhook.tls.files import first_line, write
from switchhook.tls.names import fingerprint, is_local

RENEW_BEFORE = timedelta(days=30)
_STANDARD = "standard"


def authority_folder(folder: Path, names: tuple[str, ...]) -> Path:
    """Where the authority for a leaf of these names lives.

    Names of other machines get an authority of their own: the standard one is trusted because it
    cannot certify them, and one that changed would have to be trusted again everywhere.
    """
    foreign = _foreign(names)
    return folder / (f"names-{fingerprint(foreign)}" if foreign else _STANDARD)


def ensure_authority(home: Path, names: tuple[str, ...], now: datetime) -> bool:
    """See that `home` has an authority that stays good; answer whether a new one was made."""
    if _is_good(first_line(home / "ca.pem"), now) and (home / "ca-key.pem").is_file():
        return False
    # Late: `cryptography` takes longer to load than everything else that a start needs.
    from switchhook.tls.issue import issue_authority

    issued = issue_authority(_foreign(names), now)
    write(home / "ca-key.pem", issued.key, secret=True)
    write(home / "ca.pem", _header(issued.ends) + issued.certificate)
    for leaf in home.glob("leaf-*.pem"):  # signed by the one before
        leaf.unlink()
    return True


def ensure_leaf(home: Path, names: tuple[str, ...], now: datetime) -> Path:
    """The file with a key and a chain for these names, signed by the authority in `home`."""
    path = home / f"leaf-{fingerprint(names)}.pem"
    if _is_good(first_line(path), now):
        return path
    from switchhook.tls.issue import issue_leaf  # late, for the same reason

    authority = (home / "ca.pem").read_bytes()
    leaf = issue_leaf(names, authority, (home / "ca-key.pem").read_bytes(), now)
    write(path, _header(leaf.ends) + leaf.key + leaf.certificate + authority, secret=True)
    return path


def authorities(folder: Path) -> list[Path]:
    """Every authority of the folder, the standard one first."""
    found = sorted(folder.glob("names-*/ca.pem"))
    standard = folder / _STANDARD / "ca.pem"
    return [standard, *found] if standard.is_file() else found


def _foreign(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(each for each in names if not is_local(each)))


def _header(ends: datetime) -> bytes:
    return f"good until {ends.isoformat()}\n".encode()


def _is_good(header: str, now: datetime) -> bool:
    try:
        ends = datetime.fromisoformat(header.removeprefix("good until "))
        return ends.astimezone(UTC) - now > RENEW_BEFORE
    except ValueError:
        return False
