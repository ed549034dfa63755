// Every form of a message, files, reactions, private replies and ice breakers, as the published Node
// SDK calls them.
//
// Run by run.sh against `posta dev`, whose tour leaves an account with one conversation.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { before, describe, it } from "node:test";

import * as shape from "./shape.mjs";
import { assertShape } from "./shape.mjs";
import { act, assertRefused, client } from "./support.mjs";

const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

describe("sending, with the Node SDK", () => {
  const zernio = client();
  let accountId;
  let username;
  let conversationId;
  let path;

  const send = (body) =>
    zernio.messages.sendInboxMessage({ path, body: { accountId, ...body } });

  before(async () => {
    const accounts = await zernio.accounts.listAccounts({ query: { platform: "instagram" } });
    ({ _id: accountId, username } = accounts.data.accounts[0]);
    const query = { accountId };
    const conversations = await zernio.messages.listInboxConversations({ query });
    const [newest] = conversations.data.data;
    conversationId = newest.id;
    path = { conversationId };
    // Whatever happened before, the reply window is open now.
    await act("instagram/people/mira.demo/write", { text: "Show me", account: username });
  });

  it("every form that Instagram has", async () => {
    const image = "https://shop.example/lamp.jpg";
    const postback = { type: "postback", title: "Order", payload: "ORDER" };
    const url = { type: "url", title: "Shop", url: "https://shop.example/" };
    const elements = [{ title: "Lamp", subtitle: "Brass", imageUrl: image, buttons: [postback] }];
    for (const form of [
      { message: "Shall we?", quickReplies: [{ title: "Yes", payload: "Y" }] },
      { attachmentUrl: image, attachmentType: "image" },
      { attachmentUrl: "https://shop.example/lamp.mp4", attachmentType: "video" },
      { message: "What next?", buttons: [postback, url] },
      { template: { type: "generic", elements } },
      { sticker: "like_heart" },
    ]) {
      const { data } = await send(form);
      assertShape(data, {
        success: shape.is(true),
        data: { messageId: shape.text, conversationId: shape.id24 },
      });
      assert.equal(data.data.messageIds, undefined, JSON.stringify(form));
    }
  });

  it("text and attachment are two messages", async () => {
    const attachmentUrl = "https://shop.example/lamp.jpg";
    const { data } = await send({ message: "The lamp", attachmentUrl, attachmentType: "image" });
    assert.equal(data.data.messageIds.length, 2);
    assert.equal(data.data.messageIds[0], data.data.messageId);
    assert.equal(data.data.attachments[0].url, attachmentUrl);
  });

  it("what is ignored is warned of, what is not there is refused", async () => {
    const { data } = await send({ message: "Hi", replyTo: "mid.1" });
    assert.deepEqual(data.warnings.map(({ code, param }) => [code, param]), [
      ["ignored_field", "replyTo"],
    ]);
    const location = { latitude: 1, longitude: 2 };
    await assertRefused(send({ location }), 400, "platform_not_supported");
    const quickReplies = [{ title: "A title of more than 20", payload: "P" }];
    const error = await assertRefused(
      send({ message: "Hi", quickReplies }),
      400,
      "invalid_field_value",
    );
    assert.equal(error.param, "quickReplies[0].title");
  });

  it("messages.uploadMediaDirect, then send", async () => {
    const file = new Blob([PNG], { type: "image/png" });
    const { data } = await zernio.messages.uploadMediaDirect({
      body: { file, contentType: "image/png" },
    });
    assertShape(data, {
      url: shape.url,
      filename: shape.text,
      contentType: shape.is("image/png"),
      size: shape.is(PNG.length),
    });
    const served = await fetch(data.url);
    assert.deepEqual(Buffer.from(await served.arrayBuffer()), PNG);
    const sent = await send({ attachmentUrl: data.url, attachmentType: "image" });
    assert.equal(sent.data.data.attachments[0].url, data.url);
  });

  it("messages.addMessageReaction and removeMessageReaction", async () => {
    const query = { accountId, limit: 100 };
    const { data } = await zernio.messages.getInboxConversationMessages({ path, query });
    const theirs = data.messages.findLast(({ direction }) => direction === "incoming");
    const where = { ...path, messageId: theirs.id };
    const added = await zernio.messages.addMessageReaction({
      path: where,
      body: { accountId, emoji: "👍" },
    });
    assertShape(added.data, {
      success: shape.is(true),
      messageId: shape.id24,
      platformMessageId: shape.is(theirs.id),
    });
    const removed = await zernio.messages.removeMessageReaction({
      path: where,
      query: { accountId },
    });
    assert.equal(removed.data.success, true);
    const edit = zernio.messages.editInboxMessage({ path: where, body: { accountId, text: "x" } });
    await assertRefused(edit, 400, "platform_not_supported");
    const unsend = zernio.messages.deleteInboxMessage({ path: where, query: { accountId } });
    await assertRefused(unsend, 400, "platform_not_supported");
  });

  it("comments.sendPrivateReplyToComment, once", async () => {
    await act(`instagram/accounts/${username}/posts`, { caption: "Lamps" });
    const comment = { text: "Price?", account: username };
    const { media_id: postId, comment_id: commentId } = await act(
      "instagram/people/mira.demo/comment",
      comment,
    );
    const call = { path: { postId, commentId }, body: { accountId, message: "40 €" } };
    const key = randomUUID();
    const { data } = await zernio.comments.sendPrivateReplyToComment({
      ...call,
      headers: { "Idempotency-Key": key },
    });
    assertShape(data, {
      status: shape.is("success"),
      messageId: shape.text,
      commentId: shape.is(commentId),
      platform: shape.is("instagram"),
    });
    const headers = { "Idempotency-Key": key };
    const repeated = await zernio.comments.sendPrivateReplyToComment({ ...call, headers });
    assert.deepEqual(repeated.data, data);
    assert.equal(repeated.response.headers.get("idempotent-replayed"), "true");
    const again = zernio.comments.sendPrivateReplyToComment(call);
    const error = await assertRefused(again, 400, "private_reply_consumed");
    assert.equal(error.details.privateReplyConsumed, true);
  });

  it("ice breakers and the menu", async () => {
    const { accountsettings } = zernio;
    const where = { path: { accountId } };
    const ice_breakers = [{ question: "Open today?", payload: "OPEN" }];
    await accountsettings.setInstagramIceBreakers({ ...where, body: { ice_breakers } });
    const { data } = await accountsettings.getInstagramIceBreakers(where);
    assert.deepEqual(data.data[0].ice_breakers[0].call_to_actions, ice_breakers);
    await accountsettings.deleteInstagramIceBreakers(where);
    assert.deepEqual((await accountsettings.getInstagramIceBreakers(where)).data.data, []);
    const call_to_actions = [{ type: "postback", title: "Help", payload: "HELP" }];
    const persistent_menu = [{ locale: "default", call_to_actions }];
    await accountsettings.setMessengerMenu({ ...where, body: { persistent_menu } });
    const menu = await accountsettings.getMessengerMenu(where);
    assert.deepEqual(menu.data.data[0].persistent_menu[0].call_to_actions, call_to_actions);
    await accountsettings.deleteMessengerMenu(where);
    assert.deepEqual((await accountsettings.getMessengerMenu(where)).data.data, []);
    const commands = [{ command: "help", description: "Help" }];
    for (const call of [
      () => accountsettings.getTelegramCommands(where),
      () => accountsettings.setTelegramCommands({ ...where, body: { commands } }),
      () => accountsettings.deleteTelegramCommands(where),
    ]) {
      const error = await assertRefused(call(), 400, "platform_not_supported");
      assert.equal(error.platform, "instagram");
    }
  });
});
