// Publishes or parses with the official client, once for each line of JSON that it reads; answers
// each with one line: {} when the events were accepted, {"events": [...]} as they were read, or
// {"error": {...}} with what was thrown.
import { createInterface } from "node:readline";
import {
  AzureKeyCredential,
  AzureSASCredential,
  EventGridDeserializer,
  EventGridPublisherClient,
  generateSharedAccessSignature,
} from "@azure/eventgrid";

async function credential(order) {
  const key = new AzureKeyCredential(order.key);
  if (order.credential === "key") return key;
  if (order.credential === "sas") {
    const until = new Date(Date.now() + (order.minutes ?? 5) * 60_000);
    return new AzureSASCredential(await generateSharedAccessSignature(order.endpoint, key, until));
  }
  // Any object with this method is a TokenCredential.
  const token = { token: order.token, expiresOnTimestamp: Date.now() + 3_000_000 };
  return { getToken: async () => token };
}

function eventGridEvent({ eventTime, ...members }) {
  return eventTime ? { ...members, eventTime: new Date(eventTime) } : members;
}

function cloudEvent({ id, source, type, subject, dataschema, datacontenttype, ...members }) {
  const { time, data, data_base64, specversion, ...extensionAttributes } = members;
  const value = data_base64 ? new Uint8Array(Buffer.from(data_base64, "base64")) : data;
  const known = { id, source, type, subject, dataschema, datacontenttype, data: value };
  return { ...known, ...(time && { time: new Date(time) }), extensionAttributes };
}

const FORMS = { EventGrid: eventGridEvent, CloudEvent: cloudEvent, Custom: (event) => event };

async function publish(order) {
  const { endpoint, form, events } = order;
  const client = new EventGridPublisherClient(endpoint, form, await credential(order));
  await client.send([events].flat().map(FORMS[form]), order.send ?? {});
  return {};
}

async function parse({ schema, body }) {
  const consumer = new EventGridDeserializer();
  const events =
    schema === "CloudEventSchemaV1_0"
      ? await consumer.deserializeCloudEvents(body)
      : await consumer.deserializeEventGridEvents(body);
  return { events: events.map(readable) };
}

function readable(event) {
  const isBinary = event.data instanceof Uint8Array;
  return isBinary ? { ...event, data: { base64: Buffer.from(event.data).toString("base64") } } : event;
}

async function answer(order) {
  try {
    return await (order.body === undefined ? publish(order) : parse(order));
  } catch (error) {
    const { name, statusCode, message, code, details } = error;
    return { error: { type: name, status: statusCode, code: details?.error?.code ?? code, message } };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
