// What the suites of the Node SDK share: the client, whose calls are noted; and moves in the sandbox.

import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";

import { Zernio, ZernioApiError } from "@zernio/node";

const { POSTA_URL, POSTA_API_KEY, SANDBOX_URL, SDK_CALLS } = process.env;
assert.ok(POSTA_URL && POSTA_API_KEY, "POSTA_URL and POSTA_API_KEY say where Posta is");

/** Notes each method that is called, for covered.mjs. */
function noted(name, methods) {
  return new Proxy(methods, {
    get(target, method) {
      const value = target[method];
      if (typeof value !== "function") return value;
      return (...args) => {
        if (SDK_CALLS) appendFileSync(SDK_CALLS, `${name}.${method}\n`);
        return value.apply(target, args);
      };
    },
  });
}

/** Makes a client of the SDK. */
export function client(root = "") {
  const zernio = new Zernio({ apiKey: POSTA_API_KEY, baseURL: POSTA_URL + root });
  return new Proxy(zernio, {
    get(target, name) {
      const value = target[name];
      return value && typeof value === "object" ? noted(name, value) : value;
    },
  });
}

/** Asserts that a call is refused with a status and a code, and returns the SDK's error. */
export async function assertRefused(call, statusCode, code) {
  const error = await call.then(
    () => assert.fail(`the call succeeded; ${statusCode} ${code} was due`),
    (thrown) => thrown,
  );
  assert.ok(error instanceof ZernioApiError, `not the SDK's error: ${error?.stack}`);
  assert.deepEqual({ statusCode: error.statusCode, code: error.code }, { statusCode, code });
  return error;
}

/** Moves somebody in the sandbox. */
export async function act(path, body) {
  const reply = await fetch(`${SANDBOX_URL}/_sandbox/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  assert.equal(reply.status, 200, await reply.clone().text());
  return reply.json();
}

/** Waits until `look` gives something, for at most ten seconds. */
export async function until(what, look) {
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return assert.fail(`waited in vain for ${what}`);
}
