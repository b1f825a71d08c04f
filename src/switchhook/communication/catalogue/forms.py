"""How do the events of older documents differ from those of the current ones?

A `Form` is the difference of one type from its current description. `members` lists the members
of `data` in their order, in words of the form `[name=]source[|conversion]`:

- `messageId` is the current member of that name, as it is;
- `durationOfCall=callDurationInSeconds` gives it another name;
- `deliveryAttemptTimeStamp=deliveryAttemptTimestamp|zulu` converts its value, too
  (`conversions.CONVERSIONS`);
- `addedBy=addedByCommunicationIdentifier.rawId` takes a member of an object inside;
- `messageType='MIME'` is a constant, `arrivedAt=$time|seconds` the time of the event.

`inside` does the same for the members of an object (or of an array's objects), by its path. What is
not listed is left out; an empty text keeps everything.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from switchhook.communication.catalogue.model import EventType, Family


class Casing(StrEnum):
    """How the member names of SMS data are written."""

    CAMEL = "camel"
    PASCAL = "pascal"


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """How one type looks in a profile; `name` and `subject` are None where they did not differ."""

    members: str = ""
    inside: Mapping[str, str] = {}
    name: str | None = None
    subject: str | None = None


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The events as certain documents describe them.

    `types` are the documented names. `forms` says, by current name, what a current type looks like;
    a current type of a family in `families` without a form does not exist in the profile, and one
    of another family is as in `GA`.
    """

    name: str
    documents: str
    types: tuple[str, ...]
    forms: Mapping[str, Form] = {}
    families: frozenset[Family] = frozenset()
    own_types: tuple[EventType, ...] = ()
    sms_key_casing: Casing = Casing.CAMEL
    plus_in_numbers: bool = True
    prefixed_message_ids: bool = False
    id_is_message_id: bool = True
    versions_as_text: bool = False
    is_first_draft: bool = False
