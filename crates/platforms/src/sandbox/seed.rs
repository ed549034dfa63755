//! The default cast of a pretend platform, with ids that never change.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use posta_core::chance::Chance;
use posta_core::time::Timestamp;

use super::limits::Limit;
use super::posts::{Comment, Post};
use super::world::{Account, AccountKind, App, Network, Person};

/// How a platform's numeric ids look: their first digits and their length.
#[derive(Clone, Copy, Debug)]
pub struct IdForm {
    /// The digits that all of them begin with.
    pub prefix: &'static str,
    /// How many digits they have.
    pub length: usize,
}

impl IdForm {
    /// Makes a new one.
    pub(crate) fn mint(self, chance: &Chance) -> String {
        let mut id = self.prefix.to_owned();
        while id.len() < self.length {
            id.push(char::from(b'0' + u8::try_from(chance.below(10)).unwrap_or(0)));
        }
        id
    }
}

/// Who lives on a pretend platform at first, and what can be set about it.
#[derive(Debug)]
pub struct Cast {
    /// The app's client id.
    pub client_id: &'static str,
    /// The app's secret.
    pub client_secret: &'static str,
    /// The accounts.
    pub accounts: &'static [CastAccount],
    /// The people.
    pub people: &'static [CastPerson],
    /// What the accounts have posted.
    pub posts: &'static [CastPost],
    /// What posts can be made of, the first by default.
    pub post_kinds: &'static [&'static str],
    /// Where posts can show, the first by default.
    pub post_places: &'static [&'static str],
    /// The webhook fields that an app can choose.
    pub fields: &'static [&'static str],
    /// The names of routes that rules can be about.
    pub routes: &'static [&'static str],
    /// What webhooks tell of, as rules name it.
    pub events: &'static [&'static str],
    /// How many calls are taken.
    pub limits: &'static [Limit],
    /// What can be set: a name, then its values, the default first.
    pub options: &'static [(&'static str, &'static [&'static str])],
    /// What access tokens begin with.
    pub token_prefix: &'static str,
    /// How long a lasting token lives.
    pub token_life: Duration,
    /// How client ids look.
    pub client_ids: IdForm,
    /// How account ids look.
    pub account_ids: IdForm,
    /// How ids of people, towards one account, look.
    pub scoped_ids: IdForm,
    /// How ids of accounts, towards one app, look.
    pub app_scoped_ids: IdForm,
}

/// An account of the cast.
#[derive(Debug)]
pub struct CastAccount {
    /// Its id.
    pub id: &'static str,
    /// Its handle.
    pub username: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// Whether no app can be connected to it.
    pub is_personal: bool,
    /// Its id in threads with itself.
    pub own_scoped_id: &'static str,
    /// Its id towards the app of the cast.
    pub app_scoped_id: &'static str,
}

/// A person of the cast.
#[derive(Debug)]
pub struct CastPerson {
    /// Their handle.
    pub username: &'static str,
    /// Their name.
    pub name: &'static str,
    /// Their ids, each with the account it is towards.
    pub scoped_ids: &'static [(&'static str, &'static str)],
}

/// A post of the cast.
#[derive(Debug)]
pub struct CastPost {
    /// Its id.
    pub id: &'static str,
    /// The id of the account whose it is.
    pub account: &'static str,
    /// What it says.
    pub caption: &'static str,
    /// The platform's words for what it is made of and where it shows.
    pub kind: (&'static str, &'static str),
    /// How long ago it was posted.
    pub age: Duration,
    /// The comments under it, oldest first: id, person, text.
    pub comments: &'static [(&'static str, &'static str, &'static str)],
}

impl Cast {
    /// Puts the accounts, people and posts that are missing into the network.
    pub(crate) fn populate(&self, network: &mut Network, client_id: &str, now: Timestamp) {
        for cast in self.accounts {
            if network.account(cast.id).is_none() {
                network.accounts.push(cast.account());
            }
            let mut accounts = network.accounts.iter_mut();
            if let Some(account) = accounts.find(|account| account.id == cast.id) {
                let scoped = account.app_scoped_ids.entry(client_id.to_owned());
                scoped.or_insert_with(|| cast.app_scoped_id.to_owned());
            }
        }
        for cast in self.people {
            if network.person(cast.username).is_none() {
                network.people.push(cast.person());
            }
        }
        for cast in self.posts {
            if network.post(cast.id).is_none() {
                network.posts.push(cast.post(now));
            }
        }
    }

    /// Makes an app that nobody has configured yet.
    pub(crate) fn app(&self, client_id: String, client_secret: String) -> App {
        App {
            name: "Posta".to_owned(),
            redirect_uris: Vec::new(),
            webhook: None,
            features: BTreeSet::new(),
            live: true,
            testers: BTreeSet::new(),
            standard_access: BTreeSet::new(),
            proof_required: false,
            deauthorize_url: None,
            data_deletion_url: None,
            webhook_secret: None,
            client_id,
            client_secret,
        }
    }

    /// Makes the text of an access token.
    pub(crate) fn token(&self, chance: &Chance) -> String {
        format!("{}{}", self.token_prefix, opaque::<96>(chance))
    }

    /// Returns every webhook field.
    pub(crate) fn all_fields(&self) -> BTreeSet<String> {
        self.fields.iter().map(|field| (*field).to_owned()).collect()
    }
}

/// Makes text that means nothing, of letters and digits.
pub(crate) fn opaque<const N: usize>(chance: &Chance) -> String {
    let text = URL_SAFE_NO_PAD.encode(chance.bytes::<N>());
    text.replace('-', "x").replace('_', "y")
}

impl CastAccount {
    fn account(&self) -> Account {
        Account {
            id: self.id.to_owned(),
            username: self.username.to_owned(),
            name: self.name.to_owned(),
            kind: if self.is_personal { AccountKind::Personal } else { AccountKind::Business },
            own_scoped_id: self.own_scoped_id.to_owned(),
            app_scoped_ids: BTreeMap::new(),
            message_access: true,
            followers: 1280,
        }
    }
}

impl CastPerson {
    fn person(&self) -> Person {
        let scoped_ids = self.scoped_ids.iter();
        Person {
            username: self.username.to_owned(),
            name: Some(self.name.to_owned()),
            scoped_ids: scoped_ids
                .map(|(account, id)| ((*account).to_owned(), (*id).to_owned()))
                .collect(),
            blocks: BTreeSet::new(),
            follows: self.scoped_ids.iter().map(|(account, _)| (*account).to_owned()).collect(),
        }
    }
}

impl CastPost {
    fn post(&self, now: Timestamp) -> Post {
        let at = now.minus(self.age);
        let comments = self.comments.iter().zip(1_u32..).map(|((id, person, text), place)| {
            let at = at.plus(self.age / 10 * place);
            Comment::new((*id).to_owned(), Some((*person).to_owned()), (*text).to_owned(), at)
        });
        let (kind, place) = self.kind;
        Post {
            id: self.id.to_owned(),
            by: self.account.to_owned(),
            caption: Some(self.caption.to_owned()),
            kind: kind.to_owned(),
            place: place.to_owned(),
            at,
            comments_enabled: true,
            is_live: false,
            was_live: false,
            ad: None,
            likes: 7,
            comments: comments.collect(),
        }
    }
}
