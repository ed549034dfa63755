//! Control of a conversation moved between apps.

use posta_core::id::{RemotePerson, RemoteThread};
use posta_core::time::Timestamp;
use posta_store::conversations::{self, Conversation};
use posta_store::{Json, Tx, oauth_apps, told as tellings};
use serde::{Deserialize, Serialize};

use super::message::open_conversation;
use super::{Taken, Told};
use crate::app::App;
use crate::flows::events::{ControlBlock, ConversationBlock, InboxAccount, Owner, Payload};

/// Who holds a conversation, as it is kept with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Control {
    /// Who.
    pub owner: Owner,
    /// The platform's id of the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_app_id: Option<String>,
    /// Since when, by the platform's clock.
    pub changed_at: Timestamp,
}

impl Control {
    /// Reads who holds a conversation; `None` where the platform never said.
    #[must_use]
    pub fn of(conversation: &Conversation) -> Option<Self> {
        Self::deserialize(&conversation.control.as_ref()?.0).ok()
    }

    /// Writes it into a conversation, which is still to be stored.
    pub fn put(&self, conversation: &mut Conversation) {
        let value = serde_json::to_value(self).expect("it has only text for keys");
        conversation.control = Some(Json(value));
    }
}

/// What a platform says of a change.
pub(super) struct Change<'a> {
    pub(super) owner: Option<&'a str>,
    pub(super) previous: Option<&'a str>,
    pub(super) is_ours: bool,
    pub(super) metadata: Option<&'a str>,
}

pub(super) async fn changed(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    thread: &RemoteThread,
    change: &Change<'_>,
) -> posta_store::Result<Taken> {
    let key = serde_json::json!(["control", thread, change.owner, change.previous]).to_string();
    let now = app.clock.now();
    if !tellings::insert(tx, &told.account.id, &key, told.at, now).await? {
        return Ok(Taken::Known);
    }
    let ours = our_ids(app, tx, told).await?;
    let who = |id: &str| if ours.iter().any(|one| one == id) { Owner::App } else { Owner::Other };
    let owner = match change.owner {
        Some(id) if who(id) == Owner::App => Owner::App,
        // The app may have a further id there that we were not told.
        _ if change.is_ours => Owner::App,
        _ => Owner::Other,
    };
    let person = RemotePerson::new(thread.as_str());
    let (mut conversation, _) = open_conversation(app, tx, told, thread, &person).await?;
    let before = Control::of(&conversation);
    // Where we passed it on ourselves it is noted already, and no longer known who had it before.
    let known = before.as_ref().map(|before| before.owner).filter(|known| *known != owner);
    let previous = change.previous.map(who).or(known);
    if before.is_none_or(|before| before.changed_at <= told.at) {
        let owner_app_id = change.owner.map(ToOwned::to_owned);
        Control { owner, owner_app_id, changed_at: told.at }.put(&mut conversation);
        conversation.updated_at = conversation.updated_at.max(now);
        conversations::update_activity(tx, &[&conversation]).await?;
    }
    let payload = Payload::ControlChanged {
        conversation: ConversationBlock::from(&conversation),
        account: InboxAccount::from(told.account),
        control: ControlBlock {
            owner,
            previous_owner: previous,
            owner_app_id: change.owner.map(ToOwned::to_owned),
            metadata: change.metadata.map(ToOwned::to_owned),
        },
        changed_at: told.at,
    };
    told.announce(app, tx, "conversation.control_changed", payload).await?;
    Ok(Taken::New)
}

/// Notes what the way of a message says of who holds its conversation: another app where we only
/// listen, and we where the platform said before that it was another and still writes to us.
pub(super) fn note(conversation: &mut Conversation, told: &Told<'_>) {
    let before = Control::of(conversation);
    let owner = if told.is_standby { Owner::Other } else { Owner::App };
    let is_news = match &before {
        Some(before) => before.owner != owner && before.changed_at < told.at,
        None => told.is_standby,
    };
    if is_news {
        Control { owner, owner_app_id: None, changed_at: told.at }.put(conversation);
    }
}

/// Lists the ids that the account's app has at the platform, as far as they are known.
async fn our_ids(app: &App, tx: &mut Tx, told: &Told<'_>) -> posta_store::Result<Vec<String>> {
    let account = told.account;
    let Some(id) = &account.oauth_app_id else {
        let configured = app.config.platforms.get(&account.platform);
        return Ok(configured.map(|one| one.client_id.clone()).into_iter().collect());
    };
    let own = oauth_apps::find(tx, &account.workspace_id, id).await?;
    Ok(own
        .into_iter()
        .flat_map(|own| [Some(own.client_id), own.signing_app_id])
        .flatten()
        .collect())
}
