// Sends one SMS with the official client; prints the results as JSON.
import { SmsClient } from "@azure/communication-sms";

const { CONNECTION_STRING, FROM, TO, INSECURE } = process.env;
const options = INSECURE ? { allowInsecureConnection: true } : {};
const client = new SmsClient(CONNECTION_STRING, options);
const results = await client.send(
  { from: FROM, to: TO.split(","), message: "héllo from Node" },
  { enableDeliveryReport: true, tag: "js" },
);
console.log(JSON.stringify(results));
