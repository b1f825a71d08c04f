"""The list of types is whole, and its reference page is up to date."""

from pathlib import Path

import pytest
from azure.eventgrid import SystemEventNames

from switchhook.communication.catalogue import all_types, find, types_of
from switchhook.communication.catalogue.document import render_page
from switchhook.errors import RequestError

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "events.md"


def test_there_are_sixty_six_types() -> None:
    """54 current types, 4 names of previews and 8 of drafts, each once."""
    names = {event_type.name for event_type in all_types()}

    assert len(all_types()) == len(names) == 66
    assert len(types_of("GA")) == 54


def test_every_type_of_the_sdk_is_there() -> None:
    """azure-eventgrid lists all public names but one preview's."""
    known = {event_type.name for event_type in all_types()}
    listed = {
        name.value for name in SystemEventNames if name.value.startswith("Microsoft.Communication.")
    }

    assert listed <= known
    assert {event_type.name for event_type in types_of("GA")} - listed == {
        "Microsoft.Communication.AdvancedMessageAnalysisCompleted"
    }


@pytest.mark.parametrize(
    "name", ["SMSReceived", "smsreceived", "Microsoft.Communication.SMSReceived"]
)
def test_type_is_found_by_full_or_short_name(name: str) -> None:
    """Casing does not matter; a draft's namesake stands back."""
    assert find(name).name == "Microsoft.Communication.SMSReceived"


def test_draft_is_found_by_its_full_name() -> None:
    """The namesake of the draft is another type."""
    name = "Microsoft.CommunicationServices.SMSReceived"

    assert find(name).name == name


def test_unknown_type_is_refused_by_name() -> None:
    """The message says which name was not found."""
    with pytest.raises(RequestError, match="'SMSSent' is not one of Communication Services"):
        find("SMSSent")


def test_reference_page_is_up_to_date() -> None:
    """Run `python -m switchhook.communication.catalogue.document` when this fails."""
    assert PAGE.read_text(encoding="utf-8") == render_page()
