//! Accounts about themselves, and people as far as they consent.

use serde_json::{Value, json};

use super::fields;
use super::graph::{Call, Caller};
use super::refusal::Refusal;
use super::{BASIC, CAST, MESSAGES, NAME};
use crate::sandbox::Sandbox;
use crate::sandbox::world::{Account, AccountKind, Network, Person};

/// `GET /me` and `GET /{account}`
pub(super) fn read_account(
    sandbox: &Sandbox,
    call: &Call,
    caller: &Caller,
    node: &str,
) -> Result<Value, Refusal> {
    caller.need(BASIC)?;
    let wanted = fields::read(&call.params, "id")?;
    let mut world = sandbox.world();
    let network = world.network(NAME);
    let (form, chance) = (CAST.app_scoped_ids, sandbox.chance());
    let id = network.app_scoped_id(&caller.account, &caller.client_id, form, chance);
    let account = network.account(&caller.account);
    let account = account.ok_or_else(|| Refusal::no_object("get", node))?;
    let object = fields::select(&account_fields(network, account, &id), &wanted, true)?;
    Ok(match network.option("me_shape") {
        Some("data") => json!({"data": [object]}),
        _ => object,
    })
}

/// `GET /{person}`, if the account knows somebody with this id.
pub(super) fn read_person(
    sandbox: &Sandbox,
    call: &Call,
    caller: &Caller,
    node: &str,
) -> Option<Result<Value, Refusal>> {
    let mut world = sandbox.world();
    let network = world.network(NAME);
    let person = network.person_scoped(&caller.account, node)?;
    let read = || {
        caller.need(MESSAGES)?;
        let wanted = fields::read(&call.params, "id")?;
        let thread = network.thread(&caller.account, &person.username);
        let has_spoken = thread.is_some_and(|thread| thread.opened_at.is_some());
        if !has_spoken {
            return Err(Refusal::no_consent());
        }
        if person.blocks.contains(&caller.account) {
            return Err(Refusal::no_profile());
        }
        fields::select(&person_fields(person, &caller.account, node), &wanted, true)
    };
    Some(read())
}

fn account_fields(network: &Network, account: &Account, app_scoped_id: &str) -> Value {
    let kind = match account.kind {
        AccountKind::Business => "BUSINESS",
        AccountKind::Creator => "MEDIA_CREATOR",
        AccountKind::Personal => "PERSONAL",
    };
    json!({
        "id": app_scoped_id,
        "user_id": account.id,
        "username": account.username,
        "name": account.name,
        "account_type": kind,
        "profile_picture_url": format!("https://cdn.example.com/{}.jpg", account.username),
        "followers_count": account.followers,
        "follows_count": 12,
        "media_count": network.posts.iter().filter(|post| post.by == account.id).count(),
    })
}

fn person_fields(person: &Person, account: &str, scoped_id: &str) -> Value {
    // Who gives no name has no picture either.
    let picture = person.name.as_ref();
    let picture = picture.map(|_| format!("https://cdn.example.com/{}.jpg", person.username));
    json!({
        "id": scoped_id,
        "name": person.name,
        "username": person.username,
        "profile_pic": picture,
        "follower_count": 120,
        "is_user_follow_business": person.follows.contains(account),
        "is_business_follow_user": false,
        "is_verified_user": false,
    })
}
