"""How do clients learn our addresses? The documents that they read before they ask for a token.

Source: the documents that azure-cli 2.91.0 and azure-identity 1.27.0 read, and
openid-connect-core's discovery.
"""

from typing import Any

from switchhook.authority.authority import ADFS, ALGORITHM, Authority, tenant_id

# The version from which the document is one object; before, it is a list of clouds.
_OBJECT_SINCE = "2022-09-01"


def cloud_metadata(authority: Authority, api_version: str) -> Any:
    """`/metadata/endpoints`: where everything of this cloud is."""
    own = authority.origin
    cloud = {
        "name": "local",
        "portal": own,
        "resourceManager": own,
        "authentication": {
            # With a login address of this kind clients look up nothing in the internet.
            "loginEndpoint": f"{own}/{ADFS}",
            "audiences": [own, "https://management.core.windows.net/"],
            "tenant": ADFS,
            "identityProvider": "ADFS",
        },
        "graph": own,
        "graphAudience": own,
        "gallery": own,
        "media": own,
        "batch": own,
        "sqlManagement": own,
        "microsoftGraphResourceId": own,
        "vmImageAliasDoc": own,
        "activeDirectoryDataLake": own,
        "suffixes": {
            "storage": "core.localhost",
            "keyVaultDns": "vault.localhost",
            "sqlServerHostname": "database.localhost",
            "acrLoginServer": "azurecr.localhost",
        },
    }
    return cloud if not api_version or api_version >= _OBJECT_SINCE else [cloud]


def openid_configuration(authority: Authority, tenant: str) -> dict[str, Any]:
    """`/.well-known/openid-configuration` of a tenant."""
    own = authority.origin
    if tenant.lower() == ADFS:
        base, keys = f"{own}/{ADFS}/oauth2", f"{own}/{ADFS}/discovery/keys"
    else:
        tenant = tenant_id(tenant)
        base, keys = f"{own}/{tenant}/oauth2/v2.0", f"{own}/{tenant}/discovery/v2.0/keys"
    return {
        "issuer": authority.issuer(tenant),
        "authorization_endpoint": f"{base}/authorize" + ("/" if tenant.lower() == ADFS else ""),
        "token_endpoint": f"{base}/token",
        "device_authorization_endpoint": f"{base}/devicecode",
        "jwks_uri": keys,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["client_credentials", "password"],
        "scopes_supported": ["openid", "profile", "offline_access"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    }


def instance_discovery(authority: Authority) -> dict[str, Any]:
    """`/common/discovery/instance`: that this is an authority, and where its configuration is."""
    url = f"{authority.origin}/common/v2.0/.well-known/openid-configuration"
    return {"tenant_discovery_endpoint": url, "api-version": "1.1", "metadata": []}
