//! What people and owners do in the pretend Instagram app, and who is told of it.

use posta_core::time::Timestamp;
use serde_json::{Value, json};

use super::events::{
    ControlEvent, EditEvent, Event, MessageEvent, Messaging, PostbackEvent, ReactionEvent,
    RequestEvent,
};
use super::webhooks::{self, News};
use super::{CAST, NAME, cdn, mid, remarks};
use crate::sandbox::deed::{Act, Change, Handover, OwnerAct, Reaction, Referral, Tap};
use crate::sandbox::world::{Author, Network, Thread};
use crate::sandbox::{Deed, Doer, Done, Draft, Refused, Sandbox};

/// What stands for the app's own inbox where an app's id is told.
const INBOX: &str = "999000000000310";

/// Where the link of somebody who follows one is, if nothing else is said.
const LINK_SOURCE: &str = "IGME-SOURCE-LINK";

/// Who does something in which conversation, and when.
pub(super) struct Scene<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) network: &'a mut Network,
    pub(super) account: &'a str,
    /// The username of the other side.
    pub(super) person: &'a str,
    /// Their id towards the account.
    pub(super) scoped_id: &'a str,
    pub(super) now: Timestamp,
}

/// Lets somebody do something in the app.
pub(super) fn act(sandbox: &Sandbox, deed: &Deed) -> Result<Done, Refused> {
    let mut world = sandbox.world();
    let network = world.network(NAME);
    let account = deed.account.as_str();
    let itself = network.account(account).map(|known| known.username.clone()).unwrap_or_default();
    let (is_self, person) = match &deed.by {
        Doer::Person { username, .. } => (false, username.as_str()),
        Doer::Owner { person, .. } => (person.is_none(), person.as_deref().unwrap_or(&itself)),
    };
    let scoped_id = if is_self {
        network.other_side(account, person).unwrap_or_default()
    } else {
        network.scoped_id(account, person, CAST.scoped_ids, sandbox.chance())
    };
    let (scoped_id, now) = (scoped_id.as_str(), sandbox.clock().now());
    let mut scene = Scene { sandbox, network, account, person, scoped_id, now };
    match &deed.by {
        Doer::Person { act, .. } => by_person(&mut scene, act),
        Doer::Owner { act, .. } => by_owner(&mut scene, act, is_self),
    }
}

fn by_person(scene: &mut Scene<'_>, act: &Act) -> Result<Done, Refused> {
    match act {
        Act::Write(draft) => write(scene, draft.clone()),
        Act::React(Reaction { message_id, emoji }) => {
            let emoji = emoji.as_deref().unwrap_or("\u{2764}\u{fe0f}");
            react(scene, message_id, Some(emoji))
        }
        Act::Unreact(message) => react(scene, &message.message_id, None),
        Act::Read(_) => read(scene),
        Act::Postback(tap) => postback(scene, tap),
        Act::Tap(what) => tap(scene, &what.title),
        Act::Refer(referral) => refer(scene, referral),
        Act::Unsend(message) => unsend(scene, &message.message_id, Author::Person),
        Act::Edit(change) => edit(scene, change),
        Act::Comment(remark) => remarks::comment(scene, remark, false),
        Act::Mention(mention) => remarks::mention(scene, mention),
        Act::Block(block) => Ok(scene.set_tie(|person| &mut person.blocks, block.blocked)),
        Act::Follow(follow) => Ok(scene.set_tie(|person| &mut person.follows, follow.following)),
    }
}

fn by_owner(scene: &mut Scene<'_>, act: &OwnerAct, is_self: bool) -> Result<Done, Refused> {
    let needs_person = || Refused::new("person", "is required");
    match act {
        OwnerAct::Write(draft) => {
            let draft = cdn::complete(scene.sandbox, scene.network, draft.clone());
            let id = scene.say(Author::Owner, draft);
            if is_self {
                scene.open();
            }
            let told =
                webhooks::echo(scene.sandbox, scene.network, scene.account, scene.person, &id);
            Ok(Done { message_id: Some(id), told, ..Done::default() })
        }
        OwnerAct::Postback(tap) if is_self => postback_to_itself(scene, tap),
        OwnerAct::Postback(_) => {
            Err(Refused::new("person", "must be left out; the owner taps as itself"))
        }
        OwnerAct::Comment(remark) => remarks::comment(scene, remark, true),
        _ if is_self => Err(needs_person()),
        OwnerAct::Unsend(message) => unsend(scene, &message.message_id, Author::Owner),
        OwnerAct::PassThread(handover) => hand_over(scene, handover, true),
        OwnerAct::TakeThread(handover) => hand_over(scene, handover, false),
        OwnerAct::RequestThread(handover) => request_thread(scene, handover),
        OwnerAct::ReleaseThread(_) => {
            scene.thread().owner = None;
            Ok(Done::default())
        }
    }
}

