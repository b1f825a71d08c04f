"""What was asked of chat, what came of it, and did all of its events arrive?

Every action says something that no other says, its token: a topic, a text, a display name. The
thread's state and each of its events repeat it, also where no answer told an id.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from tests.crash.chat_events import NOBODY, Kind, read_event


class Outcome(StrEnum):
    """What became of an action."""

    UNKNOWN = "unknown"  # it has no answer, and its state has not been read yet
    DONE = "done"
    NOTHING = "nothing"  # it had no answer and no effect


@dataclass(eq=False, kw_only=True)
class Action:
    """Something that was asked, with what its events must be.

    `names` are the display names of the users that are added or removed, by raw id; `recipients`
    those of the user-level copies.
    """

    kind: Kind
    by: str
    token: str
    recipients: frozenset[str]
    thread_id: str = ""
    message_id: str = ""
    names: dict[str, str] = field(default_factory=dict)
    outcome: Outcome = Outcome.UNKNOWN

    @property
    def tokens(self) -> tuple[str, ...]:
        """What its events say: each newcomer and each leaver has a set of events of its own."""
        if self.kind in (Kind.ADD, Kind.REMOVE):
            return tuple(self.names.values())
        return (self.token,)

    @property
    def place(self) -> str:
        """Where its events say that it happened."""
        is_about_message = self.kind in (Kind.SEND, Kind.EDIT, Kind.DELETE)
        return f"{self.thread_id}/{self.message_id}" if is_about_message else self.thread_id


@dataclass
class Copies:
    """The events of one token that arrived: ids by recipient, and the places that they name."""

    ids: dict[str, set[str]] = field(default_factory=dict)
    places: set[str] = field(default_factory=set)


@dataclass
class ThreadBook:
    """What a thread must be, by what was done in it; `texts` is by message id, None if deleted."""

    id: str
    topic: str
    created_by: str
    participants: dict[str, str]
    run: int
    is_shared: bool = False
    is_deleted: bool = False
    texts: dict[str, str | None] = field(default_factory=dict)
    senders: dict[str, str] = field(default_factory=dict)
    edited: set[str] = field(default_factory=set)
    # What the service wrote into the history: its type, and the topic or a user's name.
    told: Counter[tuple[str, str]] = field(default_factory=Counter)
    pending: list[Action] = field(default_factory=list)

    def apply(self, action: Action) -> None:
        """The action was done."""
        message = action.message_id
        match action.kind:
            case Kind.RETITLE:
                self.topic = action.token
                self.told["topicUpdated", action.token] += 1
            case Kind.DELETE_THREAD:
                self.is_deleted = True
            case Kind.ADD:
                self.participants |= action.names
                self.told.update(("participantAdded", each) for each in action.names.values())
            case Kind.REMOVE:
                for raw_id in action.names:
                    del self.participants[raw_id]
                self.told.update(("participantRemoved", each) for each in action.names.values())
            case Kind.SEND | Kind.EDIT:
                self.texts[message] = action.token
                self.senders[message] = action.by
                if action.kind == Kind.EDIT:
                    self.edited.add(message)
            case Kind.DELETE:
                self.texts[message] = None

    def own_texts(self, sender: str) -> list[str]:
        """The ids of a user's messages that can be changed: no action waits for its outcome."""
        waiting = {each.message_id for each in self.pending}
        return [
            each
            for each, text in self.texts.items()
            if text is not None and self.senders[each] == sender and each not in waiting
        ]


