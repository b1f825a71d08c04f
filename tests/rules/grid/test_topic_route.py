"""What may routing an event of a topic cost?"""

from switchhook.grid.subscription_queue import SubscriptionQueue
from switchhook.grid.topic_route import TopicRoute
from switchhook.grid.topics import TopicKind
from tests.builders import a_subscription, a_topic


def test_every_subscription_counts_once() -> None:
    """Also one that has changed, and one to a topic of a domain; one that is gone does not."""
    route = TopicRoute(a_topic(kind=TopicKind.DOMAIN))
    whole, part = (
        SubscriptionQueue(a_subscription(incarnation=name, domain_topic=topic))
        for name, topic in (("whole", ""), ("part", "bread"))
    )
    costs = [route.most_for_each]

    for change in (route.put, route.put, route.remove, route.remove):
        for queue in (whole, part):
            change(queue)
            costs.append(route.most_for_each)

    assert costs == [1, 2, 3, 3, 3, 2, 1, 1, 1]
