"""Does a subscription want an event?

Source: event-filtering.md (Sep 2022). All parts of a filter must hold. Subjects are compared
without regard to case unless `isSubjectCaseSensitive`; there are no wildcards.
"""

from switchhook.grid.subscriptions import Filter

# Whether event types are compared with regard to case is not documented; "exact match" is read
# literally.
EVENT_TYPES_REGARD_CASE = True


def matches(
    wanted: Filter, event_type: str, subject: str, *, ignores_leading_slash: bool = False
) -> bool:
    """Whether the filter selects an event of this type and subject."""
    return (
        _has_type(wanted, event_type)
        and _begins(wanted, subject, ignores_leading_slash)
        and ends(wanted, subject)
    )


def ends(wanted: Filter, subject: str) -> bool:
    """Whether the subject has the wanted suffix."""
    if wanted.is_subject_case_sensitive:
        return subject.endswith(wanted.subject_ends_with)
    return without_case(subject).endswith(without_case(wanted.subject_ends_with))


def type_key(event_type: str) -> str:
    """The text by which event types are compared."""
    return event_type if EVENT_TYPES_REGARD_CASE else event_type.lower()


def without_case(subject: str) -> str:
    """The text by which subjects are compared without regard to case."""
    # `lower` writes a capital sigma in two ways, by what follows it: the beginning of a text would
    # then not always be a beginning of it.
    return subject.lower().replace("\u03c2", "\u03c3")


def without_slash(subject: str, ignores_leading_slash: bool) -> str:
    """The text whose beginning is compared: one leading slash may not count."""
    return subject[1:] if ignores_leading_slash and subject.startswith("/") else subject


def needs_ignored_slash(wanted: Filter, subject_prefixes: tuple[str, ...]) -> bool:
    """Whether the filter can select subjects that begin with one of `subject_prefixes` only because
    a leading slash does not count."""
    begins = wanted.subject_begins_with.lower()
    if not begins or begins.startswith("/"):
        return False
    slashed = (prefix.lower() for prefix in subject_prefixes if prefix.startswith("/"))
    return any(p[1:].startswith(begins) or begins.startswith(p[1:]) for p in slashed)


def _has_type(wanted: Filter, event_type: str) -> bool:
    types = wanted.included_event_types
    return types is None or type_key(event_type) in map(type_key, types)


def _begins(wanted: Filter, subject: str, ignores_leading_slash: bool) -> bool:
    subject = without_slash(subject, ignores_leading_slash)
    prefix = without_slash(wanted.subject_begins_with, ignores_leading_slash)
    if wanted.is_subject_case_sensitive:
        return subject.startswith(prefix)
    return without_case(subject).startswith(without_case(prefix))
