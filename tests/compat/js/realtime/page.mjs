// What a page of an application does with the official chat client; bundled for the browser.
import { ChatClient } from "@azure/communication-chat";
import { AzureCommunicationTokenCredential } from "@azure/communication-common";

const CONNECTION_EVENTS = ["realTimeNotificationConnected", "realTimeNotificationDisconnected"];
const CHAT_EVENTS = [
  "chatMessageReceived",
  "chatMessageEdited",
  "chatMessageDeleted",
  "typingIndicatorReceived",
  "readReceiptReceived",
  "chatThreadCreated",
  "chatThreadPropertiesUpdated",
  "chatThreadDeleted",
  "participantsAdded",
  "participantsRemoved",
];

const heard = new Map();
const waiting = new Map();

function note(name, event) {
  const next = (waiting.get(name) ?? []).shift();
  if (next) {
    next(event);
  } else {
    heard.set(name, [...(heard.get(name) ?? []), event]);
  }
}

function next(name) {
  const [first, ...rest] = heard.get(name) ?? [];
  if (first !== undefined) {
    heard.set(name, rest);
    return Promise.resolve(first);
  }
  return new Promise((resolve) => waiting.set(name, [...(waiting.get(name) ?? []), resolve]));
}

function open(endpoint, token) {
  globalThis.client = new ChatClient(endpoint, new AzureCommunicationTokenCredential(token));
}

async function start() {
  for (const name of CONNECTION_EVENTS) {
    client.on(name, () => note(name, {}));
  }
  await client.startRealtimeNotifications();
  for (const name of CHAT_EVENTS) {
    client.on(name, (event) => note(name, event));
  }
}

// Of every event that was heard and not yet asked for, how often.
function left() {
  return Object.fromEntries([...heard].map(([name, events]) => [name, events.length]));
}

globalThis.page = { open, start, next, left };
