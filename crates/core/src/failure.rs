//! Everything that can go wrong: the table of codes that clients see, and what a connector reports.

use serde_json::Value;

use crate::time::Timestamp;

/// The family of a failure, as clients of the unified API know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorType {
    /// The request is wrong and would be refused again.
    InvalidRequestError,
    /// The credential is missing or worthless.
    AuthenticationError,
    /// The credential is good but may not do this.
    PermissionError,
    /// There is no such thing, or not for this credential.
    NotFound,
    /// Too many requests.
    RateLimitError,
    /// The platform refused.
    PlatformError,
    /// Posta itself failed.
    ApiError,
}

macro_rules! codes {
    ($($variant:ident = $code:literal, $status:literal, $kind:ident, $means:literal, $do:literal;)+) => {
        /// A stable code for a failure that a client can act on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $means] $variant,)+
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Returns the text that travels. It never changes once released.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// Returns the HTTP status that goes with it.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// Returns its family.
            #[must_use]
            pub const fn error_type(self) -> ErrorType {
                match self { $(Self::$variant => ErrorType::$kind,)+ }
            }

            /// Says what it means, in a sentence.
            #[must_use]
            pub const fn means(self) -> &'static str {
                match self { $(Self::$variant => $means,)+ }
            }

            /// Says what to do about it, in a sentence.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $do,)+ }
            }
        }
    };
}

