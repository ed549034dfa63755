//! What comes before the message it speaks of: kept, and caught up with when the message is there.

use std::collections::HashMap;

use posta_core::event::{Edit, Reaction, ThreadMessage};
use posta_core::id::{AccountId, RemoteMessage};
use posta_store::accounts::Account;
use posta_store::early::{self, Early};
use posta_store::events::Cause;
use posta_store::messages::Message;
use posta_store::{Json, Tx, message_changes};
use serde::{Deserialize, Serialize};

use super::{Told, edit, reaction, read};
use crate::app::App;

/// What can come before its message.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Happened {
    Edited(Edit),
    Deleted,
    Reacted(Reaction),
    Read(ThreadMessage),
}

impl Happened {
    /// Tells it from other things that happen to the same message. A later reaction of the same
    /// person takes the place of an earlier one.
    fn key(&self) -> String {
        match self {
            Self::Edited(edit) => format!("edited:{}", edit.count),
            Self::Deleted => "deleted".to_owned(),
            Self::Reacted(reaction) => format!("reacted:{}", reaction.person),
            Self::Read(_) => "read".to_owned(),
        }
    }
}

/// Keeps it until the message comes; `false` when it is kept already.
pub(super) async fn keep(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    message: &RemoteMessage,
    happened: &Happened,
) -> posta_store::Result<bool> {
    let what = serde_json::to_value(happened).expect("it has only text for keys");
    let row = Early {
        account_id: told.account.id.clone(),
        message_id: message.clone(),
        key: happened.key(),
        what: Json(what),
        happened_at: told.at,
        inbound_id: told.cause.map(|cause| cause.inbound_id.clone()),
        inbound_position: told.cause.map(|cause| cause.position),
        created_at: app.clock.now(),
    };
    early::insert(tx, &row).await
}

/// Catches up with what came before a message of ours was known by the platform's id: it can be
/// read and reacted to before the answer of its send is on record.
///
/// # Errors
/// When the database failed.
pub async fn catch_up(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    message: &Message,
) -> posta_store::Result<()> {
    let Some(id) = &message.remote_id else { return Ok(()) };
    let told = Told {
        account,
        at: message.sent_at,
        origin: message.origin,
        is_standby: false,
        cause: None,
        traceparent: None,
    };
    let waiting = take_one(tx, &account.id, id).await?;
    let mut message = message.clone();
    if waiting.put_reactions(&told, &mut message) {
        message_changes::update_reactions(tx, &message.id, &message.reactions).await?;
    }
    waiting.finish(app, tx, &told, &message).await
}

/// What was waiting for a message that is about to be stored.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    rows: Vec<(Early, Happened)>,
}

/// Takes out what waits for messages.
pub(super) async fn take<'a>(
    tx: &mut Tx,
    messages: &[(&'a AccountId, &'a RemoteMessage)],
) -> posta_store::Result<HashMap<(&'a AccountId, &'a RemoteMessage), Waiting>> {
    let mut waiting = HashMap::<_, Waiting>::new();
    for row in early::take(tx, messages).await? {
        let is_its = |(account, message): &&(&AccountId, &RemoteMessage)| {
            **account == row.account_id && **message == row.message_id
        };
        // Only a later version can have kept something that this one cannot read.
        if let (Some(message), Ok(happened)) =
            (messages.iter().find(is_its), Happened::deserialize(&row.what.0))
        {
            waiting.entry(*message).or_default().rows.push((row, happened));
        }
    }
    Ok(waiting)
}

/// Takes out what waits for a message.
pub(super) async fn take_one(
    tx: &mut Tx,
    account: &AccountId,
    message: &RemoteMessage,
) -> posta_store::Result<Waiting> {
    let key = (account, message);
    Ok(take(tx, &[key]).await?.remove(&key).unwrap_or_default())
}

impl Waiting {
    /// When the message was taken back before it came, if it was.
    pub(super) fn deleted_at(&self) -> Option<posta_core::time::Timestamp> {
        let deleted = |(row, what): &(Early, Happened)| {
            matches!(what, Happened::Deleted).then_some(row.happened_at)
        };
        self.rows.iter().find_map(deleted)
    }

    /// Puts the reactions on a message, and says whether there were any. They were announced already.
    pub(super) fn put_reactions(&self, told: &Told<'_>, message: &mut Message) -> bool {
        let mut is_any = false;
        for (row, what) in &self.rows {
            if let Happened::Reacted(reacted) = what {
                let told = Told { at: row.happened_at, ..*told };
                is_any |= reaction::put(&told, &mut message.reactions.0, reacted).is_some();
            }
        }
        is_any
    }

    /// Applies the rest to a message that is stored now: edits in the order of their numbers, then
    /// that it was read.
    pub(super) async fn finish(
        self,
        app: &App,
        tx: &mut Tx,
        told: &Told<'_>,
        message: &Message,
    ) -> posta_store::Result<()> {
        let mut rows = self.rows;
        rows.sort_by_key(|(_, what)| match what {
            Happened::Edited(edit) => edit.count,
            Happened::Deleted | Happened::Reacted(_) | Happened::Read(_) => i64::MAX,
        });
        let mut message = message.clone();
        for (row, what) in rows {
            let cause = row.inbound_id.zip(row.inbound_position);
            let cause = cause.map(|(inbound_id, position)| Cause { inbound_id, position });
            let told = Told { at: row.happened_at, cause: cause.as_ref(), ..*told };
            match what {
                Happened::Edited(edit) => {
                    edit::apply(app, tx, &told, &mut message, &edit).await?;
                }
                Happened::Read(read) => {
                    read::person_read(app, tx, &told, &read).await?;
                }
                Happened::Deleted | Happened::Reacted(_) => {}
            }
        }
        Ok(())
    }
}
