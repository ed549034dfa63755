//! Messages that people wrote. What many of them need is read at once, and what they change is written
//! at once: they are most of what comes in, and a database is asked few things quickly and many slowly.

use std::collections::{HashMap, HashSet};

use posta_core::event;
use posta_core::id::{AccountId, ConversationId, RemoteMessage, RemoteThread};
use posta_store::conversations::{self, Conversation};
use posta_store::messages::{self, Message};
use posta_store::{Json, Tx};

use super::early::Waiting;
use super::message::{conversation, finish_new, message_payload, new_message, newest, put_waiting};
use super::{Taken, Told, control, delete, early, referral, tap};
use crate::app::App;
use crate::config::MediaPolicy;
use crate::flows::announce::{Announcement, announce_all};
use crate::flows::events::{InboxAccount, Payload, started_conversation};
use crate::flows::metadata::metadata;
use crate::flows::turns::Lasts;
use crate::flows::window::{self, Opener, Opening};
use crate::flows::{media, people, turns};

/// How many messages are taken in together at most.
const MOST: usize = 64;

/// A message, and how we came to know of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct New<'a> {
    pub(super) told: Told<'a>,
    pub(super) message: &'a event::Message,
}

impl<'a> New<'a> {
    /// What tells it from all other messages.
    fn key(&self) -> (&'a AccountId, &'a RemoteMessage) {
        (&self.told.account.id, &self.message.id)
    }

    fn thread(&self) -> (&'a AccountId, &'a RemoteThread) {
        (&self.told.account.id, &self.message.thread)
    }
}

/// Messages one after the other that do not depend on each other.
pub(super) struct Run<'a> {
    /// Whether nothing comes of them but events.
    pub(super) is_plain: bool,
    all: Vec<New<'a>>,
    keys: HashSet<(&'a AccountId, &'a RemoteMessage)>,
}

impl<'a> Run<'a> {
    pub(super) fn new(app: &App) -> Self {
        // Of anything there may be something to keep, or to take away.
        let is_plain = app.config.media.policy == MediaPolicy::Links;
        Self { is_plain, all: Vec::new(), keys: HashSet::new() }
    }

    /// Adds a message, and takes the others in first if it cannot be looked at together with them.
    pub(super) async fn add(
        &mut self,
        app: &App,
        tx: &mut Tx,
        told: Told<'a>,
        message: &'a event::Message,
    ) -> posta_store::Result<()> {
        let new = New { told, message };
        // One that may be stored under another id is looked for among those that are stored.
        let is_alone = tap::may_be_known(&told, message);
        if is_alone || self.all.len() >= MOST || self.keys.contains(&new.key()) {
            self.end(app, tx).await?;
        }
        self.keys.insert(new.key());
        self.all.push(new);
        if is_alone { self.end(app, tx).await } else { Ok(()) }
    }

    /// Takes in what there is.
    pub(super) async fn end(&mut self, app: &App, tx: &mut Tx) -> posta_store::Result<()> {
        self.keys.clear();
        let (_, is_plain) = take(app, tx, &std::mem::take(&mut self.all)).await?;
        self.is_plain &= is_plain;
        Ok(())
    }
}

/// A message that is about to be stored.
struct Fresh<'a> {
    new: New<'a>,
    stored: Message,
    waiting: Waiting,
    last: Option<turns::Last>,
}

/// Stores messages and tells of them, but for those that the account has. No two may be the same. Returns
/// what became of each, and whether nothing came of them but events.
///
/// # Errors
/// When the database failed; then nothing has happened.
pub(super) async fn take(
    app: &App,
    tx: &mut Tx,
    all: &[New<'_>],
) -> posta_store::Result<(Vec<Taken>, bool)> {
    if all.is_empty() {
        return Ok((Vec::new(), true));
    }
    let keys: Vec<_> = all.iter().map(New::key).collect();
    let known = messages::list_remote(tx, &keys).await?;
    let (mut taken, mut new) = (Vec::with_capacity(all.len()), Vec::new());
    for one in all {
        let is_it = |known: &&Message| {
            known.remote_id.as_ref() == Some(&one.message.id)
                && known.account_id == one.told.account.id
        };
        match known.iter().find(is_it) {
            Some(known) => taken.push(delete::purge_again(app, tx, &one.told, known).await?),
            None => {
                taken.push(Taken::New);
                new.push(*one);
            }
        }
    }
    if new.is_empty() {
        return Ok((taken, true));
    }
    let mut threads = open(app, tx, &new).await?;
    if let [one] = new.as_slice()
        && let Some(conversation) = threads.get(&one.thread())
        && tap::is_known(app, tx, &one.told, conversation, one.message).await?
    {
        return Ok((vec![Taken::Known; all.len()], true));
    }
    let is_alone = store(app, tx, &new, &mut threads).await?;
    let is_plain = is_alone && threads.values().all(|one| one.profile_due_at.is_none());
    Ok((taken, is_plain))
}

type Threads<'a> = HashMap<(&'a AccountId, &'a RemoteThread), Conversation>;

/// Gets the conversations that messages stand in.
async fn open<'a>(app: &App, tx: &mut Tx, all: &[New<'a>]) -> posta_store::Result<Threads<'a>> {
    let mut wanted = HashMap::new();
    for one in all {
        let new = || conversation(app, &one.told, &one.message.thread, &one.message.person);
        wanted.entry(one.thread()).or_insert_with(new);
    }
    let rows: Vec<_> = wanted.values().cloned().collect();
    let mut threads = Threads::new();
    for found in conversations::insert_or_get(tx, &rows).await? {
        let is_its = |(account, thread): &&(&AccountId, &RemoteThread)| {
            **account == found.account_id && **thread == found.remote_id
        };
        if let Some(key) = wanted.keys().find(is_its) {
            threads.insert(*key, found);
        }
    }
    Ok(threads)
}