impl Scene<'_> {
    pub(super) fn thread(&mut self) -> &mut Thread {
        self.network.thread_mut(self.account, self.person)
    }

    fn say(&mut self, by: Author, draft: Draft) -> String {
        let id = mid::mint(self.account, self.scoped_id, self.now, self.sandbox.chance());
        let now = self.now;
        self.thread().say(&id, by, now, draft);
        id
    }

    /// Lets the account write for a day from now.
    fn open(&mut self) {
        let now = self.now;
        self.thread().opened_at = Some(now);
    }

    fn is_set(&self, option: &str, value: &str) -> bool {
        self.network.option(option) == Some(value)
    }

    /// Tells of something that the person did.
    fn tell(&self, fields: &[&str], event: Event<'_>) -> usize {
        let event = Messaging::new(self.scoped_id, self.account, self.now, event);
        self.news(fields, event.json()).tell(self.sandbox, self.network)
    }

    fn news<'a>(&'a self, fields: &'a [&'a str], json: String) -> News<'a> {
        News { account: self.account, person: self.person, fields, json, standby: None }
    }

    fn set_tie(
        &mut self,
        tie: impl Fn(&mut crate::sandbox::world::Person) -> &mut std::collections::BTreeSet<String>,
        is_tied: bool,
    ) -> Done {
        let mut people = self.network.people.iter_mut();
        if let Some(person) = people.find(|person| person.username == self.person) {
            if is_tied {
                tie(person).insert(self.account.to_owned());
            } else {
                tie(person).remove(self.account);
            }
        }
        Done::default()
    }
}

fn write(scene: &mut Scene<'_>, draft: Draft) -> Result<Done, Refused> {
    let mut draft = cdn::complete(scene.sandbox, scene.network, draft);
    if let Some(referral) = draft.referral.as_mut().and_then(Value::as_object_mut)
        && referral.contains_key("ad_id")
    {
        referral.entry("source").or_insert(json!("ADS"));
        referral.entry("type").or_insert(json!("OPEN_THREAD"));
    }
    let is_sticker = |kind: &Value| matches!(kind.as_str(), Some("sticker" | "gif"));
    let has_sticker = draft.attachments.iter().any(|attachment| is_sticker(&attachment["type"]));
    let id = scene.say(Author::Person, draft);
    let mut told = 0;
    if let Some(kind @ ("with_sender" | "without_sender")) = scene.network.option("edit_anomaly") {
        let event = Event::MessageEdit(EditEvent { mid: &id, text: None, num_edit: 0 });
        let mut event = Messaging::new(scene.scoped_id, scene.account, scene.now, event);
        if kind == "without_sender" {
            (event.sender, event.recipient) = (None, None);
        }
        let json = event.json();
        told = scene.news(&["message_edit"], json).tell(scene.sandbox, scene.network);
        if scene.is_set("edit_anomaly_message", "instead") {
            return Ok(Done { message_id: Some(id), told, ..Done::default() });
        }
    }
    if !(has_sticker && scene.is_set("stickers", "silent")) {
        told = told.max(announce(scene, &id));
    }
    Ok(Done { message_id: Some(id), told, ..Done::default() })
}

/// Tells of a message that the person wrote.
fn announce(scene: &Scene<'_>, id: &str) -> usize {
    let thread = scene.network.thread(scene.account, scene.person);
    let message = thread.and_then(|thread| thread.messages.iter().rfind(|known| known.id == id));
    message
        .map_or(0, |message| scene.tell(&["messages"], Event::Message(MessageEvent::of(message))))
}

fn no_message() -> Refused {
    Refused::new("message_id", "there is no such message in this thread")
}

fn react(scene: &mut Scene<'_>, mid: &str, emoji: Option<&str>) -> Result<Done, Refused> {
    let message = scene.thread().message_mut(mid).ok_or_else(no_message)?;
    message.person_reaction = emoji.map(str::to_owned);
    if emoji.is_some() && scene.is_set("reaction_opens_window", "yes") {
        scene.open();
    }
    let event = Event::Reaction(ReactionEvent::of(mid, emoji));
    let told = scene.tell(&["message_reactions"], event);
    Ok(Done { message_id: Some(mid.to_owned()), told, ..Done::default() })
}

