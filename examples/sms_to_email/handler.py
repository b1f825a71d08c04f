"""A webhook for Event Grid: each SMS goes out as an e-mail.

SMTP_HOST and SMTP_PORT say through which server; with SMTP_USER and SMTP_PASSWORD the handler signs
in, over TLS. MAIL_FROM and MAIL_TO are the addresses. WEBHOOK_CODE is the secret that the query of
the event subscription's endpoint must have: http://localhost:7071/sms?code=SECRET
"""

import asyncio
import hashlib
import os
import smtplib
import ssl
import sys
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from hmac import compare_digest
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SMTP_HOST = os.environ["SMTP_HOST"]
SMTP_PORT = int(os.environ.get("SMTP_PORT", "587"))
SMTP_USER = os.environ.get("SMTP_USER")
SMTP_PASSWORD = os.environ.get("SMTP_PASSWORD", "")
MAIL_FROM = os.environ["MAIL_FROM"]
MAIL_TO = os.environ["MAIL_TO"]
WEBHOOK_CODE = os.environ["WEBHOOK_CODE"].encode()
TIMEOUT_SECONDS = 20  # less than the 30 seconds that Event Grid waits


async def receive(request: Request) -> Response:
    """Answer 200 only when every mail is sent; any 5xx brings the events again later."""
    if not compare_digest(request.query_params.get("code", "").encode(), WEBHOOK_CODE):
        return Response(status_code=401)
    events = await request.json()
    if request.headers.get("aeg-event-type") == "SubscriptionValidation":
        return JSONResponse({"validationResponse": events[0]["data"]["validationCode"]})
    try:
        await asyncio.to_thread(send, [mail(event) for event in events])
    except OSError as error:  # smtplib's errors are some
        print(f"not sent: {error}", file=sys.stderr)
        return Response("The mail server did not take it.", status_code=503)
    return Response(status_code=200)


def mail(event: dict[str, Any]) -> EmailMessage:
    """The e-mail of an SMSReceived event: the same each time, by its Message-ID too.

    Events are delivered at least once, and SMTP cannot tell what it has sent already; most
    mailboxes show mails with the same Message-ID once.
    """
    data = event["data"]
    name = hashlib.sha256(event["id"].encode()).hexdigest()[:32]
    message = EmailMessage()
    message["From"], message["To"] = MAIL_FROM, MAIL_TO
    message["Subject"] = f"SMS from {data['from']} to {data['to']}"
    message["Message-ID"] = f"<{name}@{MAIL_FROM.partition('@')[2]}>"
    # Seven digits of a second, of which Python reads six.
    message["Date"] = format_datetime(datetime.fromisoformat(event["eventTime"]))
    message.set_content(data["message"])
    return message


def send(messages: list[EmailMessage]) -> None:
    """Hand the mails to the server."""
    with smtplib.SMTP(SMTP_HOST, SMTP_PORT, timeout=TIMEOUT_SECONDS) as server:
        if SMTP_USER:
            server.starttls(context=ssl.create_default_context())
            server.login(SMTP_USER, SMTP_PASSWORD)
        for message in messages:
            server.send_message(message)
            print(f"sent {message['Message-ID']}")


app = Starlette(routes=[Route("/sms", receive, methods=["POST"])])
