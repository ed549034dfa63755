// The unified API below its SDKs: what must hold for every answer, seen with plain HTTP.
//
// Run by run.sh after core.mjs. The requests are those that the Node and Python SDKs send, letter by
// letter, with every default that they spell out.

import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import * as shape from "./shape.mjs";
import { assertShape } from "./shape.mjs";

const { POSTA_URL, POSTA_API_KEY } = process.env;
assert.ok(POSTA_URL && POSTA_API_KEY, "POSTA_URL and POSTA_API_KEY say where Posta is");

const JSON_BODY = { "content-type": "application/json" };

/** Calls `METHOD /path` and returns the answer with its JSON. */
async function call(request, { headers = {}, body } = {}) {
  const [method, path] = request.split(" ", 2);
  const response = await fetch(POSTA_URL + path, {
    method,
    headers: { authorization: `Bearer ${POSTA_API_KEY}`, ...headers },
    body,
  });
  assert.equal(response.headers.get("content-type"), "application/json", request);
  assert.ok(response.headers.get("x-request-id"), request);
  return { response, status: response.status, data: await response.json() };
}

const send = (request, value) =>
  call(request, { headers: JSON_BODY, body: JSON.stringify(value) });

async function assertFails(answer, status, type, code) {
  const { data, ...rest } = await answer;
  assert.deepEqual({ status: rest.status, type: data.type, code: data.code }, { status, type, code });
  assertShape(data, { error: shape.text, docUrl: shape.url });
  return { data, ...rest };
}

/** Asserts that whatever names a time holds one in the one form. */
function assertTimes(value, at) {
  if (value === null || typeof value !== "object") return;
  for (const [name, inner] of Object.entries(value)) {
    const namesTime = /(At|Until|LastUpdated|lastUpdated|updatedTime|timestamp)$/.test(name);
    if (namesTime && inner !== null) assert.ok(shape.time(inner), `${at}.${name} is ${inner}`);
    assertTimes(inner, `${at}.${name}`);
  }
}

