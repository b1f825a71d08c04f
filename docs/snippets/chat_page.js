import { ChatClient } from "@azure/communication-chat";
import { AzureCommunicationTokenCredential } from "@azure/communication-common";

for (const section of document.querySelectorAll("section")) {
  const [signIn, send] = section.querySelectorAll("form");
  let thread;

  function show(text) {
    const line = document.createElement("li");
    line.textContent = text;
    section.querySelector("ul").append(line);
  }

  function onSubmit(form, act) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      act().catch((error) => show(error.message));
    });
  }

  onSubmit(signIn, async () => {
    const credential = new AzureCommunicationTokenCredential(signIn.elements.token.value.trim());
    const chat = new ChatClient(document.querySelector("#endpoint").value, credential);
    for await (const { id, topic, deletedOn } of chat.listChatThreads()) {
      if (!deletedOn) {
        thread = chat.getChatThreadClient(id);
        show(`in the thread ${topic}`);
        break;
      }
    }
    chat.on("realTimeNotificationConnected", () => show("connected"));
    chat.on("realTimeNotificationDisconnected", () => show("disconnected"));
    await chat.startRealtimeNotifications();
    chat.on("typingIndicatorReceived", (event) => show(`${event.senderDisplayName} is typing`));
    chat.on("chatMessageReceived", (event) => show(`${event.senderDisplayName}: ${event.message}`));
  });

  onSubmit(send, async () => {
    const [, name] = signIn.elements.token.placeholder.split(" of ");
    await thread.sendMessage({ content: send.elements.text.value }, { senderDisplayName: name });
    send.reset();
  });
}
