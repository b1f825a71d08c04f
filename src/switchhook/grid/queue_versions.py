"""Which version of an event subscription is an event's?"""

from collections.abc import Collection

from switchhook.grid.subscriptions import EventSubscription


class QueueVersions:
    """The version in force, and those before it that events may still need."""

    __slots__ = ("_older", "subscription")

    def __init__(self, subscription: EventSubscription) -> None:
        self.subscription = subscription
        self._older: tuple[EventSubscription, ...] = ()

    def upgrade(self, subscription: EventSubscription) -> None:
        """Events from the new version's position on are its; earlier ones stay with the older."""
        self._older = tuple(v for v in self.versions if v.version != subscription.version)
        self.subscription = subscription

    @property
    def versions(self) -> tuple[EventSubscription, ...]:
        """All versions that events may still need, the one in force last."""
        return (*self._older, self.subscription)

    def version(self, number: int) -> EventSubscription | None:
        """The version of this number, if events may still need it."""
        return next((each for each in self.versions if each.version == number), None)

    @property
    def has_older_versions(self) -> bool:
        """Whether events may still need a version before the one in force."""
        return bool(self._older)

    def forget_versions(self, numbers: Collection[int]) -> None:
        """No event needs these versions any more."""
        self._older = tuple(each for each in self._older if each.version not in numbers)

    def version_at(self, position: int) -> EventSubscription | None:
        """The version in force for the event at `position`; None before the subscription began."""
        if position >= self.subscription.from_position:
            return self.subscription
        older = (v for v in self._older if v.from_position <= position)
        # Of two versions from the same position on, the older was never in force for any event.
        return max(older, key=lambda v: (v.from_position, v.version), default=None)