describe("plain HTTP", () => {
  let accountId, profileId, conversation;
  const invalid = "invalid_request_error";

  before(async () => {
    const { data } = await call("GET /v1/accounts");
    [accountId, profileId] = [data.accounts[0]._id, data.accounts[0].profileId._id];
    const list = await call(`GET /v1/inbox/conversations?accountId=${accountId}`);
    conversation = list.data.data[0].id;
  });

  it("answers in the one envelope whatever is wrong", async () => {
    for (const path of ["/nowhere", "/v1", "/v1/nowhere", "/api/v1/nowhere", "/api/nowhere"]) {
      await assertFails(call(`GET ${path}`), 404, "not_found", "route_not_found");
    }
    const wrongMethod = call("PATCH /api/v1/profiles");
    const { response } = await assertFails(wrongMethod, 405, invalid, "method_not_allowed");
    assert.match(response.headers.get("allow"), /\bGET\b.*\bPOST\b/);

    const post = (body, headers = JSON_BODY) => call("POST /v1/profiles", { headers, body });
    const large = JSON.stringify({ name: "a".repeat(2_000_000) });
    await assertFails(post(large), 413, invalid, "body_too_large");
    for (const body of ['{"name": ', "", "[]", '["a name"]', '"text"', '{"name":"a"} {}']) {
      await assertFails(post(body), 400, invalid, "invalid_content");
    }
    const text = post('{"name":"a"}', { "content-type": "text/plain" });
    await assertFails(text, 415, invalid, "unsupported_media_type");
    const number = await assertFails(post('{"name":5}'), 400, invalid, "invalid_field_value");
    assert.equal(number.data.param, "name");
    const none = await assertFails(post("{}"), 400, invalid, "missing_required_field");
    assert.equal(none.data.param, "name");
  });

  it("says who may not call", async () => {
    const type = "authentication_error";
    const as = (authorization) => call("GET /v1/profiles", { headers: { authorization } });
    await assertFails(as(""), 401, type, "invalid_credentials");
    await assertFails(as("Basic abc"), 401, type, "invalid_credentials");
    await assertFails(as("Bearer nonsense"), 401, type, "invalid_credentials");
    const bare = await fetch(`${POSTA_URL}/v1/profiles`);
    assert.deepEqual([bare.status, (await bare.json()).code], [401, "missing_credentials"]);
  });

  it("returns the request id that the client sent, if it is one", async () => {
    const id = "4f1c2c0e-9a41-4c53-8d55-0d3f8b1f7a11";
    for (const path of ["/v1/profiles", "/v1/nowhere"]) {
      const sent = await call(`GET ${path}`, { headers: { "x-request-id": id } });
      assert.equal(sent.response.headers.get("x-request-id"), id);
    }
    const odd = await call("GET /v1/profiles", { headers: { "x-request-id": "<a b>" } });
    assert.match(odd.response.headers.get("x-request-id"), /^[0-9a-f]{24}$/);
  });

  it("tolerates a slash at the end", async () => {
    for (const path of ["/v1/profiles/", "/api/v1/profiles/", `/api/v1/profiles/${profileId}/`]) {
      assert.equal((await call(`GET ${path}`)).status, 200, path);
    }
  });

  it("decodes path values after routing", async () => {
    const kind = ["not_found", "conversation_not_found"];
    for (const root of ["/v1", "/api/v1"]) {
      const path = `${root}/inbox/conversations/conv%2F1%202`;
      await assertFails(call(`GET ${path}?accountId=${accountId}`), 404, ...kind);
      await assertFails(call(`GET ${path}/messages?accountId=${accountId}`), 404, ...kind);
      const hello = { accountId, message: "Hello" };
      await assertFails(send(`POST ${path}/messages`, hello), 404, ...kind);
    }
  });

  it("takes either id of a conversation", async () => {
    const path = "/v1/inbox/conversations/";
    const messages = await call(`GET ${path}${conversation}/messages?accountId=${accountId}`);
    const ours = messages.data.messages[0].conversationId;
    assert.ok(shape.id24(ours) && ours !== conversation);
    const byOurs = await call(`GET ${path}${ours}?accountId=${accountId}`);
    assert.equal(byOurs.data.data.id, conversation);
  });

  it("takes what the SDKs send, with every default spelled out", async () => {
    const redirect = "https%3A%2F%2Fa.b%2Fc%3Fd%3De";
    const reads = [
      "/accounts?platform=instagram&includeOverLimit=false",
      "/accounts?platform=instagram&order=asc&includeOverLimit=false&excludeHidden=false&includeSandbox=false&includeStatusCounts=false",
      `/inbox/conversations?accountId=${accountId}&limit=20`,
      `/inbox/conversations?folder=inbox&sortOrder=desc&limit=20&accountId=${accountId}`,
      `/inbox/conversations/${conversation}/messages?accountId=${accountId}&limit=100&sortOrder=asc`,
      `/connect/instagram?profileId=${profileId}&redirect_url=${redirect}`,
      `/connect/instagram?profileId=${profileId}&forceReauth=false&redirectUrl=${redirect}&headless=false&loginMethod=instagram_login&handoff=false`,
      "/profiles?includeOverLimit=false",
      "/webhooks/logs?limit=50&skip=0",
      "/accounts?somethingNew=1",
    ];
    for (const read of reads) {
      const { status, data } = await call(`GET /api/v1${read}`);
      assert.equal(status, 200, `${read}: ${JSON.stringify(data)}`);
      assertTimes(data, read);
    }
    const relative = `/api/v1/connect/instagram?profileId=${profileId}&redirectUrl=%2Fdone`;
    await assertFails(call(`GET ${relative}`), 400, invalid, "INVALID_REDIRECT_URL");
  });

  it("sends with the defaults of the Python SDK and warns of what it ignores", async () => {
    const path = `/api/v1/inbox/conversations/${conversation}/messages`;
    const plain = await send(`POST ${path}`, { accountId, message: "Hello", linkPreview: true });
    assert.deepEqual([plain.status, plain.data.warnings], [200, undefined]);
    const body = { accountId, message: "Hello", replyTo: "mid", somethingNew: 1 };
    const { status, data } = await send(`POST ${path}`, body);
    assert.equal(status, 200);
    assert.deepEqual(data.warnings.map((warning) => [warning.code, warning.param]), [
      ["ignored_field", "replyTo"],
      ["ignored_field", "somethingNew"],
    ]);
  });

  it("creates and deletes webhooks as both SDKs do", async () => {
    const settings = "/api/v1/webhooks/settings";
    const body = { name: "w", url: "https://example.com/h", secret: "s3" };
    const events = ["message.received"];
    for (const [more, name] of [[{}, "webhookId"], [{ isActive: true }, "id"]]) {
      const made = await send(`POST ${settings}`, { ...body, events, ...more });
      assert.equal(made.status, 200);
      assertTimes(made.data, "webhook");
      const id = made.data.webhook._id;
      const strange = call(`DELETE ${settings}?${name}=${id}&x=1`);
      await assertFails(strange, 400, invalid, "invalid_field_value");
      assert.equal((await call(`DELETE ${settings}?${name}=${id}`)).status, 200);
    }
  });

  it("refuses cursors and limits that are none", async () => {
    for (const [path, param] of [
      ["/v1/inbox/conversations?cursor=nonsense", "cursor"],
      ["/v1/accounts?limit=many", "limit"],
      ["/v1/accounts?limit=1&limit=2", "limit"],
      ["/v1/profiles?skip=-1", "skip"],
    ]) {
      const { data } = await assertFails(call(`GET ${path}`), 400, invalid, "invalid_field_value");
      assert.equal(data.param, param, path);
    }
  });
});
