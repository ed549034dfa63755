// Whether the suites have called every method of the Node SDK that Instagram has a part in.
//
// Run by run.sh after all the others, which have noted their calls.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";

import { Zernio } from "@zernio/node";

const GROUPS = [
  "accounts",
  "accountsettings",
  "comments",
  "mentions",
  "messages",
  "profiles",
  "webhooks",
];

/** The methods of `connect` that are about an account of Instagram; the others choose elsewhere. */
const CONNECT = [
  "getConnectUrl",
  "handleOAuthCallback",
  "getPageWebhookSubscription",
  "resyncPageWebhookSubscription",
];

/** Methods that are not called, and why. */
const ELSEWHERE = {
  "accounts.listTikTokCommercialMusic": "TikTok only",
  "accounts.searchTikTokLocations": "TikTok only",
  "accounts.getTikTokCreatorInfo": "TikTok only",
  "accounts.getGoogleBusinessReviews": "Google Business only",
  "accounts.batchGetGoogleBusinessReviews": "Google Business only",
  "accounts.getGoogleBusinessReview": "Google Business only",
  "accounts.replyToGoogleBusinessReview": "Google Business only",
  "accounts.deleteGoogleBusinessReviewReply": "Google Business only",
  "accounts.getLinkedInMentions": "LinkedIn only",
  "accounts.getSlackSettings": "Slack only",
  "accounts.updateSlackSettings": "Slack only",
  "accounts.getBlueskySettings": "Bluesky only",
  "accounts.updateBlueskySettings": "Bluesky only",
};

it("every method is called, or is named with why not", () => {
  const zernio = new Zernio({ apiKey: "none", baseURL: "http://127.0.0.1:1" });
  const there = GROUPS.flatMap((group) =>
    Object.keys(zernio[group]).map((method) => `${group}.${method}`),
  ).concat(CONNECT.map((method) => `connect.${method}`));
  assert.ok(there.length > 70, `the SDK is made otherwise: ${there.length} methods`);
  for (const name of CONNECT) assert.equal(typeof zernio.connect[name], "function", name);

  const called = new Set(readFileSync(process.env.SDK_CALLS, "utf8").trim().split("\n"));
  const missing = there.filter((name) => !called.has(name) && !(name in ELSEWHERE));
  assert.deepEqual(missing, [], "not called by any suite");
  const idle = Object.keys(ELSEWHERE).filter((name) => called.has(name) || !there.includes(name));
  assert.deepEqual(idle, [], "named although it is called, or is not there");
});
