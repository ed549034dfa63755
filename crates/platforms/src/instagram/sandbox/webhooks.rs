//! What the pretend Instagram tells apps: deeds in its app, written as the platform writes them.

use posta_core::time::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{CAST, MESSAGES, NAME, mid};
use crate::sandbox::world::{Author, Message, Network};
use crate::sandbox::{Act, App, Deed, Done, Draft, Notice, Packed, Refused, Sandbox, hub};

/// The names that reactions have in webhooks; any other emoji is `other`.
const REACTIONS: &[(&str, &str)] = &[
    ("love", "\u{2764}\u{fe0f}"),
    ("like", "\u{1f44d}"),
    ("laugh", "\u{1f606}"),
    ("wow", "\u{1f62e}"),
    ("sad", "\u{1f622}"),
    ("angry", "\u{1f620}"),
];

/// One item of `messaging`, in the order of keys that deliveries have.
#[derive(Serialize)]
struct Messaging<'a> {
    sender: Id<'a>,
    recipient: Id<'a>,
    timestamp: i64,
    #[serde(flatten)]
    event: Event<'a>,
}

#[derive(Serialize)]
struct Id<'a> {
    id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Event<'a> {
    Message(MessageEvent<'a>),
    Reaction(ReactionEvent<'a>),
    Read { mid: &'a str },
    Postback { mid: &'a str, title: &'a str, payload: &'a str },
}

#[derive(Serialize)]
struct MessageEvent<'a> {
    mid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_echo: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quick_reply: Option<QuickReply<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<&'a Value>,
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
struct ReactionEvent<'a> {
    mid: &'a str,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reaction: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emoji: Option<&'a str>,
}

/// Who does something in which thread, and when.
struct Scene<'a> {
    account: &'a str,
    person: &'a str,
    scoped_id: &'a str,
    now: Timestamp,
}

/// Lets somebody do something in the app.
pub(super) fn act(sandbox: &Sandbox, deed: &Deed) -> Result<Done, Refused> {
    let mut world = sandbox.world();
    let network = world.network(NAME);
    let (account, person) = (deed.account.as_str(), deed.person.as_str());
    let scoped_id = network.scoped_id(account, person, CAST.scoped_ids, sandbox.chance());
    let now = sandbox.clock().now();
    let scene = Scene { account, person, scoped_id: &scoped_id, now };
    match &deed.act {
        Act::Write(draft) => {
            let id = mid::mint(account, &scoped_id, now, sandbox.chance());
            let event = Event::Message(MessageEvent::of(&id, draft, false));
            let told = scene.tell(sandbox, network, &["messages"], event);
            network.thread_mut(account, person).say(&id, Author::Person, now, draft.clone());
            Ok(Done { message_id: Some(id), told })
        }
        Act::OwnerWrite(draft) => {
            let id = mid::mint(account, &scoped_id, now, sandbox.chance());
            network.thread_mut(account, person).say(&id, Author::Owner, now, draft.clone());
            let told = echo(sandbox, network, account, person, &id);
            Ok(Done { message_id: Some(id), told })
        }
        Act::React { message, emoji } => react(sandbox, network, &scene, message, emoji.as_deref()),
        Act::Read => read(sandbox, network, &scene),
        Act::Postback { title, payload } => {
            let id = mid::mint(account, &scoped_id, now, sandbox.chance());
            let event = Event::Postback { mid: &id, title, payload };
            let told = scene.tell(sandbox, network, &["messaging_postbacks"], event);
            let (text, payload) = (Some(title.clone()), Some(payload.clone()));
            let draft = Draft { text, payload, ..Draft::default() };
            network.thread_mut(account, person).say(&id, Author::Person, now, draft);
            Ok(Done { message_id: Some(id), told })
        }
    }
}

fn react(
    sandbox: &Sandbox,
    network: &mut Network,
    scene: &Scene<'_>,
    mid: &str,
    emoji: Option<&str>,
) -> Result<Done, Refused> {
    let message = network.thread_mut(scene.account, scene.person).message_mut(mid);
    let message = message.ok_or_else(|| Refused {
        field: "message_id",
        message: "there is no such message in this thread".to_owned(),
    })?;
    message.person_reaction = emoji.map(str::to_owned);
    let known = |&&(_, known): &&(&str, &str)| Some(known) == emoji;
    let name = REACTIONS.iter().find(known).map_or("other", |(name, _)| name);
    let event = Event::Reaction(ReactionEvent {
        mid,
        action: if emoji.is_some() { "react" } else { "unreact" },
        reaction: emoji.map(|_| name),
        emoji,
    });
    let told = scene.tell(sandbox, network, &["message_reactions"], event);
    Ok(Done { message_id: Some(mid.to_owned()), told })
}

fn read(sandbox: &Sandbox, network: &mut Network, scene: &Scene<'_>) -> Result<Done, Refused> {
    let thread = network.thread_mut(scene.account, scene.person);
    let last = thread.messages.iter().rfind(|message| message.by != Author::Person);
    let last = last.map(|message| message.id.clone()).ok_or_else(|| Refused {
        field: "account",
        message: "the account has written nothing that could be read".to_owned(),
    })?;
    thread.see(Author::Person);
    let told = scene.tell(sandbox, network, &["messaging_seen"], Event::Read { mid: &last });
    Ok(Done { message_id: Some(last), told })
}

/// Tells apps about a message of the account's side: sender and recipient change places.
pub(super) fn echo(
    sandbox: &Sandbox,
    network: &Network,
    account: &str,
    person: &str,
    mid: &str,
) -> usize {
    let thread = network.thread(account, person);
    let message = thread.and_then(|thread| thread.messages.iter().rfind(|known| known.id == mid));
    let scoped_id = network.person(person).and_then(|person| person.scoped_ids.get(account));
    let (Some(message), Some(scoped_id)) = (message, scoped_id) else {
        return 0;
    };
    let json = echo_json(account, scoped_id, message);
    let fields: &[&str] = match network.option("echo_field") {
        Some("message_echoes") => &["message_echoes"],
        _ => &["messages", "message_echoes"],
    };
    tell(sandbox, network, account, person, fields, &json)
}

fn echo_json(account: &str, scoped_id: &str, message: &Message) -> String {
    json_of(&Messaging {
        sender: Id { id: account },
        recipient: Id { id: scoped_id },
        timestamp: message.at.as_millis(),
        event: Event::Message(MessageEvent::of(&message.id, &message.draft, true)),
    })
}

impl<'a> MessageEvent<'a> {
    fn of(mid: &'a str, draft: &'a Draft, is_echo: bool) -> Self {
        Self {
            mid,
            text: draft.text.as_deref(),
            is_echo,
            attachments: draft.attachments.iter().map(Attachment::of).collect(),
            quick_reply: draft.payload.as_deref().map(|payload| QuickReply { payload }),
            reply_to: draft.reply_to.as_ref(),
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
        Self { r#type: attachment["type"].as_str().unwrap_or("unknown"), payload }
    }
}

impl Scene<'_> {
    fn tell(
        &self,
        sandbox: &Sandbox,
        network: &Network,
        fields: &[&str],
        event: Event<'_>,
    ) -> usize {
        let json = json_of(&Messaging {
            sender: Id { id: self.scoped_id },
            recipient: Id { id: self.account },
            timestamp: self.now.as_millis(),
            event,
        });
        tell(sandbox, network, self.account, self.person, fields, &json)
    }
}

fn json_of(item: &Messaging<'_>) -> String {
    serde_json::to_string(item).expect("ids, numbers and text can be written")
}

/// Tells every app that is allowed to know, asked for this account, and chose one of the fields.
fn tell(
    sandbox: &Sandbox,
    network: &Network,
    account: &str,
    person: &str,
    fields: &[&str],
    json: &str,
) -> usize {
    if network.account(account).is_none_or(|account| !account.message_access) {
        return 0;
    }
    let wants = |app: &&App| {
        let webhook = app.webhook.as_ref();
        let chose = |field: &&str| webhook.is_some_and(|webhook| webhook.fields.contains(*field));
        // Fields are chosen for the app. An account subscribed to any one gets all of them.
        let grant = network
            .grant(&app.client_id, account)
            .filter(|grant| grant.scopes.contains(MESSAGES) && !grant.subscribed_fields.is_empty());
        let reaches = app.live || app.testers.contains(person);
        reaches && grant.is_some() && fields.iter().any(chose)
    };
    let notice = || Notice { account: account.to_owned(), json: json.to_owned() };
    let told = network.apps.iter().filter(wants);
    told.filter(|app| sandbox.notify(NAME, app, notice())).count()
}

/// Writes and signs one webhook.
pub(super) fn pack(app: &App, entries: &[Vec<Notice>], now: Timestamp) -> Packed {
    let entries = entries.iter().filter_map(|entry| {
        let account = &entry.first()?.account;
        let items: Vec<&str> = entry.iter().map(|notice| notice.json.as_str()).collect();
        let (time, items) = (now.as_millis(), items.join(","));
        Some(format!(r#"{{"time":{time},"id":"{account}","messaging":[{items}]}}"#))
    });
    let entries = entries.collect::<Vec<_>>().join(",");
    let body = hub::escape(&format!(r#"{{"object":"{NAME}","entry":[{entries}]}}"#)).into_bytes();
    Packed { headers: hub::signatures(&app.client_secret, &body), body }
}
