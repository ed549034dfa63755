// The rest of the inbox, of comments and of accounts, as the published Node SDK calls it; and what
// Instagram lets no app do, refused in the unified API's words.
//
// Run by run.sh against `posta dev`, whose tour leaves an account with one conversation.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";

import * as shape from "./shape.mjs";
import { assertShape } from "./shape.mjs";
import { act, assertRefused, client, until } from "./support.mjs";

const OUR_APP = "990000000000001";
const OTHER_APP = "990000000000777";
const THEO = "1099900000000102";
const SECOND_ACCOUNT = "lumen.shop.demo";

describe("the inbox, with the Node SDK", () => {
  const zernio = client();
  const { accounts, comments, connect, mentions, messages } = zernio;
  let accountId, profileId, username, conversationId, path;

  const conversation = async () => {
    const { data } = await messages.listInboxConversations({ query: { accountId } });
    return data.data.find((one) => one.id === conversationId);
  };
  const read = async () => {
    const query = { accountId, limit: 100, sortOrder: "desc" };
    return (await messages.getInboxConversationMessages({ path, query })).data.messages;
  };
  const write = (body) =>
    act("instagram/people/theo.demo/write", { ...body, account: username });

  before(async () => {
    const { data } = await accounts.listAccounts({ query: { platform: "instagram" } });
    const [account] = data.accounts;
    [accountId, profileId, username] = [account._id, account.profileId._id, account.username];
    [conversationId, path] = [THEO, { conversationId: THEO }];
    await write({ text: "Where is my order?" });
    await until("Theo's conversation", conversation);
  });

  it("messages.searchInboxConversations", async () => {
    const word = `Zwetschgenkuchen${Date.now()}`;
    await write({ text: `Do you have ${word}?` });
    const search = (more) =>
      messages.searchInboxConversations({ query: { query: word.toUpperCase(), accountId, ...more } });
    // The receiver of `posta dev` answers with the same words; that is a match of its own.
    const found = () => search({ direction: "incoming" });
    const hit = await until("the match", async () => (await found()).data.data[0]);
    assertShape(hit.conversation, {
      id: shape.is(conversationId),
      platform: shape.is("instagram"),
      accountId: shape.is(accountId),
      participantName: shape.orNull(shape.text),
      status: shape.is("active"),
      lastMessage: shape.text,
      lastMessageAt: shape.time,
    });
    assert.equal(hit.matchCount, 1);
    assert.equal(hit.matches.length, 1);
    assertShape(hit.matches[0], {
      id: shape.text,
      text: (text) => text.includes(word),
      direction: shape.is("incoming"),
      timestamp: shape.time,
    });
    const named = await until("Theo, by his handle", async () => {
      const { data } = await search({ query: "THEO.DEMO" });
      return data.data.find((one) => one.conversation.id === conversationId);
    });
    assert.deepEqual([named.matchCount, named.matches], [0, []]);
    const elsewhere = (await search({ platform: "facebook", limit: 5 })).data;
    assert.deepEqual(elsewhere.data, []);
    assert.deepEqual(elsewhere.pagination, { hasMore: false, nextCursor: null });
    assertShape(elsewhere.meta, { accountsQueried: shape.is(0), lastUpdated: shape.time });
    const none = messages.searchInboxConversations({ query: { query: " " } });
    assert.equal((await assertRefused(none, 400, "missing_required_field")).param, "query");
  });

  it("messages.updateInboxConversation puts it away, a message brings it back", async () => {
    const body = { accountId, status: "archived" };
    const { data } = await messages.updateInboxConversation({ path, body });
    assertShape(data, {
      success: shape.is(true),
      data: {
        id: shape.is(conversationId),
        accountId: shape.is(accountId),
        status: shape.is("archived"),
        platform: shape.is("instagram"),
        updatedAt: shape.time,
      },
    });
    const list = async (status) => {
      const query = { accountId, status };
      const { data } = await messages.listInboxConversations({ query });
      return data.data.map((one) => one.id);
    };
    assert.ok((await list("archived")).includes(conversationId));
    assert.ok(!(await list("active")).includes(conversationId));
    await write({ text: "Hello again" });
    await until("it to be back", async () => (await list("active")).includes(conversationId));
    const wrong = messages.updateInboxConversation({ path, body: { accountId, status: "spam" } });
    assert.equal((await assertRefused(wrong, 400, "invalid_field_value")).param, "status");
  });

  it("messages.sendTypingIndicator", async () => {
    const { data } = await messages.sendTypingIndicator({ path, body: { accountId } });
    assert.deepEqual(data, { success: true });
  });

  it("the reply window is told", async () => {
    const { data } = await messages.getInboxConversation({ path, query: { accountId } });
    assertShape(data.data.window, {
      state: shape.is("open"),
      opensBy: { type: shape.is("message") },
      closesAt: shape.time,
      humanAgentUntil: shape.time,
      allowed: shape.list,
    });
    const newest = (await read()).find((one) => one.direction === "incoming");
    const closesAt = Date.parse(newest.createdAt) + 24 * 3600 * 1000;
    assert.equal(Date.parse(data.data.window.closesAt), closesAt);
  });

  it("messages.getMessageAttachment", async () => {
    await write({ attachments: [{ type: "image" }, { type: "image" }] });
    const message = await until("the pictures", async () =>
      (await read()).find((one) => one.attachments.length === 2),
    );
    for (const [index, attachment] of message.attachments.entries()) {
      assertShape(attachment, { id: shape.text, type: shape.is("image"), url: shape.url });
      const where = { ...path, messageId: message.id, index };
      const query = { accountId, format: "json" };
      const { data } = await messages.getMessageAttachment({ path: where, query });
      assertShape(data, { status: shape.text, url: shape.url, refreshed: shape.bool });
      const file = await fetch(data.url);
      assert.match(file.headers.get("content-type"), /^image\//);
      const standing = new URL(attachment.refreshUrl);
      assert.ok(standing.pathname.endsWith(`/messages/${message.id}/attachments/${index}`));
    }
    const where = { ...path, messageId: message.id, index: 2 };
    const none = messages.getMessageAttachment({ path: where, query: { accountId } });
    assert.equal((await none.catch((error) => error)).statusCode, 404);
  });

  it("several attachments, and one that is wrong", async () => {
    const [one, two] = ["a", "b"].map((name) => ({ url: `https://shop.example/${name}.jpg` }));
    const send = (attachments) =>
      messages.sendInboxMessage({ path, body: { accountId, attachments } });
    const { data } = await send([one, two]);
    assert.deepEqual(data.data.attachments, [one, two].map(({ url }) => ({ type: "image", url })));
    const wrong = await assertRefused(send([one, { url: "lamp" }]), 400, "invalid_field_value");
    assert.equal(wrong.param, "attachments[1].url");
  });

  it("messages.createInboxConversation is refused, as JSON and as a form", async () => {
    const body = { accountId, participantId: conversationId, message: "Hi" };
    const error = await assertRefused(
      messages.createInboxConversation({ body }),
      400,
      "PLATFORM_NOT_SUPPORTED",
    );
    assert.equal(error.platform, "instagram");
    const form = new FormData();
    for (const [name, value] of Object.entries(body)) form.append(name, value);
    const { POSTA_URL, POSTA_API_KEY } = process.env;
    const answer = await fetch(`${POSTA_URL}/v1/inbox/conversations`, {
      method: "POST",
      headers: { authorization: `Bearer ${POSTA_API_KEY}` },
      body: form,
    });
    assert.deepEqual(
      [answer.status, (await answer.json()).code],
      [400, "PLATFORM_NOT_SUPPORTED"],
    );
  });

  it("listing requests is refused: Instagram tells no app which they are", async () => {
    const list = (query) =>
      messages.listInboxConversations({ query: { folder: "requests", ...query } });
    await assertRefused(list({ accountId }), 400, "PLATFORM_LIMITATION");
    const { data } = await list({});
    assert.deepEqual(data.data, []);
    assertShape(data.meta.failedAccounts[0], {
      accountId: shape.is(accountId),
      accountUsername: shape.is(username),
      platform: shape.is("instagram"),
      error: shape.text,
      code: shape.is("PLATFORM_LIMITATION"),
      retryAfter: shape.is(null),
    });
  });

  describe("messages.setConversationThreadControl", () => {
    before(async () => {
      const features = ["human_agent", "conversation_routing"];
      await act("instagram/apps", { client_id: OTHER_APP, name: "Desk", redirect_uris: [], features });
      await act("instagram/apps", { client_id: OUR_APP, features });
    });

    it("passes it on, and it is told who holds it", async () => {
      const control = (body) =>
        messages.setConversationThreadControl({ path, body: { accountId, ...body } });
      const body = { action: "pass", targetAppId: OTHER_APP };
      const { data } = await control(body);
      const held = { owner: "other", ownerAppId: OTHER_APP };
      assert.deepEqual(data, { success: true, control: held });
      assert.equal((await conversation()).threadControl, "other");
      const send = messages.sendInboxMessage({ path, body: { accountId, message: "Hi" } });
      await assertRefused(send, 409, "not_thread_owner");
      for (const action of ["take", "release", "request"]) {
        await assertRefused(control({ action }), 400, "platform_not_supported");
      }
      const back = { person: "theo.demo", app: OUR_APP };
      await act(`instagram/accounts/${username}/owner/pass-thread`, back);
      await until("it to be back", async () => (await conversation()).threadControl === "app");
      const sent = await messages.sendInboxMessage({ path, body: { accountId, message: "Hi" } });
      assert.equal(sent.data.success, true);
    });
  });

  it("mentions.listInboxMentions and replyToMention", async () => {
    const text = `Ask @${username}, ${randomUUID()}`;
    await act("instagram/people/theo.demo/mention", { text, account: username });
    const mention = await until("the mention", async () => {
      const { data } = await mentions.listInboxMentions({ query: { accountId, limit: 100 } });
      assertShape(data, {
        pagination: { hasMore: shape.bool, cursor: shape.orNull(shape.text) },
        meta: { total: shape.count, sortOrder: shape.is("desc") },
      });
      return data.data.find((one) => one.content === text);
    });
    assertShape(mention, {
      id: shape.id24,
      platform: shape.is("instagram"),
      type: shape.is("comment"),
      mediaId: shape.text,
      commentId: shape.text,
      accountId: shape.is(accountId),
      accountUsername: shape.is(username),
      authorUsername: shape.is("theo.demo"),
      publishedAt: shape.time,
      createdAt: shape.time,
    });
    const { mediaId, commentId } = mention;
    const body = { accountId, mediaId, commentId, message: "Yes?" };
    const { data } = await mentions.replyToMention({ body });
    assertShape(data, { success: shape.is(true), id: shape.text });
    const caption = mentions.replyToMention({ body: { accountId, mediaId, message: "Yes?" } });
    await assertRefused(caption, 400, "platform_not_supported");
  });

  it("what no app can do to comments is refused as such", async () => {
    const [postId, commentId] = ["1", "2"];
    const one = { path: { postId, commentId } };
    const body = { accountId };
    const query = { accountId };
    const edit = { ...body, platform: "reddit", content: "x" };
    const moderation = { ...body, platform: "youtube", moderationStatus: "rejected" };
    for (const call of [
      () => comments.editInboxComment({ ...one, body: edit }),
      () => comments.setCommentModeration({ ...one, body: moderation }),
      () => comments.pinInboxComment({ ...one, body }),
      () => comments.unpinInboxComment({ ...one, query }),
      () => comments.likeInboxComment({ ...one, body }),
      () => comments.unlikeInboxComment({ ...one, query }),
      () => comments.likePost({ path: { postId }, body }),
      () => comments.unlikePost({ path: { postId }, query }),
    ]) {
      const error = await assertRefused(call(), 400, "platform_not_supported");
      assert.equal(error.platform, "instagram", String(call));
      assert.match(error.message, /Instagram/, String(call));
    }
  });

  it("accounts.getInstagramFollowStatus", async () => {
    const where = { path: { accountId, userId: conversationId } };
    const { data } = await accounts.getInstagramFollowStatus({ ...where, query: { refresh: true } });
    assertShape(data, {
      userId: shape.is(conversationId),
      accountId: shape.is(accountId),
      isFollower: shape.bool,
      isFollowedByAccount: shape.bool,
      followerCount: shape.count,
      isVerified: shape.bool,
      username: shape.is("theo.demo"),
      name: shape.text,
      unavailableReason: shape.is(null),
    });
  });

  it("accounts.getAccountHealth", async () => {
    const { data } = await accounts.getAccountHealth({ path: { accountId } });
    assertShape(data, shape.accountHealth, "health");
    assertShape(data, {
      tokenStatus: {
        valid: shape.is(true),
        expiresAt: shape.time,
        expiresIn: shape.text,
        needsRefresh: shape.is(false),
      },
      permissions: {
        posting: shape.list,
        analytics: shape.list,
        optional: shape.list,
        canPost: shape.bool,
        canFetchAnalytics: shape.bool,
        missingRequired: (missing) => missing.length === 0,
      },
      recommendations: shape.list,
      messagingRestriction: shape.is(null),
      disconnectReason: shape.is(null),
    });
    const scopes = Object.values(data.permissions).filter(Array.isArray).flat();
    const granted = scopes.find((one) => one.scope === "instagram_business_manage_messages");
    assert.equal(granted.granted, true);
  });

  it("accounts.getFollowerStats is not built, and says so", async () => {
    await assertRefused(accounts.getFollowerStats(), 501, "feature_not_available");
  });

  it("connect.getPageWebhookSubscription and resyncPageWebhookSubscription", async () => {
    const where = { path: { accountId } };
    const { data: before } = await connect.getPageWebhookSubscription(where);
    assertShape(before, {
      pageId: shape.text,
      appSubscribed: shape.is(true),
      leadgen: shape.is(false),
      subscribedFields: (fields) => fields.includes("messages"),
      warning: shape.is(null),
    });
    await act("instagram/subscriptions/lose", { account: username, client_id: OUR_APP });
    const { data: lost } = await connect.getPageWebhookSubscription(where);
    assert.equal(lost.appSubscribed, false);
    assert.match(lost.warning, /messages/);
    const { data: mended } = await connect.resyncPageWebhookSubscription(where);
    assert.deepEqual(mended, { ...before, resubscribed: true });
  });

  describe("a second account", () => {
    let second;
    const where = () => ({ path: { accountId: second } });
    const listed = async () => {
      const { data } = await accounts.listAccounts({ query: { platform: "instagram" } });
      return data.accounts.find((one) => one._id === second);
    };
    const health = async () => (await accounts.getAccountHealth(where())).data;
    after(async () => {
      if (second && (await listed())) await accounts.deleteAccount(where());
    });

    it("connect.handleOAuthCallback", async () => {
      const platform = { path: { platform: "instagram" } };
      const started = await connect.getConnectUrl({ ...platform, query: { profileId } });
      const consent = new URL(started.data.authUrl);
      const form = new URLSearchParams(consent.search);
      form.append("decision", "allow");
      form.append("account", SECOND_ACCOUNT);
      const page = consent.origin + consent.pathname;
      const pressed = await fetch(page, { method: "POST", body: form, redirect: "manual" });
      const { searchParams } = new URL(pressed.headers.get("location"));
      const body = { code: searchParams.get("code"), state: started.data.state, profileId };
      const { data } = await connect.handleOAuthCallback({ ...platform, body });
      const all = await accounts.listAccounts({ query: { search: SECOND_ACCOUNT } });
      second = all.data.accounts[0]?._id;
      assert.ok(shape.id24(second), JSON.stringify(data));
      assert.equal((await health()).status, "healthy");
    });

    it("accounts.updateAccount", async () => {
      const body = { username: "the shop", displayName: "The shop" };
      const { data } = await accounts.updateAccount({ ...where(), body });
      assertShape(data, { message: shape.text, displayName: shape.is("The shop") });
      assert.equal((await listed()).displayName, "The shop");
    });

    it("accounts.moveAccountToProfile", async () => {
      const made = await zernio.profiles.createProfile({ body: { name: `Shop ${randomUUID()}` } });
      const { _id } = made.data.profile;
      const move = (profileId) => accounts.moveAccountToProfile({ ...where(), body: { profileId } });
      const { data } = await move(_id);
      assertShape(data, { message: shape.text, profileId: shape.is(_id) });
      assert.equal((await listed()).profileId._id, _id);
      await move(profileId);
      await zernio.profiles.deleteProfile({ path: { profileId: _id } });
    });

    it("accounts.deleteAccount", async () => {
      const { data } = await accounts.deleteAccount(where());
      assertShape(data, { message: shape.text });
      assert.equal(await listed(), undefined);
      await assertRefused(accounts.getAccountHealth(where()), 404, "account_not_found");
    });
  });
});
