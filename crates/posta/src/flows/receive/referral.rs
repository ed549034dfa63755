//! A person came by a link or an ad. Each click is told once: with its message, or by itself.

use std::time::Duration;

use posta_core::event::Referral;
use posta_core::id::{RemotePerson, RemoteThread};
use posta_core::time::Timestamp;
use posta_store::conversations::{self, Conversation};
use posta_store::{Json, Tx, told as tellings};

use super::message::open_conversation;
use super::{Taken, Told};
use crate::app::App;
use crate::flows::events::{ConversationBlock, InboxAccount, Payload, ReferralBlock, person_block};
use crate::flows::metadata::click;
use crate::flows::window::{self, Opener, Opening};

/// How far the notice of a click and the message after it can lie apart.
const APART: Duration = Duration::from_mins(10);

/// A person clicked, and has a conversation already.
pub(super) async fn referred(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    thread: &RemoteThread,
    referral: &Referral,
) -> posta_store::Result<Taken> {
    let account = &told.account.id;
    let now = app.clock.now();
    if !tellings::insert(tx, account, &key("click", thread, referral), told.at, now).await?
        || is_near(tx, told, &key("message", thread, referral)).await?
    {
        return Ok(Taken::Known);
    }
    let person = RemotePerson::new(thread.as_str());
    let (mut conversation, _) = open_conversation(app, tx, told, thread, &person).await?;
    note_click(&mut conversation, referral, told.at);
    let payload = Payload::Referral {
        referral: ReferralBlock::from(referral),
        sender: person_block(&conversation, conversation.participant_id.as_str()),
        conversation: ConversationBlock::from(&conversation),
        account: InboxAccount::from(told.account),
    };
    let id = told.announce(app, tx, "referral.received", payload).await?;
    let opening = Opening { id, kind: Opener::Referral };
    window::opened(app, told.account, &mut conversation, &opening, told.at);
    conversation.updated_at = conversation.updated_at.max(now);
    conversations::update_activity(tx, &[&conversation]).await?;
    Ok(Taken::New)
}

/// Whether a click that came with a message is told with it, and was not told by itself.
pub(super) async fn is_told_with_message(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    thread: &RemoteThread,
    referral: &Referral,
) -> posta_store::Result<bool> {
    if is_near(tx, told, &key("click", thread, referral)).await? {
        return Ok(false);
    }
    let key = key("message", thread, referral);
    tellings::insert(tx, &told.account.id, &key, told.at, app.clock.now()).await?;
    Ok(true)
}

/// Notes the newest click in its conversation.
pub(super) fn note_click(conversation: &mut Conversation, referral: &Referral, at: Timestamp) {
    let captured = conversation.metadata.as_ref().and_then(|metadata| {
        serde_json::from_value::<Timestamp>(metadata.0["meta_ad_captured_at"].clone()).ok()
    });
    if captured.is_none_or(|captured| captured <= at) {
        conversation.metadata = Some(Json(click(referral, at)));
    }
}

async fn is_near(tx: &mut Tx, told: &Told<'_>, key: &str) -> posta_store::Result<bool> {
    let (from, to) = (told.at.minus(APART), told.at.plus(APART));
    tellings::is_any_between(tx, &told.account.id, key, from, to).await
}

fn key(how: &str, thread: &RemoteThread, referral: &Referral) -> String {
    let Referral { reference, source, kind, ad_id, .. } = referral;
    serde_json::json!([how, thread, reference, source, kind, ad_id]).to_string()
}
