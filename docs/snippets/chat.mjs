// Two users chat: the connection string is the first argument.
import { ChatClient } from "@azure/communication-chat";
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
import { CommunicationIdentityClient } from "@azure/communication-identity";

const connectionString = process.argv[2];
const endpoint = connectionString.match(/endpoint=([^;]+)/)[1];
const identity = new CommunicationIdentityClient(connectionString);

// What a backend does: it has the key, and gives each user a token.
const alice = await identity.createUserAndToken(["chat"]);
const bob = await identity.createUserAndToken(["chat"]);
const signIn = ({ token }) => new ChatClient(endpoint, new AzureCommunicationTokenCredential(token));

// What Alice's program does.
const alices = signIn(alice);
const { chatThread } = await alices.createChatThread(
  { topic: "Lunch" },
  { participants: [{ id: bob.user, displayName: "Bob" }] },
);
await alices
  .getChatThreadClient(chatThread.id)
  .sendMessage({ content: "Soup?" }, { senderDisplayName: "Alice" });

// What Bob's does.
const bobs = signIn(bob);
for await (const { id, topic } of bobs.listChatThreads()) {
  for await (const message of bobs.getChatThreadClient(id).listMessages()) {
    if (message.type === "text") {
      console.log(`${topic}: ${message.senderDisplayName}: ${message.content.message}`);
    }
  }
}
