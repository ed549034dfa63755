//! What exists in a pretend platform: people, accounts, apps, grants, tokens, threads. No HTTP.

use std::collections::{BTreeMap, BTreeSet};

use posta_core::chance::Chance;
use posta_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use super::access::{App, Webhook};
pub(crate) use super::access::{Code, Grant, Revocation, Token};
use super::posts::Post;
pub(crate) use super::posts::{Asset, Flow, Upload};
use super::seed::IdForm;

/// Every pretend platform's state, by the platform's name.
#[derive(Debug, Default)]
pub(crate) struct World(BTreeMap<String, Network>);

impl World {
    /// Returns the state of one platform.
    pub(crate) fn network(&mut self, platform: &str) -> &mut Network {
        self.0.entry(platform.to_owned()).or_default()
    }
}

/// One pretend platform's state. Everything is kept in the order it came to be.
#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(crate) people: Vec<Person>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) apps: Vec<App>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) codes: Vec<Code>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) threads: Vec<Thread>,
    pub(crate) posts: Vec<Post>,
    /// Files that are served at links which end.
    pub(crate) assets: Vec<Asset>,
    /// Files that apps can send by their ids.
    pub(crate) uploads: Vec<Upload>,
    /// What greets whoever comes by an ad.
    pub(crate) flows: Vec<Flow>,
    /// What accounts offer to tap before anything is written, by account and kind.
    pub(crate) menus: BTreeMap<String, BTreeMap<String, Value>>,
    pub(crate) options: BTreeMap<String, String>,
}

/// A private person, who may write to accounts.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Person {
    pub(crate) username: String,
    pub(crate) name: Option<String>,
    /// The person's id towards each account, by the account's id.
    pub(crate) scoped_ids: BTreeMap<String, String>,
    /// The accounts that the person has blocked, by id.
    pub(crate) blocks: BTreeSet<String>,
    /// The accounts that the person follows, by id.
    pub(crate) follows: BTreeSet<String>,
}

/// What an account may do on its platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AccountKind {
    /// A company's.
    Business,
    /// A creator's; as capable as a company's.
    Creator,
    /// A private one, which no app can be connected to.
    Personal,
}

/// An account that an app can be connected to, unless it is personal.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) kind: AccountKind,
    /// The id that the account has in threads with itself.
    pub(crate) own_scoped_id: String,
    /// Its id towards each app, by client id.
    pub(crate) app_scoped_ids: BTreeMap<String, String>,
    /// Whether the owner lets apps read and write messages.
    pub(crate) message_access: bool,
    pub(crate) followers: u64,
}

/// The messages between one account and one person.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Thread {
    pub(crate) account: String,
    /// The person's username.
    pub(crate) person: String,
    /// Whether the person sees that the account is typing.
    pub(crate) account_is_typing: bool,
    /// When the person last did something that lets the account write.
    pub(crate) opened_at: Option<Timestamp>,
    /// Which app has it, by client id; `None` leaves it to all of them.
    pub(crate) owner: Option<String>,
    pub(crate) messages: Vec<Message>,
}

/// How a message came into a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Author {
    /// The person wrote it.
    Person,
    /// The account's owner typed it in the platform's own app.
    Owner,
    /// An app sent it.
    Api,
}

/// One message, as both sides see it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) by: Author,
    pub(crate) at: Timestamp,
    #[serde(flatten)]
    pub(crate) draft: Draft,
    /// Whether the other side has seen it.
    pub(crate) seen: bool,
    pub(crate) person_reaction: Option<String>,
    pub(crate) account_reaction: Option<String>,
    /// When it was taken back.
    pub(crate) unsent_at: Option<Timestamp>,
    /// What it said before each change.
    pub(crate) earlier: Vec<String>,
}

/// What somebody wants to say.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    /// The platform's attachment objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) attachments: Vec<Value>,
    /// The platform's object that says what this answers: a message or a story.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reply_to: Option<Value>,
    /// What a tapped quick reply or button carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) payload: Option<String>,
    /// The platform's object that says what brought the person here, such as an ad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) referral: Option<Value>,
    /// Whether it is something that apps are not shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_unsupported: bool,
    /// The comment that it answers in private.
    #[serde(default, skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub(crate) comment_id: Option<String>,
    /// The quick replies offered with it, as the platform's objects.
    #[serde(default, skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    pub(crate) quick_replies: Vec<Value>,
}

impl Network {
    /// Finds an account by id or username.
    pub(crate) fn account(&self, key: &str) -> Option<&Account> {
        let mut accounts = self.accounts.iter();
        accounts.find(|account| account.id == key || account.username == key)
    }

