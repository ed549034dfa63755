// What an answer must look like: field names with the kind of value each holds.

import assert from "node:assert/strict";

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** A value of ours: 24 lower-case hex digits. */
export const id24 = (value) => typeof value === "string" && /^[0-9a-f]{24}$/.test(value);
export const text = (value) => typeof value === "string" && value !== "";
export const anyText = (value) => typeof value === "string";
export const number = (value) => Number.isFinite(value);
export const count = (value) => Number.isInteger(value) && value >= 0;
export const bool = (value) => typeof value === "boolean";
export const time = (value) => typeof value === "string" && TIME.test(value);
export const list = (value) => Array.isArray(value);
export const object = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const url = (value) => typeof value === "string" && URL.canParse(value);
export const is = (wanted) => (value) => value === wanted;
export const oneOf = (...words) => (value) => words.includes(value);
export const orNull = (kind) => (value) => value === null || kind(value);

/**
 * Asserts that `value` has these fields with these kinds of values. A name that ends in `?` may be
 * absent; fields that are not named may be there.
 */
export function assertShape(value, shape, at = "answer") {
  assert.ok(object(value), `${at} is not an object: ${JSON.stringify(value)}`);
  for (const [key, kind] of Object.entries(shape)) {
    const name = key.replace(/\?$/, "");
    if (key !== name && value[name] === undefined) continue;
    assert.ok(name in value, `${at}.${name} is missing in ${JSON.stringify(value)}`);
    if (typeof kind === "object") assertShape(value[name], kind, `${at}.${name}`);
    else assert.ok(kind(value[name]), `${at}.${name} is ${JSON.stringify(value[name])}`);
  }
}

export const profile = {
  _id: id24,
  userId: text,
  name: text,
  description: orNull(anyText),
  color: orNull(anyText),
  timezone: orNull(text),
  externalId: orNull(text),
  isDefault: bool,
  createdAt: time,
};

export const account = {
  _id: id24,
  platform: is("instagram"),
  profileId: { _id: id24, name: text },
  username: text,
  displayName: text,
  profilePicture: orNull(url),
  profileUrl: url,
  platformUserId: text,
  isActive: is(true),
  needsReconnection: is(false),
  enabled: is(true),
  "metadata?": object,
};

export const conversation = {
  id: text,
  platform: is("instagram"),
  accountId: id24,
  accountUsername: text,
  pageId: is(null),
  participantId: text,
  participantName: text,
  participantPicture: orNull(url),
  lastMessage: anyText,
  updatedTime: time,
  status: oneOf("active", "archived"),
  unreadCount: count,
  url: orNull(url),
  metadata: orNull(object),
  adAttribution: orNull(object),
};

export const message = {
  id: text,
  conversationId: text,
  accountId: id24,
  platform: is("instagram"),
  message: anyText,
  senderId: text,
  senderName: orNull(text),
  direction: oneOf("incoming", "outgoing"),
  createdAt: time,
  attachments: list,
  "sentAt?": orNull(time),
  "deliveryStatus?": orNull(oneOf("sent", "delivered", "read", "played", "failed", "deleted")),
  "deliveredAt?": orNull(time),
  "readAt?": orNull(time),
  isStoryMention: bool,
  noRenderableContent: bool,
  isEdited: bool,
  editedAt: orNull(time),
  editCount: count,
  editHistory: list,
  isDeleted: bool,
  deletedAt: orNull(time),
  reactions: list,
  metadata: object,
  "sentVia?": orNull(text),
};

export const webhook = {
  _id: id24,
  name: text,
  url,
  events: list,
  isActive: bool,
  "secret?": text,
  "lastFiredAt?": orNull(time),
  failureCount: count,
  "customHeaders?": orNull(object),
  "profileIds?": list,
  "accountIds?": list,
};

export const webhookLog = {
  webhookId: id24,
  webhookName: text,
  eventId: text,
  event: text,
  url,
  status: oneOf("success", "failed"),
  statusCode: orNull(number),
  requestPayload: object,
  "responseBody?": orNull(anyText),
  "errorMessage?": orNull(anyText),
  attemptNumber: count,
  responseTime: orNull(number),
  createdAt: time,
};

export const accountHealth = {
  accountId: id24,
  platform: is("instagram"),
  username: text,
  displayName: text,
  profileId: text,
  status: oneOf("healthy", "warning", "error"),
  canPost: bool,
  canFetchAnalytics: bool,
  tokenValid: bool,
  tokenExpiresAt: orNull(time),
  needsReconnect: bool,
  issues: list,
};
