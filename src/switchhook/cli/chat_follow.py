"""`switchhook chat talk` and `watch`: what happens in a thread, as it happens.

The list of messages is asked again and again: it is what the user may see, whatever the resource's
events look like, and an interruption loses nothing.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, TextIO

from switchhook.cli.arm_client import Body
from switchhook.cli.chat_client import ChatUser, thread_path
from switchhook.cli.chat_lines import names_in, names_of, order_of, to_line
from switchhook.cli.chat_messages import LARGEST_PAGE, send_message
from switchhook.cli.chat_thread import add_thread, open_thread, participants_of
from switchhook.cli.chat_typed import TypedLines
from switchhook.cli.listen_output import printable, to_json_line
from switchhook.errors import RequestError, StartError

# A third of what Azure lets a user ask of a thread in a minute.
POLL_SECONDS = 1.0
QUIT = "/quit"
# What concerns one message, and not those that follow it.
_OF_THE_MESSAGE = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
_GONE = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)

NextLine = Callable[[float], str | None]
"""The next line that was typed, None when none came in so many seconds; EOFError at the end."""


def add_parsers(actions: Any) -> list[argparse.ArgumentParser]:
    """Add the actions to `switchhook chat`; answers their parsers."""
    talk = actions.add_parser(
        "talk",
        help="send each line that is typed, and print what the others write",
        description="Send each line of the input as a message, and print what others write "
        f"meanwhile. It ends with {QUIT}, with the end of the input, or with Ctrl-C. A line that "
        "begins with two slashes is sent with one.",
    )
    watch = actions.add_parser(
        "watch",
        help="print messages, edits, deletions and who comes and goes, as they happen",
        description="Print what happens in a thread, as its participant sees it: messages, edits "
        f"and deletions of the last {LARGEST_PAGE}, new topics, who comes and goes. It ends with "
        "Ctrl-C, with the server, or when the user is no longer in the thread.",
    )
    parsers = [talk, watch]
    for parser, run in ((talk, _talk), (watch, _watch)):
        add_thread(parser)
        parser.add_argument(
            "--last",
            type=int,
            default=10,
            metavar="N",
            help="begin with so many messages of before (default: %(default)s)",
        )
        parser.set_defaults(run=run)
    return parsers


class News:
    """What is new in a thread since the last look. Pure but for what it remembers."""

    def __init__(self) -> None:
        self._states: dict[str, tuple[str, bool]] = {}

    def first(self, newest_first: Iterable[Body], last: int) -> list[Body]:
        """The last messages of before, oldest first; from now on all of the page are known."""
        found = self._changed([newest_first])[::-1]
        return found[-last:] if last > 0 else []

    def of(self, pages: Iterable[Iterable[Body]]) -> list[Body]:
        """Messages that are new, or were edited or deleted since, in the order of that.

        Reads as many pages as it takes to come to a message that is known.
        """
        return sorted(self._changed(pages), key=order_of)

    def _changed(self, pages: Iterable[Iterable[Body]]) -> list[Body]:
        found = []
        for page in pages:
            is_known = False
            for message in page:
                state = (str(message.get("version")), bool(message.get("deletedOn")))
                before = self._states.get(message["id"])
                is_known = is_known or before is not None
                if before != state:
                    found.append(message)
                self._states[message["id"]] = state
            if is_known:
                break
        return found


class Follower:
    """Prints what happens in a thread, but for messages of one's own."""

    def __init__(self, user: ChatUser, thread_id: str, out: TextIO, *, as_json: bool) -> None:
        self._user = user
        self._path = thread_path(thread_id, "messages")
        self._thread_id = thread_id
        self._out = out
        self._as_json = as_json
        self._news = News()
        self._names: dict[str, str] = {}
        self._sent: set[str] = set()

    def begin(self, last: int) -> None:
        """Print the last messages of before."""
        self._names = names_of(participants_of(self._user, self._thread_id))
        self._show(self._news.first(next(self._pages(), []), last), happens_now=False)

    def look(self) -> bool:
        """Print what is new; False when the user may no longer see it."""
        try:
            found = self._news.of(self._pages())
        except RequestError as error:
            if error.status not in _GONE:
                raise
            print(printable(f"the thread has ended for this user: {error}"), file=sys.stderr)
            return False
        self._show(each for each in found if each["id"] not in self._sent or _is_changed(each))
        return True

    def say(self, text: str) -> None:
        """Send a message, which is not printed again."""
        try:
            answer = send_message(self._user, self._thread_id, text)
        except RequestError as error:
            if error.status not in _OF_THE_MESSAGE:
                raise
            print(printable(f"not sent: {error}"), file=sys.stderr)
        else:
            self._sent.add(str(answer["id"]))

    def _pages(self) -> Any:
        return self._user.pages(self._path, maxPageSize=LARGEST_PAGE)

    def _show(self, messages: Iterable[Body], *, happens_now: bool = True) -> None:
        for message in messages:
            self._names.update(names_in(message))
            if self._as_json:
                line = to_json_line(message)
            else:
                line = to_line(message, self._names, happens_now=happens_now)
            self._out.write(line + "\n")
        self._out.flush()


def follow(
    follower: Follower,
    next_line: NextLine,
    *,
    poll_seconds: float = POLL_SECONDS,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Send what is typed and print what is new, until the end of either."""
    due = now() + poll_seconds
    while True:
        try:
            line = next_line(max(0.0, due - now()))
        except EOFError:
            line = QUIT
        if line is not None and not _obey(follower, line):
            follower.look()
            return
        if now() >= due:
            if not follower.look():
                return
            due = now() + poll_seconds


def _obey(follower: Follower, line: str) -> bool:
    """Do as a line says; False for one that ends it all."""
    if line.strip() == QUIT:
        return False
    if line.startswith("/") and not line.startswith("//"):
        print(
            f"only {QUIT} is a command; begin with // to send a line that begins with /",
            file=sys.stderr,
        )
    elif line.strip():
        follower.say(line[1:] if line.startswith("//") else line)
    return True


def _talk(arguments: argparse.Namespace) -> int:
    return _follow(arguments, lambda: TypedLines(sys.stdin.fileno()).next)


def _watch(arguments: argparse.Namespace) -> int:
    return _follow(arguments, lambda: _nothing_typed)


def _nothing_typed(seconds: float) -> None:
    time.sleep(seconds)


def _follow(arguments: argparse.Namespace, open_input: Callable[[], NextLine]) -> int:
    if not 0 <= arguments.last <= LARGEST_PAGE:
        raise StartError(f"--last must be 0 to {LARGEST_PAGE}, not {arguments.last}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        user, thread_id = open_thread(arguments)
        follower = Follower(user, thread_id, sys.stdout, as_json=arguments.json)
        follower.begin(arguments.last)
        follow(follower, open_input())
    except KeyboardInterrupt:
        pass
    return 0


def _is_changed(message: Body) -> bool:
    return bool(message.get("editedOn") or message.get("deletedOn"))
