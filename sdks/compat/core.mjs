// The unified API as its published Node SDK calls it: the path of a message, and what is around it.
//
// Run by run.sh against `posta dev`, whose tour leaves an account with one conversation.

import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, describe, it } from "node:test";

import { Zernio, ZernioApiError } from "@zernio/node";

import * as shape from "./shape.mjs";
import { assertShape } from "./shape.mjs";
import { client, until } from "./support.mjs";

const { POSTA_URL, POSTA_API_KEY } = process.env;

const UNKNOWN_ID = "0123456789abcdef01234567";

/** Asserts that a call fails as the SDK's error class says, and returns the error. */
async function assertFails(call, statusCode, type, code) {
  const error = await call.then(
    () => assert.fail(`the call succeeded; ${statusCode} ${code} was due`),
    (thrown) => thrown,
  );
  assert.ok(error instanceof ZernioApiError, `not the SDK's error: ${error?.stack}`);
  assert.deepEqual(
    { statusCode: error.statusCode, type: error.type, code: error.code },
    { statusCode, type, code },
  );
  assert.ok(error.message.length > 10, `no sentence for people: ${error.message}`);
  assert.equal(error.body.error, error.message);
  return error;
}

/** The headers that every answer carries. */
function assertHeaders(response) {
  const header = (name) => response.headers.get(name);
  assert.match(header("content-type"), /^application\/json/);
  assert.ok(header("x-request-id"), "no X-Request-Id");
  for (const name of ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"]) {
    assert.match(header(name) ?? "missing", /^\d+$/, name);
  }
}