/// Stores messages that the account does not have. Returns whether nothing had come before them.
async fn store<'a>(
    app: &App,
    tx: &mut Tx,
    all: &[New<'a>],
    threads: &mut Threads<'a>,
) -> posta_store::Result<bool> {
    let mut waiting = early::take(tx, &Vec::from_iter(all.iter().map(New::key))).await?;
    let is_alone = waiting.is_empty();
    let webhooks = all.iter().filter(|one| turns::counts(app, &one.told));
    let ids: HashSet<&ConversationId> =
        webhooks.filter_map(|one| threads.get(&one.thread())).map(|one| &one.id).collect();
    let mut lasts = turns::lasts(tx, &Vec::from_iter(ids)).await?;
    let (mut fresh, mut announcements) = (Vec::with_capacity(all.len()), Vec::new());
    for one in all {
        let thread = threads.get_mut(&one.thread()).ok_or(posta_store::Error::RowNotFound)?;
        let waiting = waiting.remove(&one.key()).unwrap_or_default();
        let (one, told) = write(app, tx, *one, thread, waiting, &mut lasts).await?;
        announcements.extend(told);
        fresh.push(one);
    }
    let rows: Vec<_> = fresh.iter().map(|one| one.stored.clone()).collect();
    finish_new(tx, &rows).await?;
    for one in &fresh {
        media::ask_to_keep(app, tx, &one.stored).await?;
    }
    announce_all(app, tx, &announcements).await?;
    conversations::update_activity(tx, &Vec::from_iter(threads.values())).await?;
    for Fresh { new, stored, waiting, last } in fresh {
        if let (Some(last), Some(thread)) = (last, threads.get(&new.thread())) {
            turns::heard(app, tx, &new.told, thread, (&last, new.message)).await?;
        }
        waiting.finish(app, tx, &new.told, &stored).await?;
    }
    Ok(is_alone)
}

/// Makes the row of a message, changes its conversation, and says what there is to announce.
async fn write<'a>(
    app: &App,
    tx: &mut Tx,
    new: New<'a>,
    conversation: &mut Conversation,
    waiting: Waiting,
    lasts: &mut Lasts,
) -> posta_store::Result<(Fresh<'a>, Vec<Announcement<'a>>)> {
    let New { told, message } = new;
    // A click, a reaction or a change of hands may have opened it before anything was written.
    let is_first = conversation.last_message_at.is_none();
    let is_click_told = match &message.referral {
        Some(click) => {
            referral::is_told_with_message(app, tx, &told, &message.thread, click).await?
        }
        None => false,
    };
    let mut stored = Message {
        status: messages::Status::Received,
        sender_id: message.person.to_string(),
        metadata: metadata(message, told.is_standby, is_click_told).map(Json),
        is_read: told.is_silent(),
        ..new_message(app, &told, conversation, message)
    };
    put_waiting(app, tx, &told, &mut stored, &waiting).await?;
    if !told.is_silent() {
        conversation.status = conversations::Status::Active;
        if stored.deleted_at.is_none() {
            conversation.unread_count += 1;
        }
        control::note(conversation, &told);
    }
    if let Some(click) = &message.referral {
        referral::note_click(conversation, click, told.at);
    }
    let started = is_first.then(|| Payload::ConversationStarted {
        conversation: started_conversation(told.account, conversation),
        account: InboxAccount::from(told.account),
        started_at: told.at,
    });
    let started =
        started.and_then(|payload| told.announcement(app, "conversation.started", payload));
    // One that was taken back before it came is told of as that only, so that nobody answers it.
    let received = match stored.deleted_at {
        Some(at) => told.announcement(
            app,
            "message.deleted",
            delete::payload(&told, conversation, &stored, at),
        ),
        None => {
            let payload = message_payload(told.account, conversation, &stored);
            told.announcement(app, "message.received", payload)
        }
    };
    let id = received.as_ref().map(|one| one.id.clone());
    let opening = Opening { id, kind: Opener::of(message) };
    window::opened(app, told.account, conversation, &opening, told.at);
    if !told.is_silent() {
        people::wrote(app, told.account, conversation);
    }
    newest(app, conversation, &stored);
    let last = lasts.hear(&conversation.id, told.at);
    Ok((Fresh { new, stored, waiting, last }, started.into_iter().chain(received).collect()))
}
