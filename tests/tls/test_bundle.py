"""The bundle: what the environment trusts, and the local authority."""

from pathlib import Path

import pytest
import trustme

from switchhook.settings import Settings
from switchhook.tls import Certificates, prepare
from tests.tls.test_authority import NOW

BEGIN = b"-----BEGIN CERTIFICATE-----"


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """A file with a root that the machine's owner has added."""
    path = tmp_path / "company.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return path


def started(settings: Settings, environment: dict[str, str]) -> Certificates:
    """The files as a start in this environment leaves them."""
    return prepare(settings, environment, NOW)


def certificates(*paths: Path) -> list[bytes]:
    """Every certificate in some files."""
    texts = b"".join(path.read_bytes() for path in paths)
    return [part.partition(b"-----END")[0].strip() for part in texts.split(BEGIN)[1:]]


def test_public_roots_stand_in_where_no_variable_is_set(settings: Settings) -> None:
    """Clients that use the bundle still reach the rest of the world."""
    files = started(settings, {})
    (ours,) = certificates(files.ca)

    assert len(certificates(files.bundle)) > 50
    assert certificates(files.bundle).count(ours) == 1


@pytest.mark.parametrize(
    "variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"]
)
def test_what_a_variable_names_is_kept(settings: Settings, company: Path, variable: str) -> None:
    """Each of the variables that our exports replace goes on counting."""
    files = started(settings, {variable: str(company)})

    assert set(certificates(company, files.ca)) <= set(certificates(files.bundle))


def test_folder_of_certificates_is_kept(settings: Settings, company: Path) -> None:
    """Requests also takes a folder."""
    folder = company.parent / "certificates"
    folder.mkdir()
    (folder / "0.pem").write_bytes(company.read_bytes())

    files = started(settings, {"REQUESTS_CA_BUNDLE": str(folder)})

    assert set(certificates(company)) <= set(certificates(files.bundle))


def test_shell_with_our_exports_keeps_what_was_trusted_before(
    settings: Settings, company: Path
) -> None:
    """The bundle never contains itself twice, and a start from such a shell loses nothing."""
    bundle = started(settings, {"REQUESTS_CA_BUNDLE": str(company)}).bundle
    before = bundle.read_bytes()
    variables = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")

    started(settings, dict.fromkeys(variables, str(bundle)))

    assert bundle.read_bytes() == before


def test_bundle_follows_its_sources(settings: Settings, company: Path) -> None:
    """A root that is added later is in the bundle after the next start."""
    environment = {"REQUESTS_CA_BUNDLE": str(company)}
    started(settings, environment)
    with company.open("ab") as file:
        file.write(trustme.CA().cert_pem.bytes())

    bundle = started(settings, environment).bundle

    assert set(certificates(company)) <= set(certificates(bundle))


def test_variable_that_names_nothing_is_passed_over(settings: Settings) -> None:
    """A client whose variable is wrong still gets the public roots and the authority."""
    files = started(settings, {"REQUESTS_CA_BUNDLE": "/no/such.pem"})

    assert len(certificates(files.bundle)) > 50
