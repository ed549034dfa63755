// messaging-api-messenger, a client for the platform's Graph API, against the sandbox.
//
// Run by run.sh. The client knows nothing of the sandbox but its address; what arrives is looked up
// by the control API.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import messenger from "messaging-api-messenger";

const { MessengerClient } = messenger;
const sandbox = process.env.SANDBOX_URL;
const ACCOUNT = "17841499900000001";
const MIRA = "1099900000000101";
const SCOPES = ["instagram_business_basic", "instagram_business_manage_messages"];

async function control(path, body) {
  const request = body && { method: "POST", body: JSON.stringify(body) };
  const reply = await fetch(`${sandbox}/_sandbox/${path}`, request);
  assert.equal(reply.status, 200, await reply.clone().text());
  return reply.json();
}

async function thread(person) {
  return control(`instagram/accounts/${ACCOUNT}/threads/${person}`);
}

function client(accessToken) {
  return new MessengerClient({
    accessToken,
    appSecret: "posta-sandbox-instagram-app-secret",
    version: "25.0",
    origin: `${sandbox}/instagram/graph`,
  });
}

let app;
let mine;

before(async () => {
  const { app: made } = await control("seed", {});
  app = made.client_id;
  const token = await control("instagram/tokens", {
    client_id: app,
    account: ACCOUNT,
    scopes: SCOPES,
  });
  mine = client(token.token);
  // The pictures are nowhere.
  await control("instagram/options", { media_fetch: "trust" });
  await control("instagram/people/mira.demo/write", { account: ACCOUNT, text: "Hello?" });
});

test("sends a text and what it answers is the message", async () => {
  const sent = await mine.sendText(MIRA, "Grüße 👋");
  assert.equal(sent.recipientId, MIRA);
  const { messages } = await thread("mira.demo");
  const last = messages.at(-1);
  assert.deepEqual([last.id, last.text, last.by], [sent.messageId, "Grüße 👋", "api"]);
});

test("sends a picture by its address", async () => {
  await mine.sendImage(MIRA, "https://cdn.example.com/cat.jpg");
  const { messages } = await thread("mira.demo");
  const [attachment] = messages.at(-1).attachments;
  assert.equal(attachment.type, "image");
  assert.equal(attachment.payload.url, "https://cdn.example.com/cat.jpg");
});

test("sends quick replies and buttons", async () => {
  const quick = { contentType: "text", title: "Yes", payload: "YES" };
  await mine.sendMessage(MIRA, { text: "Shall we?", quickReplies: [quick] });
  const button = { type: "postback", title: "Book", payload: "BOOK" };
  await mine.sendButtonTemplate(MIRA, "A table?", [button]);
  const { messages } = await thread("mira.demo");
  assert.equal(messages.at(-2).text, "Shall we?");
  assert.equal(messages.at(-1).attachments[0].payload.template_type, "button");
});

test("shows that it types and has seen", async () => {
  await mine.typingOn(MIRA);
  assert.equal((await thread("mira.demo")).account_is_typing, true);
  await mine.typingOff(MIRA);
  await mine.markSeen(MIRA);
  const seen = await thread("mira.demo");
  assert.equal(seen.account_is_typing, false);
  assert.equal(seen.messages[0].seen, true);
});

test("reads the profile of a person who wrote", async () => {
  const profile = await mine.getUserProfile(MIRA, { fields: ["name", "username"] });
  assert.deepEqual(profile, { id: MIRA, name: "Mira", username: "mira.demo" });
});

test("sets and reads what a person can tap before anything is written", async () => {
  const questions = [{ question: "Are you open?", payload: "OPEN" }];
  await mine.setIceBreakers(questions);
  assert.deepEqual(await mine.getIceBreakers(), questions);
  const { told } = await control("instagram/people/theo.demo/tap", {
    account: ACCOUNT,
    title: "Are you open?",
  });
  assert.equal(told, 0, "there is no webhook here to be told");
  await mine.deleteIceBreakers();
  assert.equal(await mine.getIceBreakers(), null);
});

test("uploads a picture and sends it by its id", async () => {
  const { attachmentId } = await mine.uploadImage("https://cdn.example.com/menu.jpg", {
    isReusable: true,
  });
  await mine.sendImage(MIRA, { attachmentId });
  const { messages } = await thread("mira.demo");
  assert.equal(messages.at(-1).attachments[0].payload.attachment_id, attachmentId);
});

test("understands the sandbox's refusals as the platform's", async () => {
  const stranger = "1099900000000103";
  await assert.rejects(mine.sendText(stranger, "Hi"), /Messenger API - 10 OAuthException/);
  await assert.rejects(client("IGAAnobody").sendText(MIRA, "Hi"), /190 OAuthException Invalid/);
  const fault = { kind: "error", code: 613, subcode: 2534040 };
  await control("faults", { route: "messages", count: 1, fault });
  await assert.rejects(mine.sendText(MIRA, "Hi"), /613 OAuthException .*rate limit/);
});