codes! {
    MissingRequiredField = "missing_required_field", 400, InvalidRequestError,
        "A required field is not there.", "Send the field named in `param`.";
    InvalidFieldValue = "invalid_field_value", 400, InvalidRequestError,
        "A field has a value that cannot be used.", "Correct the field named in `param`.";
    InvalidContent = "invalid_content", 400, InvalidRequestError,
        "The message cannot be sent as it is.", "Change the content; the error says how.";
    TextTooLong = "text_too_long", 400, InvalidRequestError,
        "The text is longer than the platform takes.", "Shorten the text or send it in parts.";
    InvalidRedirectUrl = "INVALID_REDIRECT_URL", 400, InvalidRequestError,
        "The redirect URL is not absolute.", "Give an absolute URL, such as https://app.example/done.";
    InvalidState = "invalid_state", 400, InvalidRequestError,
        "The state of a connect attempt is unknown, used up or older than 15 minutes.",
        "Start the connection again.";
    OauthDenied = "oauth_denied", 400, InvalidRequestError,
        "The account's owner refused the app.", "Start the connection again and allow the app.";
    CodeAlreadyRedeemed = "code_already_redeemed", 400, InvalidRequestError,
        "The platform does not know this code, or has redeemed it before.",
        "If the account is not connected by now, start the connection again.";
    PersonalAccountNotSupported = "personal_account_not_supported", 400, InvalidRequestError,
        "The platform opens only professional accounts to apps, and this is a personal one.",
        "Turn it into a business or creator account in the platform's app, then connect again.";
    PlatformNotSupported = "platform_not_supported", 400, InvalidRequestError,
        "Posta does not know this platform, or not for this call.",
        "Use a platform that the server lists.";
    PlatformLimitation = "PLATFORM_LIMITATION", 400, InvalidRequestError,
        "The platform gives apps no access to this.", "Do without it for this account.";
    ConversationNotStartable = "PLATFORM_NOT_SUPPORTED", 400, InvalidRequestError,
        "On this platform an account cannot start a conversation.",
        "Wait until the person writes, or answer a comment of theirs privately.";
    PlatformNotConfigured = "platform_not_configured", 400, InvalidRequestError,
        "No app of yours is set up for this platform.",
        "Set its client id and secret in the configuration, or register them with POST /v1/connect/oauth-apps.";
    InvalidCallback = "invalid_callback", 400, InvalidRequestError,
        "The platform sent the browser back without a code and without an error.",
        "Start the connection again.";
    AccountMismatch = "account_mismatch", 409, InvalidRequestError,
        "Another account was connected than the expected one.",
        "Log in to the expected account at the platform, then start again.";
    ReconnectAccountMismatch = "reconnect_account_mismatch", 409, InvalidRequestError,
        "Another account was connected than the one to be connected again.",
        "Log in to that account at the platform, then start again.";
    ProfileNotEmpty = "profile_not_empty", 400, InvalidRequestError,
        "The profile still has connected accounts.", "Disconnect or move its accounts first.";
    MissingCredentials = "missing_credentials", 401, AuthenticationError,
        "No credential was sent.", "Send the header `Authorization: Bearer <api key>`.";
    InvalidCredentials = "invalid_credentials", 401, AuthenticationError,
        "The credential is unknown, revoked or expired.",
        "Create a key with `posta keys create` or POST /v1/api-keys.";
    InvalidSignature = "invalid_signature", 401, AuthenticationError,
        "The webhook's signature is missing or matches no known secret.",
        "Check that the app secret in Posta is the one the platform signs with.";
    InsufficientPermissions = "insufficient_permissions", 403, PermissionError,
        "The key may not do this.", "Use a key with the permission or resource group that the error names.";
    VerificationRefused = "verification_refused", 403, PermissionError,
        "The webhook verification does not carry our verify token.",
        "Give the platform the verify token that Posta shows.";
    EventsExpired = "events_expired", 410, InvalidRequestError,
        "Events after the given place are no longer kept.",
        "Go on with the sequence that the error names; read from the conversations what was missed.";
    PayloadGone = "payload_gone", 422, InvalidRequestError,
        "The event is not, or no longer, kept.",
        "Read from the conversations what it told; events are kept for `events.keep_days`.";
    EndpointFailed = "endpoint_failed", 502, ApiError,
        "The webhook endpoint did not take the event.",
        "See why it does not answer with 2xx, then try again; the log of deliveries has its answer.";
    AccountDisconnected = "ACCOUNT_DISCONNECTED", 403, PermissionError,
        "The account is disconnected.", "Connect the account again.";
    OutsideMessagingWindow = "outside_messaging_window", 403, PlatformError,
        "The platform allows no message now, because the person last wrote too long ago.",
        "Wait until the person writes again.";
    HumanAgentOnly = "human_agent_only", 403, PlatformError,
        "The reply window has closed for automatic messages; what a person typed may still be sent.",
        "Have a person answer before `details.humanAgentUntil`, and say so with `sentVia: human` or the tag HUMAN_AGENT.";
    WindowDisputed = "window_disputed", 403, PlatformError,
        "The platform calls the reply window closed, and by our record it is open.",
        "Look into the causes in `details.likelyCauses`, the likeliest first.";
    MessagingRestricted = "messaging_restricted", 403, PlatformError,
        "The platform has restricted the account's messages.",
        "See `messagingRestriction` in the account's health, and its status in the platform's app.";
    ResourceNotFound = "resource_not_found", 404, NotFound,
        "There is no such thing, or this key cannot see it.", "Check the id and the key's profiles.";
    RouteNotFound = "route_not_found", 404, NotFound,
        "There is no such path.", "See /docs for all paths.";
    AccountNotFound = "account_not_found", 404, NotFound,
        "There is no such account, or this key cannot see it.",
        "List the accounts with GET /v1/accounts.";
    ProfileNotFound = "profile_not_found", 404, NotFound,
        "There is no such profile, or this key cannot see it.",
        "List the profiles with GET /v1/profiles.";
    ConversationNotFound = "conversation_not_found", 404, NotFound,
        "There is no such conversation on this account.",
        "List the conversations with GET /v1/inbox/conversations.";
    MessageNotFound = "message_not_found", 404, NotFound,
        "There is no such message in this conversation.",
        "List the messages with GET /v1/inbox/conversations/{id}/messages.";
    AttachmentGone = "attachment_gone", 410, NotFound,
        "The platform no longer shows this attachment.",
        "Fetch attachments soon after they come; what the platform has dropped is gone.";
    MethodNotAllowed = "method_not_allowed", 405, InvalidRequestError,
        "The path exists, but not for this method.", "See /docs for the methods of this path.";
    IdempotencyConflict = "idempotency_conflict", 409, InvalidRequestError,
        "A request with this idempotency key is still running.",
        "Wait for it, then repeat the request to get its answer.";
    InvalidResourceState = "invalid_resource_state", 409, InvalidRequestError,
        "The thing is not in a state that allows this.", "Read it again and decide anew.";
    AutomationStopped = "automation_stopped", 409, InvalidRequestError,
        "Programs have sent enough in the conversation without a person.",
        "Have a person answer with `sentVia: human`, or let programs go on with POST /v1/inbox/conversations/{conversationId}/resume-automation.";
    MessageCancelled = "message_cancelled", 409, InvalidRequestError,
        "The message was called off before it was sent.",
        "Send it again under another idempotency key if it is wanted after all.";
    ProfileNameConflict = "profile_name_conflict", 409, InvalidRequestError,
        "Another profile has this name.", "Choose another name.";
    ProfileExternalIdConflict = "profile_external_id_conflict", 409, InvalidRequestError,
        "Another profile has this external id.", "Use that profile or choose another external id.";
    OauthAppAlreadyExists = "OAUTH_APP_ALREADY_EXISTS", 409, InvalidRequestError,
        "An app with this client id is registered for the platform.", "Change that one instead.";
    OauthAppInUse = "OAUTH_APP_IN_USE", 409, InvalidRequestError,
        "Accounts are connected through this app.",
        "Disconnect them first, or add `confirm=true` to disconnect them with it.";
    NotThreadOwner = "not_thread_owner", 409, PlatformError,
        "Another app holds this conversation.",
        "Have it passed to this app, or answer in the app that holds it.";
    BodyTooLarge = "body_too_large", 413, InvalidRequestError,
        "The body is larger than this path takes.", "Send less at once.";
    StorageFull = "storage_full", 413, InvalidRequestError,
        "The workspace's files have as many bytes together as they may.",
        "Wait until uploads are 7 days old, delete conversations whose files are kept, or have `media.max_workspace_bytes` raised.";
    UnsupportedMediaType = "unsupported_media_type", 415, InvalidRequestError,
        "The body is not JSON.", "Send `Content-Type: application/json`.";
    IdempotencyKeyReused = "idempotency_key_reused", 422, InvalidRequestError,
        "The idempotency key was used with another body.", "Use a new key for a new request.";
    RateLimited = "rate_limited", 429, RateLimitError,
        "Too many requests.", "Wait as long as `Retry-After` says.";
    PlatformRateLimited = "platform_rate_limited", 429, PlatformError,
        "The platform accepts no more from this account for now.",
        "Wait as long as `Retry-After` says.";
    ReconnectRequired = "reconnect_required", 401, PlatformError,
        "The platform no longer accepts the account's token.", "Connect the account again.";
    PlatformRefused = "platform_api_error", 400, PlatformError,
        "The platform refused; its own words are in `platformError`.",
        "Correct what the platform names.";
    PlatformPermission = "platform_permission_missing", 403, PlatformError,
        "The platform says that the app or the account lacks a permission.",
        "Grant the permission at the platform; `platformError` says which.";
    CommentTooOld = "comment_too_old", 400, InvalidRequestError,
        "The comment is too old to be answered privately.", "Answer it publicly.";
    PrivateReplyConsumed = "private_reply_consumed", 400, PlatformError,
        "The comment has had its private reply, or the platform takes none for it.",
        "Leave this comment; the person can still write by themselves.";
    AttachmentUnknown = "attachment_unknown", 400, PlatformError,
        "The platform does not know the attachment, or not as this account's.",
        "Upload the media again from this account.";
    PersonUnreachable = "person_unreachable", 400, PlatformError,
        "The person cannot receive messages from this account.",
        "Do not try again before the person writes.";
    TokenExchangeFailed = "token_exchange_failed", 502, PlatformError,
        "The platform did not turn the code into a token.",
        "Check the app's id, secret and redirect URI, then start the connection again.";
    ConnectionFailed = "connection_failed", 502, PlatformError,
        "The platform let us in, but the account could not be set up.",
        "Start the connection again.";
    PlatformUnavailable = "platform_unavailable", 502, PlatformError,
        "The platform did not take the request and gave no lasting reason.", "Try again later.";
    OutcomeUnknown = "outcome_unknown", 502, PlatformError,
        "The platform may or may not have done it.",
        "Do not repeat it blindly; read the message's status until it is resolved.";
    ApiError = "api_error", 500, ApiError,
        "Posta failed inside; the log has the reason under the request id.",
        "Try again; if it stays, report it with the request id.";
    TestWebhookFailed = "webhook_test_failed", 500, ApiError,
        "The webhook endpoint did not accept the test event.",
        "See the delivery log for what the endpoint answered.";
    FeatureNotAvailable = "feature_not_available", 501, ApiError,
        "This part of the unified API is not built yet.", "See the README for what is.";
    TemporarilyUnavailable = "temporarily_unavailable", 503, ApiError,
        "Posta is starting, stopping or full.", "Try again after `Retry-After` seconds.";
    DatabaseUnavailable = "database_unavailable", 503, ApiError,
        "Posta's database cannot be reached, is full, or takes nothing at the moment.",
        "Try again after `Retry-After` seconds, with the same `Idempotency-Key` if there was one; the log of the server says why.";
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What may be done after a platform failed us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Refused, and would be refused again.
    Permanent,
    /// Certainly did not happen; worth another try.
    Transient,
    /// Too fast; nothing more for this account before `until`.
    RateLimited {
        /// When the account may go on.
        until: Timestamp,
    },
    /// The grant is dead; only a new login helps.
    Auth,
    /// It may have happened. Never repeated without looking.
    Unknown,
}