@dataclass
class ChatBooks:
    """Everything that was asked of chat in one campaign, and every event of it."""

    actions: list[Action] = field(default_factory=list)
    threads: dict[str, ThreadBook] = field(default_factory=dict)
    arrived: dict[tuple[Kind, str], Copies] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    found: int = 0  # done, as was read back: there was no answer

    def begin(self, action: Action) -> None:
        """An action is asked for."""
        self.actions.append(action)
        if action.thread_id:
            self.threads[action.thread_id].pending.append(action)

    def settle(self, action: Action, outcome: Outcome) -> None:
        """The outcome of an action is known."""
        action.outcome = outcome
        thread = self.threads[action.thread_id]
        if action in thread.pending:
            thread.pending.remove(action)
        if outcome == Outcome.DONE:
            thread.apply(action)

    def create(self, action: Action, run: int, *, is_shared: bool = False) -> ThreadBook:
        """A thread is there: `action` has its id, and says what it began with."""
        action.outcome = Outcome.DONE
        thread = ThreadBook(
            id=action.thread_id,
            topic=action.token,
            created_by=action.by,
            participants=action.names | {action.by: ""},
            run=run,
            is_shared=is_shared,
        )
        thread.told["topicUpdated", action.token] += 1
        thread.told.update(("participantAdded", each) for each in thread.participants.values())
        self.threads[thread.id] = thread
        return thread

    def arrive(self, event_id: str, event_type: str, content: bytes) -> None:
        """An event arrived; `content` is its data."""
        told = read_event(event_type, content)
        copies = self.arrived.setdefault((told.kind, told.token), Copies())
        copies.ids.setdefault(told.recipient, set()).add(event_id)
        copies.places.add(told.place)

    def missing(self) -> list[str]:
        """The events of what was done that have not arrived."""
        return [
            f"{action.kind} {token!r} to {recipient or 'the thread'}"
            for action in self.actions
            if action.outcome == Outcome.DONE
            for token in action.tokens
            for recipient in sorted(action.recipients | {NOBODY})
            if recipient not in self.copies(action.kind, token).ids
        ]

    def copies(self, kind: Kind, token: str) -> Copies:
        """The events of a token that arrived."""
        return self.arrived.get((kind, token), Copies())

    def counted(self) -> str:
        """What happened, in a line."""
        done = sum(each.outcome == Outcome.DONE for each in self.actions)
        nothing = sum(each.outcome == Outcome.NOTHING for each in self.actions)
        events = sum(len(ids) for each in self.arrived.values() for ids in each.ids.values())
        return (
            f"chat: {done:,} actions done in {len(self.threads):,} threads; of those without an "
            f"answer {self.found:,} were done and {nothing:,} were not; {events:,} events, "
            f"{len(self.missing())} lost"
        )


def judge_chat(books: ChatBooks) -> list[str]:
    """What is wrong, in words; nothing when state and events agree, and both with the answers."""
    problems = books.problems[:10]
    missing = books.missing()
    if missing:
        problems.append(f"chat: {len(missing)} events never delivered: {missing[:5]}")
    # What was asked without an answer and did not happen may have been asked again.
    done = {
        (action.kind, token)
        for action in books.actions
        if action.outcome == Outcome.DONE
        for token in action.tokens
    }
    wrong = [
        each
        for action in books.actions
        for token in action.tokens
        if action.outcome != Outcome.NOTHING or (action.kind, token) not in done
        for each in _wrong_events(books, action, token)
    ]
    known = {(action.kind, token) for action in books.actions for token in action.tokens}
    wrong += [f"{kind} {token!r} was never asked" for kind, token in books.arrived.keys() - known]
    if wrong:
        problems.append(f"chat: {len(wrong)} wrong events: {wrong[:5]}")
    return problems


def _wrong_events(books: ChatBooks, action: Action, token: str) -> Iterable[str]:
    """What arrived and should not have."""
    copies, what = books.copies(action.kind, token), f"{action.kind} {token!r}"
    if action.outcome == Outcome.UNKNOWN:
        yield f"{what}: nobody knows what became of it"
    elif action.outcome == Outcome.NOTHING:
        if copies.ids:
            yield f"{what}: {len(copies.ids)} events of what did not happen"
        return
    if strangers := copies.ids.keys() - action.recipients - {NOBODY}:
        yield f"{what}: events for {sorted(strangers)}"
    if any(len(ids) > 1 for ids in copies.ids.values()):
        yield f"{what}: two events for one recipient"
    if copies.places - {action.place}:
        yield f"{what}: happened in {action.place}, events say {sorted(copies.places)}"
