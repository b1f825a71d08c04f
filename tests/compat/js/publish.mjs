// Publishes events with the official client; ends with 0 when they were accepted.
import { EventGridPublisherClient, AzureKeyCredential } from "@azure/eventgrid";

const { ENDPOINT, KEY } = process.env;
const client = new EventGridPublisherClient(ENDPOINT, "EventGrid", new AzureKeyCredential(KEY));
await client.send([
  { id: "js-1", eventType: "Shop.OrderPlaced", subject: "orders/1", dataVersion: "1.0", data: { total: 12.5 } },
  { id: "js-2", eventType: "Shop.OrderPlaced", subject: "orders/2", dataVersion: "1.0", data: { note: "grüezi" } },
]);
