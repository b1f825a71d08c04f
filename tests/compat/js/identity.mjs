// Manages a user with the official client and exchanges Entra tokens; prints what came of it as JSON.
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
import { CommunicationIdentityClient } from "@azure/communication-identity";

const { CONNECTION_STRING, ENDPOINT, ENTRA, TEAMS, APP_ID, USER_ID } = process.env;
const client = new CommunicationIdentityClient(CONNECTION_STRING);

const refused = async (work) => {
  try {
    await work();
  } catch (error) {
    return [error.statusCode, error.code, error.message.split("\n")[0]];
  }
  return null;
};

const exchanged = async (token, scopes) => {
  const getToken = async () => ({ token, expiresOnTimestamp: Date.now() + 3600_000 });
  const credential = new AzureCommunicationTokenCredential({
    resourceEndpoint: ENDPOINT,
    tokenCredential: { getToken },
    scopes,
  });
  try {
    return await credential.getToken();
  } finally {
    credential.dispose();
  }
};

const user = await client.createUser();
const together = await client.createUserAndToken(["chat", "voip"], { tokenExpiresInMinutes: 60 });
const before = await client.getToken(user, ["chat.join"]);
await client.revokeTokens(user);
const after = await client.getToken(user, ["chat"]);
await client.deleteUser(together.user);
const teams = await client.getTokenForTeamsUser({
  teamsUserAadToken: TEAMS,
  clientId: APP_ID,
  userObjectId: USER_ID,
});
console.log(
  JSON.stringify({
    user: user.communicationUserId,
    together,
    before,
    after,
    teams,
    entra: await exchanged(ENTRA, ["https://communication.azure.com/clients/.default"]),
    extension: await exchanged(TEAMS, ["https://auth.msft.communication.azure.com/.default"]),
    gone: await refused(() => client.getToken(together.user, ["chat"])),
    late: await refused(() => client.createUserAndToken(["chat"], { tokenExpiresInMinutes: 59 })),
  }),
);
