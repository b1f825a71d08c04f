"""Sends SMS with the official asynchronous client; prints the results as JSON."""

import asyncio
import json
import os

from azure.communication.sms.aio import SmsClient


async def main() -> None:
    """Send, and print."""
    async with SmsClient.from_connection_string(os.environ["CONNECTION_STRING"]) as client:
        results = await client.send(
            os.environ["FROM"], os.environ["TO"].split(","), "hi", enable_delivery_report=True
        )
    found = [{"to": r.to, "messageId": r.message_id, "ok": r.successful} for r in results]
    print(json.dumps(found))


asyncio.run(main())