/// How a transient failure is tried again, where the kind of failure says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    /// How often it is tried altogether.
    pub tries: u8,
    /// How many seconds pass before the second try.
    pub seconds: u16,
}

/// A platform's failure in its own words, kept verbatim.
#[derive(
    Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct PlatformSaid {
    /// The HTTP status, when there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The platform's error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i64>,
    /// The finer code below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subcode: Option<i64>,
    /// The platform's name for the kind of error.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The platform's message, possibly in another language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The id under which the platform's support finds the call.
    #[serde(rename = "fbtraceId", skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// What a connector reports when a platform does not do as asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ConnectorError {
    /// The code that clients see.
    pub code: Code,
    /// What may be done next.
    pub retry: Retry,
    /// How it is tried again if it is transient; as usual when `None`.
    pub again: Option<Again>,
    /// What failed and why, for people.
    pub message: String,
    /// What to do about it, where more is known than the code's own remedy.
    pub remedy: Option<&'static str>,
    /// The platform's own words, when it answered.
    pub said: Option<Box<PlatformSaid>>,
    /// Anything else worth showing a client, such as the time a window closed.
    pub details: Option<Value>,
}

impl ConnectorError {
    /// Makes an error without the platform's words.
    #[must_use]
    pub fn new(code: Code, retry: Retry, message: impl Into<String>) -> Self {
        Self {
            code,
            retry,
            again: None,
            message: message.into(),
            remedy: None,
            said: None,
            details: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_have_an_error_status() {
        let mut texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        texts.sort_unstable();
        let all = texts.len();
        texts.dedup();
        assert_eq!(texts.len(), all);
        assert!(Code::ALL.iter().all(|code| (400..600).contains(&code.status())));
    }
}