fn read(scene: &mut Scene<'_>) -> Result<Done, Refused> {
    let thread = scene.thread();
    let last = thread.messages.iter().rfind(|message| message.by != Author::Person);
    let last = last.map(|message| message.id.clone());
    let last = last.ok_or_else(|| {
        Refused::new("account", "the account has written nothing that could be read")
    })?;
    thread.see(Author::Person);
    let told = scene.tell(&["messaging_seen"], Event::Read { mid: &last });
    Ok(Done { message_id: Some(last), told, ..Done::default() })
}

fn postback(scene: &mut Scene<'_>, tap: &Tap) -> Result<Done, Refused> {
    let (text, payload) = (Some(tap.title.clone()), Some(tap.payload.clone()));
    let id = scene.say(Author::Person, Draft { text, payload, ..Draft::default() });
    let source = LINK_SOURCE;
    let referral = tap.r#ref.as_ref();
    let referral = referral.map(|r| json!({"ref": r, "source": source, "type": "OPEN_THREAD"}));
    let event = |payload| {
        let mid = tap.mid.then_some(id.as_str());
        let event = PostbackEvent { mid, title: &tap.title, payload, referral: referral.clone() };
        Messaging::new(scene.scoped_id, scene.account, scene.now, Event::Postback(event)).json()
    };
    let mut news = scene.news(&["messaging_postbacks"], event(Some(&tap.payload)));
    news.standby = Some(event(None));
    let told = news.tell(scene.sandbox, scene.network);
    Ok(Done { message_id: Some(id), told, ..Done::default() })
}

/// The account taps a button of its own, in the conversation with itself.
fn postback_to_itself(scene: &mut Scene<'_>, tap: &Tap) -> Result<Done, Refused> {
    let (text, payload) = (Some(tap.title.clone()), Some(tap.payload.clone()));
    let id = scene.say(Author::Owner, Draft { text, payload, ..Draft::default() });
    scene.open();
    let mid = tap.mid.then_some(id.as_str());
    let payload = Some(tap.payload.as_str());
    let event = PostbackEvent { mid, title: &tap.title, payload, referral: None };
    let event = Event::Postback(event);
    let mut event = Messaging::new(scene.account, scene.scoped_id, scene.now, event);
    event.is_self = true;
    let json = event.json();
    let told = scene.news(&["messaging_postbacks"], json).tell(scene.sandbox, scene.network);
    Ok(Done { message_id: Some(id), told, ..Done::default() })
}

