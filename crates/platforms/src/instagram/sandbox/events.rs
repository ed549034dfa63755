//! The JSON of webhooks, key by key in the order that deliveries have.

use posta_core::time::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::sandbox::posts::{Comment, Post};
use crate::sandbox::world::{Account, Message};

/// The names that reactions have in webhooks; any other emoji is `other`.
const REACTIONS: &[(&str, &str)] = &[
    ("love", "\u{2764}\u{fe0f}"),
    ("like", "\u{1f44d}"),
    ("laugh", "\u{1f606}"),
    ("wow", "\u{1f62e}"),
    ("sad", "\u{1f622}"),
    ("angry", "\u{1f620}"),
];

/// One item of `messaging` or `standby`.
#[derive(Serialize)]
pub(super) struct Messaging<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sender: Option<Id<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recipient: Option<Id<'a>>,
    pub(super) timestamp: i64,
    /// Stands here for taps only; messages carry their own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_self: bool,
    #[serde(flatten)]
    pub(super) event: Event<'a>,
}

#[derive(Clone, Copy, Serialize)]
pub(super) struct Id<'a> {
    id: &'a str,
}

/// What happened.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Event<'a> {
    Message(MessageEvent<'a>),
    MessageEdit(EditEvent<'a>),
    Reaction(ReactionEvent<'a>),
    Read { mid: &'a str },
    Postback(PostbackEvent<'a>),
    Referral { r#ref: &'a str, source: &'a str, r#type: &'static str },
    PassThreadControl(ControlEvent<'a>),
    TakeThreadControl(ControlEvent<'a>),
    RequestThreadControl(RequestEvent<'a>),
}

#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "they are the platform's own keys")]
pub(super) struct MessageEvent<'a> {
    mid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_echo: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_self: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_deleted: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_unsupported: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quick_reply: Option<QuickReply<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referral: Option<&'a Value>,
}

#[derive(Serialize)]
struct Attachment<'a> {
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Value>,
}

#[derive(Serialize)]
struct QuickReply<'a> {
    payload: &'a str,
}

#[derive(Serialize)]
pub(super) struct EditEvent<'a> {
    pub(super) mid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    pub(super) num_edit: usize,
}

#[derive(Serialize)]
pub(super) struct ReactionEvent<'a> {
    mid: &'a str,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reaction: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emoji: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct PostbackEvent<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mid: Option<&'a str>,
    pub(super) title: &'a str,
    /// Left out for apps on standby.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payload: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) referral: Option<Value>,
}

#[derive(Serialize)]
pub(super) struct ControlEvent<'a> {
    pub(super) previous_owner_app_id: Option<&'a str>,
    pub(super) new_owner_app_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct RequestEvent<'a> {
    pub(super) requested_owner_app_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<&'a str>,
}

impl<'a> Messaging<'a> {
    /// Something that one side did and the other gets to know.
    pub(super) fn new(
        sender: &'a str,
        recipient: &'a str,
        at: Timestamp,
        event: Event<'a>,
    ) -> Self {
        let (sender, recipient) = (Some(Id { id: sender }), Some(Id { id: recipient }));
        Self { sender, recipient, timestamp: at.as_millis(), is_self: false, event }
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).expect("ids, numbers and text can be written")
    }
}

impl<'a> MessageEvent<'a> {
    pub(super) fn of(message: &'a Message) -> Self {
        let draft = &message.draft;
        Self {
            mid: &message.id,
            text: draft.text.as_deref(),
            is_echo: false,
            is_self: false,
            is_deleted: false,
            is_unsupported: draft.is_unsupported,
            attachments: draft.attachments.iter().map(Attachment::of).collect(),
            quick_reply: draft.payload.as_deref().map(|payload| QuickReply { payload }),
            reply_to: draft.reply_to.as_ref(),
            referral: draft.referral.as_ref(),
        }
    }

    /// The account's own message, told back to it.
    pub(super) fn echo(message: &'a Message, is_self: bool) -> Self {
        Self { is_echo: true, is_self, ..Self::of(message) }
    }

    /// Nothing but that the message is gone.
    pub(super) fn deleted(mid: &'a str) -> Self {
        Self {
            mid,
            text: None,
            is_echo: false,
            is_self: false,
            is_deleted: true,
            is_unsupported: false,
            attachments: Vec::new(),
            quick_reply: None,
            reply_to: None,
            referral: None,
        }
    }
}

impl<'a> Attachment<'a> {
    fn of(attachment: &'a Value) -> Self {
        let payload = attachment.get("payload").filter(|payload| !payload.is_null());
        // A template comes back below a key with its type's name.
        let payload = payload.map(|payload| match payload["template_type"].as_str() {
            Some(kind) => {
                let mut inner = payload.clone();
                inner.as_object_mut().map(|inner| inner.remove("template_type"));
                json!({ kind: inner })
            }
            None => payload.clone(),
        });
        let kind = match attachment["type"].as_str() {
            // Stickers and moving pictures come as pictures.
            Some("sticker" | "gif") => "image",
            other => other.unwrap_or("unknown"),
        };
        Self { r#type: kind, payload }
    }
}

impl<'a> ReactionEvent<'a> {
    /// A reaction, or without an emoji that it was taken back.
    pub(super) fn of(mid: &'a str, emoji: Option<&'a str>) -> Self {
        let known = |&&(_, known): &&(&str, &str)| Some(known) == emoji;
        let name = REACTIONS.iter().find(known).map_or("other", |(name, _)| name);
        let action = if emoji.is_some() { "react" } else { "unreact" };
        Self { mid, action, reaction: emoji.map(|_| name), emoji }
    }
}

/// The value of a comment's event.
#[derive(Serialize)]
pub(super) struct CommentValue<'a> {
    from: From<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment_id: Option<&'a str>,
    media: Media<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<&'a str>,
    text: &'a str,
}

#[derive(Serialize)]
struct From<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    self_ig_scoped_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Media<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ad_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ad_title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_media_id: Option<&'a str>,
    media_product_type: &'a str,
}

/// How comments are told: what the two logins and their pages disagree about.
#[derive(Clone, Copy)]
pub(super) struct CommentShape {
    /// Whether it is that of Facebook Login.
    pub(super) is_facebook: bool,
    /// Whether the id of whoever comments is left out.
    pub(super) is_nameless: bool,
}

/// Writes a comment as its event has it. The person's id is theirs towards the account.
pub(super) fn comment(
    post: &Post,
    comment: &Comment,
    account: &Account,
    scoped_id: Option<&str>,
    shape: CommentShape,
) -> String {
    let from = match &comment.person {
        Some(person) => {
            let id = scoped_id.filter(|_| !shape.is_nameless);
            From { id, username: person, self_ig_scoped_id: None }
        }
        None => From {
            id: Some(&account.id),
            username: &account.username,
            self_ig_scoped_id: Some(&account.own_scoped_id),
        },
    };
    let ad = post.ad.as_ref().filter(|_| shape.is_facebook);
    let id = comment.id.as_str();
    let value = CommentValue {
        from,
        comment_id: shape.is_facebook.then_some(id),
        media: Media {
            id: &post.id,
            ad_id: ad.map(|ad| ad.ad_id.as_str()),
            ad_title: ad.map(|ad| ad.ad_title.as_str()),
            original_media_id: ad.and_then(|ad| ad.original_media_id.as_deref()),
            media_product_type: &post.place,
        },
        id: (!shape.is_facebook).then_some(id),
        parent_id: comment.parent.as_deref(),
        text: &comment.text,
    };
    serde_json::to_string(&value).expect("ids and text can be written")
}