/** A customer's endpoint on loopback that keeps what it gets. */
async function startReceiver() {
  const deliveries = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    deliveries.push({ headers: request.headers, body: Buffer.concat(chunks) });
    response.end("thanks");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${server.address().port}/hook`;
  return { url, deliveries, stop: () => server.close() };
}

for (const root of ["/api", ""]) {
  describe(`the SDK with baseURL http://host${root}`, () => {
    const baseURL = POSTA_URL + root;
    const zernio = client(root);
    let accountId, profileId, conversationId;

    before(async () => {
      const { data } = await zernio.accounts.listAccounts({ query: { platform: "instagram" } });
      const [account] = data.accounts;
      assert.ok(account, "the tour has connected no account");
      accountId = account._id;
      profileId = account.profileId._id;
      const conversation = await until("a conversation with a reply", async () => {
        const { data } = await zernio.messages.listInboxConversations({ query: { accountId } });
        const path = { conversationId: data.data[0]?.id };
        if (!path.conversationId) return undefined;
        const query = { accountId };
        const answer = await zernio.messages.getInboxConversationMessages({ path, query });
        return answer.data.messages.some((m) => m.direction === "outgoing") && data.data[0];
      });
      conversationId = conversation.id;
    });

    it("accounts.listAccounts", async () => {
      const { data, response } = await zernio.accounts.listAccounts();
      assert.equal(response.status, 200);
      assertHeaders(response);
      assertShape(data, { accounts: shape.list, hasAnalyticsAccess: shape.bool });
      assert.equal(data.pagination, undefined, "without limit or page the whole list comes back");
      data.accounts.forEach((account) => assertShape(account, shape.account, "account"));

      const byProfile = { query: { profileId, status: "connected", includeOverLimit: false } };
      const same = (await zernio.accounts.listAccounts(byProfile)).data.accounts;
      assert.ok(same.some((account) => account._id === accountId));
      const none = await zernio.accounts.listAccounts({ query: { status: "disconnected" } });
      assert.deepEqual(none.data.accounts, []);
      const page = (await zernio.accounts.listAccounts({ query: { page: 1, limit: 1 } })).data;
      const { count } = shape;
      assertShape(page.pagination, { page: count, limit: count, total: count, pages: count });
    });

    it("accounts.getAllAccountsHealth", async () => {
      const { data } = await zernio.accounts.getAllAccountsHealth({ query: { profileId } });
      const { count } = shape;
      const summary = { total: count, healthy: count, warning: count, error: count };
      assertShape(data, { summary: { ...summary, needsReconnect: count }, accounts: shape.list });
      assert.equal(data.summary.total, data.accounts.length);
      const own = data.accounts.find((account) => account.accountId === accountId);
      assertShape(own, shape.accountHealth, "health");
      assert.equal(own.status, "healthy", JSON.stringify(own.issues));
      assert.equal(own.tokenValid, true);
    });

    it("messages.listInboxConversations", async () => {
      const query = { accountId, platform: "instagram", status: "active", limit: 20 };
      const { data, response } = await zernio.messages.listInboxConversations({ query });
      assertHeaders(response);
      const { count, list, time } = shape;
      assertShape(data, {
        data: list,
        pagination: { hasMore: shape.is(false), nextCursor: shape.is(null) },
        meta: {
          accountsQueried: count,
          accountsFailed: shape.is(0),
          failedAccounts: list,
          lastUpdated: time,
        },
      });
      assert.ok(data.data.length > 0);
      for (const conversation of data.data) {
        assertShape(conversation, shape.conversation, "conversation");
        assert.equal(conversation.accountId, accountId);
        // On this platform the list names a conversation by the person.
        assert.equal(conversation.id, conversation.participantId);
      }
    });

    it("messages.getInboxConversation", async () => {
      const path = { conversationId };
      const { data } = await zernio.messages.getInboxConversation({ path, query: { accountId } });
      const { id24, list, text, time } = shape;
      assertShape(data.data, {
        id: text,
        accountId: id24,
        accountUsername: text,
        platform: shape.is("instagram"),
        status: shape.is("active"),
        participantName: text,
        participantId: shape.is(conversationId),
        lastMessage: text,
        lastMessageAt: time,
        updatedTime: time,
        participants: list,
      });
      assertShape(data.data.participants[0], { id: text, name: text }, "participant");
    });

    it("messages.getInboxConversationMessages", async () => {
      const path = { conversationId };
      const read = async (query) => {
        const call = { path, query: { accountId, ...query } };
        return (await zernio.messages.getInboxConversationMessages(call)).data;
      };
      const all = await read({});
      assertShape(all, {
        status: shape.text,
        messages: shape.list,
        pagination: { hasMore: shape.is(false), nextCursor: shape.is(null) },
        sortOrderApplied: shape.is("asc"),
        lastUpdated: shape.time,
      });
      all.messages.forEach((message) => assertShape(message, shape.message, "message"));
      const times = all.messages.map((message) => message.createdAt);
      assert.deepEqual(times, [...times].sort(), "oldest first");
      const directions = new Set(all.messages.map((message) => message.direction));
      assert.deepEqual(directions, new Set(["incoming", "outgoing"]));

      const newest = await read({ sortOrder: "desc", limit: 1 });
      assert.equal(newest.sortOrderApplied, "desc");
      assert.equal(newest.messages[0].id, all.messages.at(-1).id);
      assert.equal(newest.pagination.hasMore, true);
      const next = await read({
        sortOrder: "desc",
        limit: 1,
        cursor: newest.pagination.nextCursor,
      });
      assert.equal(next.messages[0].id, all.messages.at(-2).id);
    });

    it("messages.sendInboxMessage, and its replay", async () => {
      const text = `Grüße from the SDK, ${randomUUID()}`;
      const headers = { "Idempotency-Key": randomUUID() };
      const send = (message, conversation = conversationId) =>
        zernio.messages.sendInboxMessage({
          path: { conversationId: conversation },
          body: { accountId, message },
          headers,
        });
      const first = await send(text);
      assert.equal(first.response.status, 200);
      assertHeaders(first.response);
      assertShape(first.data, {
        success: shape.is(true),
        data: { messageId: shape.text, conversationId: shape.id24 },
      });
      assert.equal(first.response.headers.get("idempotent-replayed"), null);

      const again = await send(text);
      assert.deepEqual(again.data, first.data);
      assert.equal(again.response.headers.get("idempotent-replayed"), "true");
      const other = send("Another text under the same key");
      await assertFails(other, 422, "invalid_request_error", "idempotency_key_reused");

      const query = { accountId, limit: 100 };
      const path = { conversationId: first.data.data.conversationId };
      const { data } = await zernio.messages.getInboxConversationMessages({ path, query });
      const sent = data.messages.filter((message) => message.message === text);
      assert.equal(sent.length, 1, "sent once, and found by our own id of the conversation");
      assertShape(sent[0], {
        id: shape.is(first.data.data.messageId),
        direction: shape.is("outgoing"),
        sentVia: shape.is("api"),
        deliveryStatus: shape.oneOf("sent", "delivered", "read"),
      });
    });

    it("messages.sendInboxMessage, refused", async () => {
      const path = { conversationId };
      const send = (body) => zernio.messages.sendInboxMessage({ path, body });
      const kind = "invalid_request_error";
      await assertFails(send({ accountId }), 400, kind, "missing_required_field");
      const long = send({ accountId, message: "ü".repeat(501) });
      const error = await assertFails(long, 400, kind, "text_too_long");
      assert.equal(error.param, "message");
      assert.ok(error.isValidationError());
    });

    it("messages.markConversationRead", async () => {
      const call = { path: { conversationId }, body: { accountId } };
      const { data } = await zernio.messages.markConversationRead(call);
      assertShape(data, { success: shape.is(true), markedCount: shape.count });
      const again = await zernio.messages.markConversationRead(call);
      assert.equal(again.data.markedCount, 0);
      const query = { accountId };
      const conversations = await zernio.messages.listInboxConversations({ query });
      const own = conversations.data.data.find((found) => found.id === conversationId);
      assert.equal(own.unreadCount, 0);
    });

    it("comments", async () => {
      const { data: list } = await zernio.comments.listInboxComments({ query: { accountId } });
      assert.ok(list.data.length > 0, "the pretend account has posts with comments");
      const post = list.data[0];
      assertShape(post, {
        id: shape.text,
        platform: shape.is("instagram"),
        accountId: shape.is(accountId),
        createdTime: shape.time,
        commentCount: shape.count,
      });
      const path = { postId: post.id };
      const read = () => zernio.comments.getInboxPostComments({ path, query: { accountId } });
      const { data: before } = await read();
      const first = before.comments.find((comment) => comment.canReply && !comment.from.isOwner);
      assertShape(first, { id: shape.text, message: shape.text, createdTime: shape.time });
      const commentId = first.id;

      const headers = { "Idempotency-Key": randomUUID() };
      const body = { accountId, commentId, message: "Thank you!" };
      const reply = await zernio.comments.replyToInboxPost({ path, body, headers });
      assertShape(reply.data.data, { commentId: shape.text, isReply: shape.is(true) });
      const again = await zernio.comments.replyToInboxPost({ path, body, headers });
      assert.deepEqual(again.data, reply.data, "written once");

      const one = { path: { ...path, commentId } };
      const hidden = await zernio.comments.hideInboxComment({ ...one, body: { accountId } });
      assertShape(hidden.data, { commentId: shape.is(commentId), hidden: shape.is(true) });
      const shown = await zernio.comments.unhideInboxComment({ ...one, query: { accountId } });
      assertShape(shown.data, { hidden: shape.is(false), platform: shape.is("instagram") });
      const like = zernio.comments.likeInboxComment({ ...one, body: { accountId } });
      await assertFails(like, 400, "invalid_request_error", "platform_not_supported");

      const query = { accountId, commentId: reply.data.data.commentId };
      const deleted = await zernio.comments.deleteInboxComment({ path, query });
      assertShape(deleted.data, { success: shape.is(true) });
      const { data: after } = await read();
      const parent = after.comments.find((comment) => comment.id === commentId);
      assert.ok(parent.replies.every((known) => known.id !== query.commentId));

      const posts = await zernio.accounts.getAccountPosts({ path: { accountId } });
      assertShape(posts.data, { status: shape.is("success"), lastUpdated: shape.time });
      assert.ok(posts.data.posts.some((known) => known.id === post.id));
    });

    it("connect.getConnectUrl", async () => {
      const path = { platform: "instagram" };
      const connect = (query) => zernio.connect.getConnectUrl({ path, query });
      const { data } = await connect({ profileId, redirect_url: "https://a.example/c?d=e" });
      assertShape(data, { authUrl: shape.url, state: shape.text });
      const query = new URL(data.authUrl).searchParams;
      assert.equal(query.get("state"), data.state);
      assert.equal(query.get("response_type"), "code");
      assert.ok(query.get("client_id"));
      assert.ok(URL.canParse(query.get("redirect_uri")));
      assert.match(query.get("scope"), /\binstagram_business_manage_messages\b/);

      const kind = "invalid_request_error";
      const relative = connect({ profileId, redirect_url: "/done" });
      await assertFails(relative, 400, kind, "INVALID_REDIRECT_URL");
      const unknown = connect({ profileId: UNKNOWN_ID });
      await assertFails(unknown, 404, "not_found", "profile_not_found");
    });

    it("profiles", async () => {
      const name = `Brand ${randomUUID()}`;
      const headers = { "Idempotency-Key": randomUUID() };
      const body = { name, description: "Made by the SDK", color: "#ffeda0" };
      const created = await zernio.profiles.createProfile({ body, headers });
      assert.equal(created.response.status, 201);
      assertShape(created.data, { message: shape.text, profile: shape.profile });
      assertShape(created.data.profile, {
        name: shape.is(name),
        description: shape.is(body.description),
        color: shape.is(body.color),
        isDefault: shape.is(false),
      });
      const path = { profileId: created.data.profile._id };
      const twice = zernio.profiles.createProfile({ body });
      await assertFails(twice, 409, "invalid_request_error", "profile_name_conflict");

      const { data: page } = await zernio.profiles.listProfiles({ query: { name } });
      assert.deepEqual(page.profiles.map((profile) => profile._id), [path.profileId]);
      assertShape(page.profiles[0], shape.profile, "profile");

      const change = { path, body: { description: null, color: "#000000" } };
      const updated = await zernio.profiles.updateProfile(change);
      assertShape(updated.data, { message: shape.text, profile: shape.profile });
      const { data: read } = await zernio.profiles.getProfile({ path });
      assert.equal(read.profile.color, "#000000");
      assert.equal(read.profile.name, name, "what is not named stays");

      const full = zernio.profiles.deleteProfile({ path: { profileId } });
      await assertFails(full, 400, "invalid_request_error", "profile_not_empty");
      const deleted = await zernio.profiles.deleteProfile({ path });
      assertShape(deleted.data, { message: shape.text });
      const gone = zernio.profiles.getProfile({ path });
      await assertFails(gone, 404, "not_found", "profile_not_found");
    });

    describe("webhooks", () => {
      const secret = "a secret of the customer's own";
      let receiver, webhookId;

      before(async () => {
        receiver = await startReceiver();
      });
      after(() => receiver.stop());

      it("webhooks.createWebhookSettings", async () => {
        const events = ["message.received", "message.sent"];
        const body = { name: "Compatibility", url: receiver.url, secret, events };
        const { data, response } = await zernio.webhooks.createWebhookSettings({ body });
        assert.equal(response.status, 200, "creating a webhook answers 200");
        assertShape(data, { success: shape.is(true), webhook: shape.webhook });
        assert.deepEqual(data.webhook.events, events);
        assert.equal(data.webhook.isActive, true);
        assert.equal(data.webhook.secret, undefined, "the customer knows it");
        webhookId = data.webhook._id;

        const none = zernio.webhooks.createWebhookSettings({ body: { ...body, events: [] } });
        const error = await assertFails(none, 400, "invalid_request_error", "invalid_field_value");
        assert.equal(error.param, "events");
      });

      it("makes a secret when the customer gives none", async () => {
        const body = { name: "No secret", url: receiver.url, events: ["message.read"] };
        const { data } = await zernio.webhooks.createWebhookSettings({ body });
        assert.ok(data.webhook.secret?.length >= 24, "shown once, on creation");
        const query = { webhookId: data.webhook._id };
        await zernio.webhooks.deleteWebhookSettings({ query });
      });

      it("webhooks.getWebhookSettings", async () => {
        const { data } = await zernio.webhooks.getWebhookSettings();
        data.webhooks.forEach((webhook) => assertShape(webhook, shape.webhook, "webhook"));
        assert.ok(data.webhooks.some((webhook) => webhook._id === webhookId));
      });

      it("webhooks.testWebhook reaches the endpoint, signed", async () => {
        const { data } = await zernio.webhooks.testWebhook({ body: { webhookId } });
        assertShape(data, { success: shape.is(true), message: shape.text });
        const delivery = await until("the test event", () =>
          receiver.deliveries.find(({ headers }) => headers["x-zernio-event"] === "webhook.test"),
        );
        const { headers, body } = delivery;
        const signature = createHmac("sha256", secret).update(body).digest("hex");
        const event = JSON.parse(body);
        assertShape(event, { id: shape.text, event: shape.is("webhook.test"), timestamp: shape.time });
        assert.equal(headers["content-type"], "application/json");
        for (const prefix of ["x-zernio", "x-late"]) {
          assert.equal(headers[`${prefix}-event`], "webhook.test");
          assert.equal(headers[`${prefix}-event-id`], event.id);
          assert.equal(headers[`${prefix}-signature`], signature);
        }
        assert.equal(headers["webhook-id"], event.id);
        assert.match(headers["webhook-timestamp"], /^\d{10}$/);
        assert.match(headers["webhook-signature"], /^v1,[A-Za-z0-9+/]{43}=/);
      });

      it("delivers what the SDK sends", async () => {
        const text = `Delivered, ${randomUUID()}`;
        const path = { conversationId };
        const sent = await zernio.messages.sendInboxMessage({
          path,
          body: { accountId, message: text },
        });
        const body = await until("message.sent", () =>
          receiver.deliveries
            .map((delivery) => JSON.parse(delivery.body))
            .find(({ event, message }) => event === "message.sent" && message.text === text),
        );
        const { id24, text: word, time } = shape;
        assertShape(body, {
          id: word,
          timestamp: time,
          message: {
            id: id24,
            conversationId: shape.is(sent.data.data.conversationId),
            platform: shape.is("instagram"),
            platformMessageId: shape.is(sent.data.data.messageId),
            direction: shape.is("outgoing"),
            attachments: shape.list,
            sender: { id: shape.is(accountId) },
            sentAt: time,
            isRead: shape.bool,
            sentVia: shape.is("api"),
          },
          conversation: {
            id: id24,
            platformConversationId: shape.is(conversationId),
            status: shape.is("active"),
          },
          account: {
            id: shape.is(accountId),
            accountId: shape.is(accountId),
            platform: shape.is("instagram"),
            username: word,
          },
        });
        assert.ok(!("data" in body), "blocks stand at the top level");
      });

      it("webhooks.getWebhookLogs", async () => {
        const query = { webhookId, event: "webhook.test", limit: 10, skip: 0 };
        const log = await until("the log of the test event", async () => {
          const { data } = await zernio.webhooks.getWebhookLogs({ query });
          const { bool, count, is } = shape;
          const pagination = { total: count, limit: is(10), skip: is(0), pages: count };
          assertShape(data, { logs: shape.list, pagination: { ...pagination, hasMore: bool } });
          return data.logs[0];
        });
        assertShape(log, shape.webhookLog, "log");
        assertShape(log, {
          webhookId: shape.is(webhookId),
          event: shape.is("webhook.test"),
          status: shape.is("success"),
          statusCode: shape.is(200),
        });
        assert.equal(log.responseBody, "thanks");
        assert.equal(log.requestPayload.id, log.eventId);
      });

      it("webhooks.redeliverWebhookEvent", async () => {
        const query = { webhookId, event: "webhook.test", limit: 1 };
        const [log] = (await zernio.webhooks.getWebhookLogs({ query })).data.logs;
        const body = { webhookId, eventId: log.eventId };
        const { data } = await zernio.webhooks.redeliverWebhookEvent({ body });
        assertShape(data, { success: shape.is(true), message: shape.text });
        const [again] = (await zernio.webhooks.getWebhookLogs({ query })).data.logs;
        assert.deepEqual([again.eventId, again.attemptNumber], [log.eventId, 2]);
        const nothing = { webhookId, eventId: "01a20940-8f23-7a3a-97ae-887f0fec8890" };
        const gone = zernio.webhooks.redeliverWebhookEvent({ body: nothing });
        await assertFails(gone, 422, "invalid_request_error", "payload_gone");
      });

      it("webhooks.updateWebhookSettings", async () => {
        const body = { webhookId, name: "Renamed", isActive: false };
        const { data } = await zernio.webhooks.updateWebhookSettings({ body });
        assertShape(data, { success: shape.is(true), webhook: shape.webhook });
        assertShape(data.webhook, { name: shape.is("Renamed"), isActive: shape.is(false) });
        assert.equal(data.webhook.url, receiver.url, "what is not named stays");
      });

      it("webhooks.deleteWebhookSettings", async () => {
        const query = { webhookId };
        const { data } = await zernio.webhooks.deleteWebhookSettings({ query });
        assertShape(data, { success: shape.is(true) });
        const left = (await zernio.webhooks.getWebhookSettings()).data.webhooks;
        assert.ok(!left.some((webhook) => webhook._id === webhookId));
        const gone = zernio.webhooks.testWebhook({ body: { webhookId } });
        await assertFails(gone, 404, "not_found", "resource_not_found");
      });
    });

    it("errors are the SDK's own", async () => {
      const get = (client, id) => client.profiles.getProfile({ path: { profileId: id } });
      const kind = "invalid_request_error";
      const malformed = await assertFails(get(zernio, "nonsense"), 400, kind, "invalid_field_value");
      assert.ok(malformed.isValidationError());
      assert.ok(URL.canParse(malformed.docUrl), malformed.docUrl);
      const unknown = get(zernio, UNKNOWN_ID);
      const notFound = await assertFails(unknown, 404, "not_found", "profile_not_found");
      assert.ok(notFound.isNotFound());
      const stranger = new Zernio({ apiKey: `sk_${"0".repeat(64)}`, baseURL });
      const type = "authentication_error";
      const refused = get(stranger, profileId);
      assert.ok((await assertFails(refused, 401, type, "invalid_credentials")).isAuthError());
      // A path value is percent-encoded by the SDK; it must be decoded after routing.
      const path = { conversationId: "a/b c" };
      const odd = zernio.messages.getInboxConversation({ path, query: { accountId } });
      await assertFails(odd, 404, "not_found", "conversation_not_found");
    });
  });
}
