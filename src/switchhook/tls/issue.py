"""What do the certificates look like? The only module that makes keys and certificates.

Accepted by OpenSSL with `X509_STRICT`, so by Python 3.13 as it comes, and by Node.
"""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from switchhook.tls.names import is_local, to_address

AUTHORITY_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=397)  # more is refused by some clients
_CLOCK_SKEW = timedelta(hours=1)  # a container's clock may lag behind that of its host

_LOOPBACK = (
    x509.IPAddress(ipaddress.ip_network("127.0.0.0/8")),
    x509.IPAddress(ipaddress.ip_network("::1/128")),
)


class Issued(NamedTuple):
    """A certificate and its key, in PEM, and when it ends."""

    certificate: bytes
    key: bytes
    ends: datetime


def issue_authority(extra_names: Sequence[str], now: datetime) -> Issued:
    """A root that can certify only local names and `extra_names`, whatever happens to its key.

    RFC 5280, 4.2.1.10: name constraints hold for every certificate below it.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    label = f" for {', '.join(extra_names)}" if extra_names else ""
    name = _name("Switchhook local authority", f"{now:%Y-%m-%d}{label}")
    builder = (
        _builder(name, name, key.public_key(), now, now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(_constraints(extra_names), critical=True)
        # Name constraints bind only the kinds of names that they list: this shuts out e-mail
        # addresses and code signing.
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=True)
    )
    return _signed(builder, key, key, now + AUTHORITY_LIFE)


def issue_leaf(
    names: Sequence[str], authority: bytes, authority_key: bytes, now: datetime
) -> Issued:
    """A server certificate for `names`, signed by an authority given in PEM."""
    issuer = x509.load_pem_x509_certificate(authority)
    issuer_key = serialization.load_pem_private_key(authority_key, password=None)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is not one of ours")
    key = ec.generate_private_key(ec.SECP256R1())
    ends = min(now + LEAF_LIFE, issuer.not_valid_after_utc)
    subject_key = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _builder(_name("Switchhook", names[0]), issuer.subject, key.public_key(), now, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(list(map(_general, names))), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject_key),
            critical=False,
        )
    )
    return _signed(builder, key, issuer_key, ends)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    now: datetime,
    ends: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _signed(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    ends: datetime,
) -> Issued:
    certificate = builder.sign(issuer_key, hashes.SHA256())
    return Issued(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        ends.astimezone(UTC),
    )


def _constraints(extra_names: Sequence[str]) -> x509.NameConstraints:
    # The names within the localhost tree are permitted by the first entry.
    extra = [_subtree(each) for each in extra_names if not is_local(each)]
    return x509.NameConstraints([x509.DNSName("localhost"), *_LOOPBACK, *extra], None)


def _subtree(name: str) -> x509.GeneralName:
    address = to_address(name)
    if address is None:
        return x509.DNSName(name.removeprefix("*."))
    return x509.IPAddress(ipaddress.ip_network(address))


def _general(name: str) -> x509.GeneralName:
    address = to_address(name)
    return x509.DNSName(name) if address is None else x509.IPAddress(address)


def _name(organization: str, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64]),
        ]
    )


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
