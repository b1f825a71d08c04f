"""Publishes events with the official client."""

import os

from azure.core.credentials import AzureKeyCredential
from azure.eventgrid import EventGridEvent, EventGridPublisherClient

client = EventGridPublisherClient(os.environ["ENDPOINT"], AzureKeyCredential(os.environ["KEY"]))
client.send(
    EventGridEvent(
        id="py-1",
        subject="orders/1",
        event_type="Shop.OrderPlaced",
        data={"total": 12.5},
        data_version="1.0",
    )
)
