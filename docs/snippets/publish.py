"""Publish an event: endpoint and key of the topic are the arguments."""

import sys

from azure.core.credentials import AzureKeyCredential
from azure.eventgrid import EventGridEvent, EventGridPublisherClient

endpoint, key = sys.argv[1:]
event = EventGridEvent(
    subject="orders/1", event_type="Shop.OrderPlaced", data={"total": 3}, data_version="1.0"
)
EventGridPublisherClient(endpoint, AzureKeyCredential(key)).send(event)
print(event.id)
