"""The presence family: article "Presence events" of 2021-10."""

from switchhook.communication.catalogue.identifiers import identifier
from switchhook.communication.catalogue.model import EventType, Family, Required

TYPES = (
    EventType(
        name="Microsoft.Communication.UserDisconnected",
        family=Family.PRESENCE,
        when="A chat user has lost the connection to the service.",
        subject="user/{userRawId}",
        fields=(identifier("userCommunicationIdentifier", Required.ALWAYS),),
    ),
)