/// Taps what says this: a quick reply of the account's last message, or a button of any.
fn tap(scene: &mut Scene<'_>, title: &str) -> Result<Done, Refused> {
    let thread = scene.thread();
    let theirs = || thread.messages.iter().rev().filter(|message| message.by != Author::Person);
    let payload_of = |offers: &Value| {
        let mut offers = offers.as_array().into_iter().flatten();
        let offer = offers.find(|offer| offer["title"] == title)?;
        offer["payload"].as_str().map(str::to_owned)
    };
    let quick = theirs().next().and_then(|last| payload_of(&json!(last.draft.quick_replies)));
    if let Some(payload) = quick {
        let (text, payload) = (Some(title.to_owned()), Some(payload));
        return write(scene, Draft { text, payload, ..Draft::default() });
    }
    let mut templates = theirs().flat_map(|message| &message.draft.attachments);
    let button = templates.find_map(|attachment| {
        let payload = &attachment["payload"];
        let elements = payload["elements"].as_array().into_iter().flatten();
        let lists = elements.map(|element| &element["buttons"]);
        std::iter::once(&payload["buttons"]).chain(lists).find_map(payload_of)
    });
    let payload = button.or_else(|| scene.network.offer(scene.account, title));
    let payload =
        payload.ok_or_else(|| Refused::new("title", "is on nothing that could be tapped"))?;
    postback(scene, &Tap { title: title.to_owned(), payload, mid: true, r#ref: None })
}

fn refer(scene: &mut Scene<'_>, referral: &Referral) -> Result<Done, Refused> {
    let thread = scene.network.thread(scene.account, scene.person);
    if thread.is_none_or(|thread| thread.messages.is_empty()) {
        let message = "leads into no conversation yet; its ref comes with the first postback";
        return Err(Refused::new("ref", message));
    }
    if scene.is_set("referral_opens_window", "yes") {
        scene.open();
    }
    let source = referral.source.as_deref().unwrap_or(LINK_SOURCE);
    let event = Event::Referral { r#ref: &referral.r#ref, source, r#type: "OPEN_THREAD" };
    let told = scene.tell(&["messaging_referral"], event);
    Ok(Done { told, ..Done::default() })
}

fn unsend(scene: &mut Scene<'_>, mid: &str, by: Author) -> Result<Done, Refused> {
    let now = scene.now;
    let message = scene.thread().message_mut(mid).ok_or_else(no_message)?;
    if (message.by == Author::Person) != (by == Author::Person) {
        return Err(Refused::new("message_id", "is a message of the other side"));
    }
    if message.unsent_at.is_some() {
        return Err(Refused::new("message_id", "was taken back before"));
    }
    message.unsent_at = Some(now);
    let attachments = message.draft.attachments.clone();
    cdn::withdraw(scene.network, &attachments, now);
    // No page tells of an event for what the account itself takes back.
    let told = match by {
        Author::Person => scene.tell(&["messages"], Event::Message(MessageEvent::deleted(mid))),
        Author::Owner | Author::Api => 0,
    };
    Ok(Done { message_id: Some(mid.to_owned()), told, ..Done::default() })
}

fn edit(scene: &mut Scene<'_>, change: &Change) -> Result<Done, Refused> {
    let mid = change.message_id.as_str();
    let message = scene.thread().message_mut(mid).ok_or_else(no_message)?;
    if message.by != Author::Person {
        return Err(Refused::new("message_id", "is a message of the other side"));
    }
    let Some(text) = message.draft.text.as_mut().filter(|_| message.unsent_at.is_none()) else {
        return Err(Refused::new("message_id", "has no text that could be changed"));
    };
    message.earlier.push(std::mem::replace(text, change.text.clone()));
    let num_edit = message.earlier.len();
    let event = EditEvent { mid, text: Some(&change.text), num_edit };
    let told = scene.tell(&["message_edit"], Event::MessageEdit(event));
    Ok(Done { message_id: Some(mid.to_owned()), told, ..Done::default() })
}

/// Has the app that has the conversation pass it on.
pub(super) fn pass(
    scene: &mut Scene<'_>,
    app: Option<String>,
    from: Option<String>,
) -> Result<Done, Refused> {
    scene.thread().owner = from;
    hand_over(scene, &Handover { app, metadata: None }, true)
}

/// Gives the conversation to an app, or takes it away from the one that has it.
fn hand_over(scene: &mut Scene<'_>, handover: &Handover, is_gift: bool) -> Result<Done, Refused> {
    let new = handover.app.as_deref().unwrap_or(INBOX).to_owned();
    if handover.app.as_ref().is_some_and(|app| scene.network.app(app).is_none()) {
        return Err(Refused::new("app", "is no app that exists"));
    }
    let previous = scene.thread().owner.replace(new.clone());
    let control = ControlEvent {
        previous_owner_app_id: Some(previous.as_deref().unwrap_or(INBOX)),
        new_owner_app_id: Some(&new),
        metadata: handover.metadata.as_deref(),
    };
    let event =
        if is_gift { Event::PassThreadControl(control) } else { Event::TakeThreadControl(control) };
    let event = Messaging::new(scene.scoped_id, scene.account, scene.now, event);
    let news = scene.news(&["messaging_handover"], event.json());
    // Whoever gets it by a gift is told, and whoever loses it by a taking.
    let told = match (is_gift, &previous) {
        (true, _) => news.tell_app(scene.sandbox, scene.network, &new),
        (false, Some(previous)) => news.tell_app(scene.sandbox, scene.network, previous),
        (false, None) => {
            let apps = scene.network.apps.iter().filter(|app| app.client_id != new);
            apps.map(|app| news.tell_app(scene.sandbox, scene.network, &app.client_id)).sum()
        }
    };
    Ok(Done { told, ..Done::default() })
}

fn request_thread(scene: &mut Scene<'_>, handover: &Handover) -> Result<Done, Refused> {
    let Some(owner) = scene.thread().owner.clone() else {
        return Err(Refused::new("person", "has a conversation that no app has for itself"));
    };
    let requested_owner_app_id = handover.app.as_deref().unwrap_or(INBOX);
    let metadata = handover.metadata.as_deref();
    let event = Event::RequestThreadControl(RequestEvent { requested_owner_app_id, metadata });
    let event = Messaging::new(scene.scoped_id, scene.account, scene.now, event);
    let news = scene.news(&["messaging_handover"], event.json());
    let told = news.tell_app(scene.sandbox, scene.network, &owner);
    Ok(Done { told, ..Done::default() })
}
