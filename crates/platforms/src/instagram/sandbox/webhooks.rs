//! Whom the pretend Instagram tells what, and how a webhook is put together and signed.

use posta_core::time::Timestamp;

use super::events::{Event, MessageEvent, Messaging};
use super::{COMMENTS, MESSAGES, NAME, cdn};
use crate::sandbox::deliver::Slot;
use crate::sandbox::world::{Account, AccountKind, Network};
use crate::sandbox::{App, Notice, Packed, Refused, Sandbox, hub};

/// Something that happened in a conversation, for every app that may know.
pub(super) struct News<'a> {
    pub(super) account: &'a str,
    /// The username of the other side.
    pub(super) person: &'a str,
    /// The fields of which an app must have chosen one.
    pub(super) fields: &'a [&'a str],
    pub(super) json: String,
    /// What an app is told that does not have the conversation, if that is not the same.
    pub(super) standby: Option<String>,
}

impl News<'_> {
    /// Tells every app that is allowed to know, asked for this account, and chose the field.
    /// Returns how many.
    pub(super) fn tell(&self, sandbox: &Sandbox, network: &Network) -> usize {
        if network.account(self.account).is_none_or(|account| !account.message_access) {
            return 0;
        }
        let thread = network.thread(self.account, self.person);
        let owner = thread.and_then(|thread| thread.owner.as_deref());
        let told = network.apps.iter().filter(|app| {
            let has_it = owner.is_none_or(|owner| owner == app.client_id);
            let chose = |field: &&str| chose(app, field);
            let wants = if has_it { self.fields.iter().any(chose) } else { chose(&"standby") };
            let reaches = may_know(network, app, self.account, Some(self.person), MESSAGES);
            let standby = self.standby.as_ref().unwrap_or(&self.json);
            let (list, json) =
                if has_it { ("messaging", &self.json) } else { ("standby", standby) };
            let slot = Slot::List(list);
            let notice = Notice { account: self.account.to_owned(), json: json.clone(), slot };
            wants && reaches && sandbox.notify(NAME, app, notice)
        });
        told.count()
    }

    /// Tells one app, whether or not it has the conversation.
    pub(super) fn tell_app(&self, sandbox: &Sandbox, network: &Network, client_id: &str) -> usize {
        let app = network.app(client_id).filter(|app| {
            self.fields.iter().any(|field| chose(app, field))
                && may_know(network, app, self.account, Some(self.person), MESSAGES)
        });
        let slot = Slot::List("messaging");
        let notice = Notice { account: self.account.to_owned(), json: self.json.clone(), slot };
        usize::from(app.is_some_and(|app| sandbox.notify(NAME, app, notice)))
    }
}

fn chose(app: &App, field: &str) -> bool {
    app.webhook.as_ref().is_some_and(|webhook| webhook.fields.contains(field))
}

/// Whether an app may hear of this person's doings towards the account.
fn may_know(
    network: &Network,
    app: &App,
    account: &str,
    person: Option<&str>,
    scope: &str,
) -> bool {
    // Fields are chosen for the app. An account subscribed to any one gets all of them.
    let grant = network
        .grant(&app.client_id, account)
        .filter(|grant| grant.scopes.contains(scope) && !grant.subscribed_fields.is_empty());
    let is_known = |person| app.testers.contains(person) || is_account(network, account, person);
    let has_role = person.is_some_and(is_known);
    let reaches = match app.standard_access.contains(scope) {
        // Comments are told with Advanced Access only.
        true if scope == COMMENTS => false,
        true => has_role,
        false => app.live || has_role,
    };
    grant.is_some() && reaches
}

/// Whether the other side of a conversation is the account itself.
pub(super) fn is_account(network: &Network, account: &str, person: &str) -> bool {
    network.account(account).is_some_and(|known| known.username == person)
}

