// Calls a method of the official chat client, once for each line of JSON that it reads; answers each
// with one line: {"result": ...}, {"pages": [[...], ...]} for lists, or {"error": {...}} with what was
// thrown. A time is {"$date": "..."} in both directions.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { ChatClient } from "@azure/communication-chat";
import { AzureCommunicationTokenCredential } from "@azure/communication-common";

const { ENDPOINT, CA } = process.env;
const OPTIONS = { tlsOptions: { ca: readFileSync(CA, "utf8") }, retryOptions: { maxRetries: 0 } };

function withDates(_, value) {
  return value?.$date ? new Date(value.$date) : value;
}

function withoutDates(name, value) {
  // JSON.stringify has made a text of a date before it asks.
  return this[name] instanceof Date ? { $date: value } : value;
}

async function call({ token, threadId, method, args = [] }) {
  const chat = new ChatClient(ENDPOINT, new AzureCommunicationTokenCredential(token), OPTIONS);
  const client = threadId ? chat.getChatThreadClient(threadId) : chat;
  if (!method.startsWith("list")) return { result: await client[method](...args) };
  const pages = [];
  for await (const page of client[method](...args).byPage()) pages.push(page);
  return { pages };
}

async function answer(order) {
  try {
    return await call(order);
  } catch ({ name, statusCode, code, message, response }) {
    const retryAfter = response?.headers.get("retry-after");
    return { error: { type: name, status: statusCode, code, message, retryAfter } };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line, withDates)), withoutDates));
}