    /// Finds a person by username or by any scoped id.
    pub(crate) fn person(&self, key: &str) -> Option<&Person> {
        self.people.iter().find(|person| {
            person.username == key || person.scoped_ids.values().any(|scoped| scoped == key)
        })
    }

    /// Finds the person that has this id towards this account.
    pub(crate) fn person_scoped(&self, account: &str, scoped_id: &str) -> Option<&Person> {
        let mut people = self.people.iter();
        people.find(|person| person.scoped_ids.get(account).is_some_and(|id| id == scoped_id))
    }

    /// Finds an app.
    pub(crate) fn app(&self, client_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.client_id == client_id)
    }

    /// Finds what an account's owner allowed an app.
    pub(crate) fn grant(&self, client_id: &str, account: &str) -> Option<&Grant> {
        let mut grants = self.grants.iter();
        grants.find(|grant| grant.client_id == client_id && grant.account == account)
    }

    /// Returns what an account's owner allowed an app, to change it; at first that is nothing.
    pub(crate) fn grant_mut(&mut self, client_id: &str, account: &str) -> &mut Grant {
        let known = |grant: &Grant| grant.client_id == client_id && grant.account == account;
        let place = self.grants.iter().position(known).unwrap_or_else(|| {
            self.grants.push(Grant {
                client_id: client_id.to_owned(),
                account: account.to_owned(),
                scopes: BTreeSet::new(),
                subscribed_fields: BTreeSet::new(),
            });
            self.grants.len() - 1
        });
        &mut self.grants[place]
    }

    /// Finds a thread.
    pub(crate) fn thread(&self, account: &str, person: &str) -> Option<&Thread> {
        let mut threads = self.threads.iter();
        threads.find(|thread| thread.account == account && thread.person == person)
    }

    /// Returns a thread to change it; at first it is empty.
    pub(crate) fn thread_mut(&mut self, account: &str, person: &str) -> &mut Thread {
        let known = |thread: &Thread| thread.account == account && thread.person == person;
        let place = self.threads.iter().position(known).unwrap_or_else(|| {
            self.threads.push(Thread {
                account: account.to_owned(),
                person: person.to_owned(),
                account_is_typing: false,
                opened_at: None,
                owner: None,
                messages: Vec::new(),
            });
            self.threads.len() - 1
        });
        &mut self.threads[place]
    }

    /// Returns the person's id towards the account, giving them one at their first meeting.
    pub(crate) fn scoped_id(
        &mut self,
        account: &str,
        person: &str,
        form: IdForm,
        chance: &Chance,
    ) -> String {
        let mut people = self.people.iter_mut();
        let Some(person) = people.find(|known| known.username == person) else {
            return form.mint(chance);
        };
        let scoped = person.scoped_ids.entry(account.to_owned());
        scoped.or_insert_with(|| form.mint(chance)).clone()
    }

    /// Returns the id of whoever is on the other side of a thread, the account itself included.
    pub(crate) fn other_side(&self, account: &str, person: &str) -> Option<String> {
        let itself = self.account(account).filter(|known| known.username == person);
        match itself {
            Some(itself) => Some(itself.own_scoped_id.clone()),
            None => self.person(person)?.scoped_ids.get(account).cloned(),
        }
    }

    /// Returns the account's id towards the app, giving it one at their first meeting.
    pub(crate) fn app_scoped_id(
        &mut self,
        account: &str,
        client_id: &str,
        form: IdForm,
        chance: &Chance,
    ) -> String {
        let mut accounts = self.accounts.iter_mut();
        let Some(account) = accounts.find(|known| known.id == account) else {
            return form.mint(chance);
        };
        let scoped = account.app_scoped_ids.entry(client_id.to_owned());
        scoped.or_insert_with(|| form.mint(chance)).clone()
    }

    /// Returns what an option is set to.
    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }
}

impl Thread {
    /// Finds a message.
    pub(crate) fn message_mut(&mut self, id: &str) -> Option<&mut Message> {
        self.messages.iter_mut().find(|message| message.id == id)
    }

    /// Adds a message. Whoever writes has seen what the other side wrote.
    pub(crate) fn say(&mut self, id: &str, by: Author, at: Timestamp, draft: Draft) {
        self.see(by);
        if by == Author::Person {
            self.opened_at = Some(at);
        } else {
            self.account_is_typing = false;
        }
        self.messages.push(Message {
            id: id.to_owned(),
            by,
            at,
            draft,
            seen: false,
            person_reaction: None,
            account_reaction: None,
            unsent_at: None,
            earlier: Vec::new(),
        });
    }

    /// Marks as seen everything that the other side wrote.
    pub(crate) fn see(&mut self, by: Author) {
        let person_looks = by == Author::Person;
        for message in &mut self.messages {
            if (message.by == Author::Person) != person_looks {
                message.seen = true;
            }
        }
    }
}
