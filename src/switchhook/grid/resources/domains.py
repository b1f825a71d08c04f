"""How do domains and their topics come, change and go?"""

from collections.abc import Iterator

import msgspec

from switchhook.grid.resources.domain_rules import (
    check_new_domain_topic,
    domain_topic_id,
    domain_topics_prefix,
)
from switchhook.grid.resources.ids import key_of
from switchhook.grid.resources.keyed_resources import (
    KeyedResources,
    KeyedTools,
    resource_not_found,
)
from switchhook.grid.resources.records import DomainRecord, DomainTopicRecord
from switchhook.grid.resources.topic_rules import DOMAIN


class DomainResources(KeyedResources[DomainRecord]):
    """Domains; the router knows them, and nothing of their topics but who subscribes to them."""

    def __init__(self, tools: KeyedTools) -> None:
        super().__init__(DOMAIN, tools)

    def get_topic(self, topic_id: str) -> DomainTopicRecord:
        """The topic of a domain.

        Raises:
            RequestError: there is none with this id.
        """
        record = self._view.get(key_of(topic_id), DomainTopicRecord)
        if record is None:
            raise resource_not_found(topic_id)
        return record

    def topics(self, domain_id: str, after: str = "") -> Iterator[DomainTopicRecord]:
        """The topics of a domain in the order of their ids, from behind the id `after`."""
        prefix = domain_topics_prefix(self.get(domain_id).id)
        return (record for _, record in self._view.all(DomainTopicRecord, prefix, after))

    async def put_topic(self, domain_id: str, name: str) -> DomainTopicRecord:
        """Create a topic, unless it is there.

        Raises:
            RequestError: there is no such domain, the name breaks a rule, or the domain is full.
        """
        async with self._view.turn:
            domain = self.get(domain_id)
            topic_id = domain_topic_id(domain, name)
            record = self._view.get(key_of(topic_id), DomainTopicRecord)
            if record is None:
                check_new_domain_topic(self._view, domain, name)
                record = DomainTopicRecord(id=topic_id, name=name)
                await self._view.write({key_of(topic_id): record})
        return record

    async def delete_topic(self, topic_id: str) -> bool:
        """Remove a topic and its event subscriptions in one commit; False if there was none."""
        key = key_of(topic_id)
        async with self._view.turn:
            source = self._sources.get(topic_id)
            if source is None or self._view.get(key, DomainTopicRecord) is None:
                return False
            removal = await self._tools.subscriptions.removal(source)
            await self._view.write(
                {**removal.edits, key: None},
                removal.changes,
                on_durable=lambda _: self._tools.subscriptions.removed(removal),
            )
        return True

    def _below(self, key: str) -> dict[str, msgspec.Struct | None]:
        return {own: None for own, _ in self._view.all(DomainTopicRecord, f"{key}/")}
