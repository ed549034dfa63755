//! What belongs to a message or conversation besides its text, in the words of the unified API.

use posta_core::event::{self, AttachmentKind};
use posta_core::time::Timestamp;
use serde_json::{Map, Value, json};

/// What belongs to a message besides text and attachments, in the words of the unified API. The
/// click that brought the person is in it if it is told with this message.
pub(super) fn metadata(
    message: &event::Message,
    is_standby: bool,
    is_click_told: bool,
) -> Option<Value> {
    let mut map = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            map.insert(key.to_owned(), value);
        }
    };
    put("quickReplyPayload", message.quick_reply.clone().map(Value::from));
    if let Some(postback) = &message.postback {
        put("postbackPayload", postback.payload.clone().map(Value::from));
        put("postbackTitle", postback.title.clone().map(Value::from));
    }
    let story = message.story_reply.as_ref();
    put("storyReply", story.map(|story| json!({"storyId": story.id, "storyUrl": story.url})));
    let mentions = message.attachments.iter().any(|one| {
        one.kind == AttachmentKind::Share && one.original.as_deref() == Some("story_mention")
    });
    put("isStoryMention", mentions.then_some(Value::Bool(true)));
    put("quotedMessageId", message.reply_to.as_ref().map(|id| Value::from(id.as_str())));
    let click = message.referral.as_ref().filter(|_| is_click_told);
    put("referral", click.map(referral));
    put("noRenderableContent", message.is_unsupported.then_some(Value::Bool(true)));
    put("isSelf", message.is_self.then_some(Value::Bool(true)));
    put("standby", is_standby.then_some(Value::Bool(true)));
    (!map.is_empty()).then_some(Value::Object(map))
}

fn referral(one: &event::Referral) -> Value {
    let mut shown = json!({
        "ref": one.reference, "source": one.source, "type": one.kind, "ad_id": one.ad_id,
        "ads_context_data": one.details.get("ads_context_data"),
    });
    for name in ["product", "referer_uri"] {
        if let Some(detail) = one.details.get(name) {
            shown[name] = detail.clone();
        }
    }
    shown
}

/// The click that brought a person here, as conversations show it.
pub(super) fn click(referral: &event::Referral, at: Timestamp) -> Value {
    let ad = |name: &str| referral.details["ads_context_data"][name].clone();
    json!({
        "meta_ad_id": referral.ad_id,
        "meta_ad_source": referral.source,
        "meta_ad_type": referral.kind,
        "meta_ad_ref": referral.reference,
        "meta_ad_title": ad("ad_title"),
        "meta_ad_photo_url": ad("photo_url"),
        "meta_ad_video_url": ad("video_url"),
        "meta_ad_post_id": ad("post_id"),
        "meta_ad_product_id": referral.details["product"]["id"],
        "meta_ad_flow_id": ad("flow_id"),
        "meta_ad_captured_at": at,
    })
}
