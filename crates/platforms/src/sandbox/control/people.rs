//! People and accounts: who exists.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::json;

use super::problem::{Body, Problem};
use super::{Answer, face};
use crate::sandbox::Sandbox;
use crate::sandbox::world::{Account, AccountKind, Person};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonBody {
    username: String,
    name: Option<String>,
    #[serde(default)]
    scoped_ids: BTreeMap<String, String>,
}

/// `GET /_sandbox/{platform}/people`
pub(super) async fn list(State(sandbox): State<Sandbox>, Path(platform): Path<String>) -> Answer {
    face(&platform)?;
    Ok(Json(json!({"people": sandbox.world().network(&platform).people})))
}

/// `POST /_sandbox/{platform}/people`: makes a person, or changes the one with this username.
pub(super) async fn save(
    State(sandbox): State<Sandbox>,
    Path(platform): Path<String>,
    Body(body): Body<PersonBody>,
) -> Answer {
    let cast = face(&platform)?.cast();
    let mut world = sandbox.world();
    let network = world.network(&platform);
    if body.username.is_empty() {
        return Err(Problem::invalid("username", "must not be empty"));
    }
    if let Some(unknown) = body.scoped_ids.keys().find(|id| network.account(id).is_none()) {
        return Err(Problem::unknown("account", unknown));
    }
    let accounts: Vec<String> = network.accounts.iter().map(|account| account.id.clone()).collect();
    let place = network.people.iter().position(|person| person.username == body.username);
    let place = place.unwrap_or_else(|| {
        network.people.push(Person {
            username: body.username.clone(),
            name: None,
            scoped_ids: BTreeMap::new(),
            blocks: BTreeSet::new(),
            follows: BTreeSet::new(),
        });
        network.people.len() - 1
    });
    network.people[place].scoped_ids.extend(body.scoped_ids);
    for account in accounts {
        network.scoped_id(&account, &body.username, cast.scoped_ids, sandbox.chance());
    }
    let person = &mut network.people[place];
    person.name = body.name.or(person.name.take());
    Ok(Json(json!(person)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountBody {
    username: String,
    id: Option<String>,
    name: Option<String>,
    kind: Option<AccountKind>,
    own_scoped_id: Option<String>,
    message_access: Option<bool>,
}

/// `GET /_sandbox/{platform}/accounts`
pub(super) async fn list_accounts(
    State(sandbox): State<Sandbox>,
    Path(platform): Path<String>,
) -> Answer {
    face(&platform)?;
    Ok(Json(json!({"accounts": sandbox.world().network(&platform).accounts})))
}

/// `POST /_sandbox/{platform}/accounts`: makes an account, or changes the one with this username.
pub(super) async fn save_account(
    State(sandbox): State<Sandbox>,
    Path(platform): Path<String>,
    Body(body): Body<AccountBody>,
) -> Answer {
    let cast = face(&platform)?.cast();
    let mut world = sandbox.world();
    let network = world.network(&platform);
    if body.username.is_empty() {
        return Err(Problem::invalid("username", "must not be empty"));
    }
    let place = network.accounts.iter().position(|account| account.username == body.username);
    let place = place.unwrap_or_else(|| {
        let id = body.id.clone().unwrap_or_else(|| cast.account_ids.mint(sandbox.chance()));
        network.accounts.push(Account {
            id,
            name: body.username.clone(),
            username: body.username,
            kind: AccountKind::Business,
            own_scoped_id: cast.scoped_ids.mint(sandbox.chance()),
            app_scoped_ids: BTreeMap::new(),
            message_access: true,
            followers: 0,
        });
        network.accounts.len() - 1
    });
    let account = &mut network.accounts[place];
    if body.id.is_some_and(|id| id != account.id) {
        return Err(Problem::invalid("id", "of an account cannot change"));
    }
    account.name = body.name.unwrap_or(std::mem::take(&mut account.name));
    account.kind = body.kind.unwrap_or(account.kind);
    account.message_access = body.message_access.unwrap_or(account.message_access);
    if let Some(id) = body.own_scoped_id {
        account.own_scoped_id = id;
    }
    Ok(Json(json!(account)))
}
