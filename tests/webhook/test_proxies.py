"""What proxy variables ask for: tables, no I/O."""

import pytest

from switchhook.webhook.proxies import check_proxy_environment, read_proxy_environment

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("environ", "scheme", "variable"),
    [
        ({}, "https", None),
        ({"HTTPS_PROXY": ""}, "https", None),
        ({"HTTPS_PROXY": PROXY}, "https", "HTTPS_PROXY"),
        ({"HTTPS_PROXY": PROXY}, "http", None),
        ({"http_proxy": PROXY}, "http", "http_proxy"),
        ({"all_proxy": PROXY}, "http", "all_proxy"),
        ({"ALL_PROXY": PROXY, "HTTPS_PROXY": PROXY}, "https", "HTTPS_PROXY"),
        ({"https_proxy": PROXY, "HTTPS_PROXY": PROXY}, "https", "https_proxy"),
    ],
)
def test_variable_refuses_its_scheme(
    environ: dict[str, str], scheme: str, variable: str | None
) -> None:
    """The refusal names the variable that asks for the proxy and the remedy."""
    refusal = read_proxy_environment(environ).refusal(scheme, "hooks.example", 443)

    if variable is None:
        assert refusal is None
    else:
        assert refusal is not None
        assert refusal.startswith(f"{variable} asks")
        assert "NO_PROXY" in refusal


@pytest.mark.parametrize(
    ("no_proxy", "host", "exempt"),
    [
        ("*", "hooks.example", True),
        ("hooks.example", "hooks.example", True),
        ("HOOKS.example", "hooks.example", True),
        ("example", "hooks.example", True),
        (".example", "hooks.example", True),
        ("*.example", "hooks.example", True),
        ("other, example", "hooks.example", True),
        ("example:443", "hooks.example", True),
        ("example:8443", "hooks.example", False),
        ("ooks.example", "hooks.example", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "hooks.example", False),
        ("nonsense/8", "10.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("fd00::1", "fd00::1", True),
        ("", "hooks.example", False),
        (".", "hooks.example", False),
    ],
)
def test_no_proxy_exempts(no_proxy: str, host: str, exempt: bool) -> None:
    """Hosts, domains, ports, networks and the star, as curl reads them."""
    proxies = read_proxy_environment({"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy})

    assert (proxies.refusal("https", host, 443) is None) is exempt


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, None),
        ({"NO_PROXY": "x"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": PROXY, "http_proxy": PROXY}, "HTTPS_PROXY and http_proxy set"),
    ],
)
def test_start_warns_of_proxy_variables(environ: dict[str, str], named: str | None) -> None:
    """The warning names the variables, and not the proxy, whose URL may hold a password."""
    warning = check_proxy_environment(environ)

    assert (warning is None) is (named is None)
    assert named is None or (warning is not None and warning.startswith(named))
    assert "proxy.example" not in (warning or "")
