//! What is kept of calls to Instagram, and what they are called.

use http::HeaderMap;
use serde_json::Value;

use super::Instagram;
use crate::contract::{Deed, Logbook, Told};
use crate::meta::logbook;

/// Ids, names of fields, and words out of closed lists. Not `name`, `username` and `message`, which are
/// of people; not `code`, which is a number where it is an error's and a secret where it is a text.
const SHOWN: &[&str] = &[
    "id",
    "user_id",
    "app_id",
    "client_id",
    "comment_id",
    "message_id",
    "recipient_id",
    "attachment_id",
    "type",
    "template_type",
    "token_type",
    "grant_type",
    "account_type",
    "media_type",
    "media_product_type",
    "messaging_type",
    "control_type",
    "sender_action",
    "tag",
    "platform",
    "result",
    "hide",
    "limit",
    "fields",
    "subscribed_fields",
    "permissions",
    "created_time",
    "timestamp",
    "fbtrace_id",
];

const fn connections(action: &'static str) -> Deed {
    Deed { area: "connections", action }
}

const fn messaging(action: &'static str) -> Deed {
    Deed { area: "messaging", action }
}

impl Logbook for Instagram {
    fn deed(&self, method: &str, path: &str, body: Option<&Value>) -> Deed {
        let edge = path.rsplit('/').next().unwrap_or_default();
        match (method, edge) {
            ("POST", "access_token") => connections("exchange_code"),
            ("GET", "access_token") => connections("prolong_token"),
            ("GET", "refresh_access_token") => connections("renew_token"),
            ("GET", "me") => connections("read_account"),
            ("GET", "subscribed_apps") => connections("read_subscription"),
            ("POST", "subscribed_apps") => connections("subscribe"),
            ("DELETE", "subscribed_apps") => connections("unsubscribe"),
            ("POST", "messages") => messaging(message(body)),
            ("POST", "message_attachments") => messaging("upload_attachment"),
            ("GET", "messenger_profile") => messaging("read_menus"),
            ("POST", "messenger_profile") => messaging("set_menus"),
            ("DELETE", "messenger_profile") => messaging("delete_menus"),
            ("GET", "conversations") => messaging("read_conversations"),
            ("GET", "media") => messaging("read_posts"),
            ("GET", "comments") => messaging("read_comments"),
            ("POST", "comments" | "replies") => messaging("write_comment"),
            ("POST", _) => messaging("change_object"),
            ("DELETE", _) => messaging("delete_object"),
            // Messages, people, posts and comments are all read by their id.
            _ => messaging("read_object"),
        }
    }

    fn shown(&self) -> &'static [&'static str] {
        SHOWN
    }

    fn told(&self, headers: &HeaderMap, body: Option<&Value>) -> Told {
        logbook::told(headers, body)
    }
}

/// Whatever concerns a conversation is sent to one edge.
fn message(body: Option<&Value>) -> &'static str {
    let Some(body) = body else { return "send_message" };
    match body["sender_action"].as_str() {
        Some("mark_seen") => return "mark_read",
        Some("typing_on" | "typing_off") => return "show_typing",
        Some("react" | "unreact") => return "react",
        _ => {}
    }
    if body.get("thread_control").is_some() {
        "pass_conversation"
    } else if body["recipient"].get("comment_id").is_some() {
        "reply_privately"
    } else {
        "send_message"
    }
}