/// Tells apps about a comment, or about somebody who named the account in one.
pub(super) fn tell_comment(
    sandbox: &Sandbox,
    network: &Network,
    account: &str,
    person: Option<&str>,
    field: &'static str,
    value: &str,
) -> usize {
    // Nobody is told of what stands under the posts of an account that is not public.
    let is_private = |known: &Account| known.kind == AccountKind::Personal;
    if network.account(account).is_none_or(is_private) {
        return 0;
    }
    let is_set = |name, value| network.option(name) == Some(value);
    let in_seconds = !is_set("comment_time", "milliseconds");
    let slot = |list| if in_seconds { Slot::ListInSeconds(list) } else { Slot::List(list) };
    let (slot, json) = match network.option("comment_envelope") {
        Some("flat") => {
            let slot = if in_seconds { Slot::AloneInSeconds } else { Slot::Alone };
            (slot, format!(r#""field":"{field}","value":{value}"#))
        }
        Some("changed_fields") => (slot("changed_fields"), format!(r#""{field}""#)),
        _ => (slot("changes"), format!(r#"{{"field":"{field}","value":{value}}}"#)),
    };
    let told = network.apps.iter().filter(|app| {
        let notice = Notice { account: account.to_owned(), json: json.clone(), slot };
        chose(app, field)
            && may_know(network, app, account, person, COMMENTS)
            && sandbox.notify(NAME, app, notice)
    });
    told.count()
}

/// Tells apps about a message of the account's side: sender and recipient change places.
pub(super) fn echo(
    sandbox: &Sandbox,
    network: &mut Network,
    account: &str,
    person: &str,
    mid: &str,
) -> usize {
    let thread = network.thread(account, person);
    let message = thread.and_then(|thread| thread.messages.iter().rfind(|known| known.id == mid));
    let scoped_id = network.other_side(account, person);
    let (Some(mut message), Some(scoped_id)) = (message.cloned(), scoped_id) else {
        return 0;
    };
    message.draft.attachments = cdn::shown(sandbox, network, &message.draft.attachments);
    let event = MessageEvent::echo(&message, is_account(network, account, person));
    let event = Messaging::new(account, &scoped_id, message.at, Event::Message(event));
    let (fields, json) = (echo_fields(network), event.json());
    News { account, person, fields, json, standby: None }.tell(sandbox, network)
}

/// Which fields carry what the account itself does.
pub(super) fn echo_fields(network: &Network) -> &'static [&'static str] {
    match network.option("echo_field") {
        Some("message_echoes") => &["message_echoes"],
        _ => &["messages", "message_echoes"],
    }
}

/// Returns what the dashboard's test button sends, in the envelope that is asked for.
pub(super) fn sample(field: &str, envelope: Option<&str>) -> Result<Notice, Refused> {
    let message = concat!(
        r#"{"sender":{"id":"12334"},"recipient":{"id":"23245"},"timestamp":"1527459824","#,
        r#""message":{"mid":"random_mid","text":"random_text"}}"#
    );
    let comment = r#"{"text":"This is an example.","id":"123456789"}"#;
    let oldest = concat!(
        r#"{"event_type":"TEXT","event_timestamp":"1527459824","#,
        r#""event_data":{"message_id":"random_mid","text":"random_text"}}"#
    );
    let change = |value: &str| format!(r#"{{"field":"{field}","value":{value}}}"#);
    let (slot, json) = match (field, envelope) {
        ("messages", None | Some("messaging")) => (Slot::List("messaging"), message.to_owned()),
        ("messages", Some("changes")) => (Slot::ListInSeconds("changes"), change(message)),
        ("messages", Some("oldest")) => (Slot::ListInSeconds("changes"), change(oldest)),
        ("comments" | "live_comments", None | Some("changes")) => {
            (Slot::ListInSeconds("changes"), change(comment))
        }
        ("comments" | "live_comments", Some("flat")) => {
            (Slot::AloneInSeconds, format!(r#""field":"{field}","value":{comment}"#))
        }
        ("messages", _) => {
            return Err(Refused::new("envelope", "must be messaging, changes or oldest"));
        }
        ("comments" | "live_comments", _) => {
            return Err(Refused::new("envelope", "must be changes or flat"));
        }
        _ => {
            return Err(Refused::new("field", "must be messages, comments or live_comments"));
        }
    };
    Ok(Notice { account: "0".to_owned(), json, slot })
}

/// Writes and signs one webhook.
pub(super) fn pack(app: &App, entries: &[Vec<Notice>], now: Timestamp) -> Packed {
    let entries: Vec<String> = entries.iter().flat_map(|entry| write_entries(entry, now)).collect();
    let entries = entries.join(",");
    let body = hub::escape(&format!(r#"{{"object":"{NAME}","entry":[{entries}]}}"#)).into_bytes();
    let secret = app.webhook_secret.as_ref().unwrap_or(&app.client_secret);
    Packed { headers: hub::signatures(secret, &body), body }
}

/// Writes the notices of one account: each kind in an entry, and each flat one in its own.
fn write_entries(notices: &[Notice], now: Timestamp) -> Vec<String> {
    let mut entries: Vec<(Slot, &str, Vec<&str>)> = Vec::new();
    for notice in notices {
        let is_flat = matches!(notice.slot, Slot::Alone | Slot::AloneInSeconds);
        let place = entries.iter().position(|entry| entry.0 == notice.slot && !is_flat);
        match place {
            Some(place) => entries[place].2.push(&notice.json),
            None => entries.push((notice.slot, &notice.account, vec![&notice.json])),
        }
    }
    let written = entries.into_iter().map(|(slot, account, items)| {
        let items = items.join(",");
        let (time, seconds) = (now.as_millis(), now.as_seconds());
        match slot {
            Slot::List(list @ ("messaging" | "standby")) => {
                format!(r#"{{"time":{time},"id":"{account}","{list}":[{items}]}}"#)
            }
            Slot::List(list) => format!(r#"{{"id":"{account}","time":{time},"{list}":[{items}]}}"#),
            Slot::ListInSeconds(list) => {
                format!(r#"{{"id":"{account}","time":{seconds},"{list}":[{items}]}}"#)
            }
            Slot::Alone => format!(r#"{{"id":"{account}","time":{time},{items}}}"#),
            Slot::AloneInSeconds => format!(r#"{{"id":"{account}","time":{seconds},{items}}}"#),
        }
    });
    written.collect()
}
