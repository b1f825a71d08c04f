"""Sends SMS with the official client; prints the results as JSON."""

import json
import os

from azure.communication.sms import SmsClient
from azure.core.credentials import AzureKeyCredential

if "ENDPOINT" in os.environ:
    client = SmsClient(os.environ["ENDPOINT"], AzureKeyCredential(os.environ["KEY"]))
else:
    client = SmsClient.from_connection_string(os.environ["CONNECTION_STRING"])
results = client.send(
    os.environ["FROM"],
    os.environ["TO"].split(","),
    "héllo from Python",
    enable_delivery_report=True,
    tag="python",
)
print(json.dumps([{"to": r.to, "messageId": r.message_id, "ok": r.successful} for r in results]))
