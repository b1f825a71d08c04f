"""Which resources does a new installation have, so that the first example can be pasted?"""

from switchhook import defaults
from switchhook.communication.arm_resources import FixedValues
from switchhook.communication.management import Resources
from switchhook.communication.resources import NumberKind, OwnedNumber
from switchhook.errors import StartError
from switchhook.settings import Settings, exposed_by, is_development_key

_GROUP = f"/subscriptions/{defaults.SUBSCRIPTION_ID}/resourceGroups/{defaults.RESOURCE_GROUP}"
COMMUNICATION_ID = (
    f"{_GROUP}/providers/Microsoft.Communication/CommunicationServices/"
    f"{defaults.COMMUNICATION_NAME}"
)
TOPIC_ID = f"{_GROUP}/providers/Microsoft.EventGrid/topics/{defaults.TOPIC_NAME}"


async def ensure_defaults(settings: Settings, resources: Resources) -> None:
    """Create the default resources where they are absent; give them the keys of the settings."""
    communication = resources.communication
    if resources.sources.get(COMMUNICATION_ID) is None:
        await communication.put(
            COMMUNICATION_ID,
            defaults.COMMUNICATION_NAME,
            {"location": "global", "properties": {"dataLocation": "United States"}},
            FixedValues(
                keys=settings.communication_keys,
                immutable_id=defaults.COMMUNICATION_IMMUTABLE_ID,
                numbers=tuple(_default_numbers()),
            ),
        )
    elif settings.communication_key is not None:
        await communication.set_keys(COMMUNICATION_ID, settings.communication_keys)
    if resources.sources.get(TOPIC_ID) is None:
        body = {"location": "global"}
        await resources.topics.put(TOPIC_ID, defaults.TOPIC_NAME, body, settings.topic_keys)
    elif settings.topic_key is not None:
        await resources.topics.set_keys(TOPIC_ID, settings.topic_keys)


async def remove_resources(resources: Resources) -> None:
    """Remove every resource, the default ones too."""
    for system_topic in list(resources.topics.all_system_topics()):
        await resources.topics.delete_system_topic(system_topic.id)
    for topic in list(resources.topics.all()):
        await resources.topics.delete(topic.id)
    for domain in list(resources.domains.all()):
        await resources.domains.delete(domain.id)
    for communication in list(resources.communication.all()):
        await resources.communication.delete(communication.resource.resource_id)


def _default_numbers() -> list[OwnedNumber]:
    toll_free = ("+1800", "+1888", "+1877", "+1866")
    return [
        *(
            OwnedNumber(
                value=number,
                kind=NumberKind.TOLL_FREE
                if number.startswith(toll_free)
                else NumberKind.GEOGRAPHIC,
            )
            for number in defaults.NUMBERS
        ),
        *(OwnedNumber(value=code, kind=NumberKind.SHORT_CODE) for code in defaults.SHORT_CODES),
    ]


def refuse_public_keys(settings: Settings, resources: Resources) -> None:
    """Refuse to serve other machines with a key that everybody knows.

    The settings were checked before; a data folder that was used on loopback may still hold
    resources with the development keys.

    Raises:
        StartError: names the resource, and what to do.
    """
    option = exposed_by(settings)
    if not option:
        return
    keys = {record.resource.name: record.resource.keys for record in resources.communication.all()}
    keys |= {record.name: resources.topics.keys(record.id) for record in resources.topics.all()}
    for name, own in keys.items():
        if any(map(is_development_key, own)):
            raise StartError(
                f"{option} is open to other machines, but '{name}' in "
                f"{settings.data} has a development key, which is public: regenerate its keys "
                "while only this machine reaches the server, or start with another data folder"
            )
