"""A customer texts, and the text is an e-mail a moment later.

Starts all it needs and ends with 0 only if one mail came. The mail server is that of SMTP_HOST, to
which MAIL_FROM and MAIL_TO belong, or without the variable one that only keeps what it gets.

    python examples/sms_to_email/run.py
"""

import contextlib
import os
import sys
from email.message import EmailMessage
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from inbox import running_inbox  # noqa: E402
from stage import CUSTOMER, Stage, running_handler, running_switchhook, wait_for  # noqa: E402

TEXT = "Please call me back — it is urgent."


def main() -> int:
    """Play it through; answer the process's exit code."""
    with contextlib.ExitStack() as stack:
        stage = stack.enter_context(running_switchhook())
        if "SMTP_HOST" in os.environ:
            return send_for_real(stack, stage)
        port, mails = stack.enter_context(running_inbox())
        own = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(port), "MAIL_FROM": "sms@example.com"}
        own["MAIL_TO"] = "support@example.com"
        stage.subscribe("to-email", stack.enter_context(running_handler(HERE, own)))
        text(stage)
        wait_for(lambda: mails or None)
        for mail in mails:
            print(f"{mail['Subject']} {mail['Message-ID']}\n{mail.get_content()}")
        return 0 if [is_right(mail, stage.number) for mail in mails] == [True] else 1


def send_for_real(stack: contextlib.ExitStack, stage: Stage) -> int:
    """Only the handler can tell that the mail server took the mail."""
    log = stage.folder / "handler.log"
    stage.subscribe("to-email", stack.enter_context(running_handler(HERE, {}, log)))
    text(stage)
    sent = wait_for(lambda: "sent <" in log.read_text() or None)
    print(log.read_text())
    return 0 if sent else 1


def text(stage: Stage) -> None:
    """The customer writes."""
    print(f"{CUSTOMER} texts {TEXT!r} to {stage.number}")
    stage.text(TEXT)


def is_right(mail: EmailMessage, number: str) -> bool:
    """Whether it is the mail of that text."""
    subject = f"SMS from {CUSTOMER} to {number}"
    return mail["Subject"] == subject and mail.get_content().strip() == TEXT


if __name__ == "__main__":
    sys.exit(main())
