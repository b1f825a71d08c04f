"""Which key signs our tokens, and how do others get its public half?"""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from switchhook.authority.secret_file import KEY_FILE, load_or_create
from switchhook.errors import StartError

_BITS = 2048
_EXPONENT = 65537


@dataclass(frozen=True)
class SigningKey:
    """The private key, and the id by which tokens name it."""

    private: RSAPrivateKey
    id: str

    def jwk(self) -> dict[str, str]:
        """The public half as a JSON Web Key."""
        return {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.id,
            **_members(self.private),
        }


def load_or_create_key(folder: Path) -> SigningKey:
    """The key of the data folder; made once, so that tokens outlive a restart.

    Raises:
        StartError: the file cannot be read or written, or holds no RSA key.
    """
    path = folder / KEY_FILE
    content = load_or_create(path, lambda: _pem(generate_private_key(_EXPONENT, _BITS)))
    try:
        # Checking the arithmetic of a key that we wrote ourselves would take as long as a new one.
        private = load_pem_private_key(content, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise StartError(f"{path} holds no key: delete the file and start again") from error
    if not isinstance(private, RSAPrivateKey):
        raise StartError(f"{path} holds no RSA key: delete the file and start again")
    return SigningKey(private, _thumbprint(private))


def _pem(private: RSAPrivateKey) -> bytes:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _thumbprint(private: RSAPrivateKey) -> str:
    # RFC 7638: the required members, sorted, without spaces.
    members = dict(sorted({"kty": "RSA", **_members(private)}.items()))
    return _base64url(hashlib.sha256(msgspec.json.encode(members)).digest())


def _members(private: RSAPrivateKey) -> dict[str, str]:
    numbers = private.public_key().public_numbers()
    return {"n": _number(numbers.n), "e": _number(numbers.e)}


def _number(value: int) -> str:
    return _base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
