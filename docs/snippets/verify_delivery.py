import sys

import jwt  # pip install "pyjwt[crypto]"

origin, tenant, application, token = sys.argv[1:]

keys = jwt.PyJWKClient(f"{origin}/{tenant}/discovery/v2.0/keys")
claims = jwt.decode(
    token,
    keys.get_signing_key_from_jwt(token),
    algorithms=["RS256"],
    audience=application,
    issuer=f"{origin}/{tenant}/v2.0",
)
if "AzureEventGridSecureWebhookSubscriber" not in claims["roles"]:
    sys.exit("the token lacks the role of Event Grid")
print(claims["appid"])
