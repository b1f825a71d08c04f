"""Our own directory of applications and issuer of tokens: what Microsoft Entra is for Azure.

One signing key in the data folder, one registered application with a client secret, tokens that
the management routes and the publish route accept, and tokens that protected webhooks check.
"""

from switchhook.authority.applications import Applications, application_secret
from switchhook.authority.authority import Authority
from switchhook.authority.claims import Claims
from switchhook.authority.opening import open_signing

__all__ = [
    "Applications",
    "Authority",
    "Claims",
    "application_secret",
    "open_signing",
]
