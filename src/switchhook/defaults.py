"""The names and keys of a new installation: fixed and documented, so that examples can be pasted.

The keys and the client secret are as public as Azurite's. `settings` refuses them on any
address but loopback.
"""

SUBSCRIPTION_ID = "5a1f0000-0000-4000-8000-000000000001"
RESOURCE_GROUP = "local"
COMMUNICATION_NAME = "dev-communication"
COMMUNICATION_IMMUTABLE_ID = "5a1f0000-0000-4000-8000-000000000003"
TOPIC_NAME = "dev-topic"

# The tenant, the one registered application, and the identity that programs on this machine have.
TENANT_ID = "5a1f0000-0000-4000-8000-000000000004"
CLIENT_ID = "5a1f0000-0000-4000-8000-000000000005"
MANAGED_IDENTITY_ID = "5a1f0000-0000-4000-8000-000000000006"
CLIENT_SECRET = "switchhook-development-client-secret-no-secret"  # noqa: S105 - it says so itself

# base64 of readable text, so that nobody takes them for secrets.
COMMUNICATION_KEYS = (
    "c3dpdGNoaG9vayBkZXZlbG9wbWVudCBjb21tdW5pY2F0aW9uIHByaW1hcnkga2V5OiBub3QgYSBzZWNyZXQgMQ==",
    "c3dpdGNoaG9vayBkZXZlbG9wbWVudCBjb21tdW5pY2F0aW9uIHNlY29uZGFyeSBrZXk6IG5vIHNlY3JldCAgMg==",
)
TOPIC_KEYS = (
    "c3dpdGNoaG9vay1kZXYtdG9waWMta2V5LTEtbm8tc2U=",
    "c3dpdGNoaG9vay1kZXYtdG9waWMta2V5LTItbm8tc2U=",
)

# North American numbers in the 555-01xx range are reserved for fiction.
NUMBERS = ("+15555550100", "+15555550101", "+18005550100")
SHORT_CODES = ("55501",)
