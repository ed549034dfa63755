//! What the accounts have posted, for whoever wants to have something to comment on.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::json;

use super::problem::{Body, Problem};
use super::{Answer, face};
use crate::sandbox::Sandbox;
use crate::sandbox::posts::{Ad, Post};
use crate::sandbox::world::Network;

/// `GET /_sandbox/{platform}/accounts/{account}/posts`
pub(super) async fn list(
    State(sandbox): State<Sandbox>,
    Path((platform, account)): Path<(String, String)>,
) -> Answer {
    face(&platform)?;
    let mut world = sandbox.world();
    let network = world.network(&platform);
    let account = find(network, &account)?;
    let posts = network.posts.iter().filter(|post| post.by == account);
    Ok(Json(json!({"posts": posts.collect::<Vec<_>>()})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PostBody {
    id: Option<String>,
    caption: Option<String>,
    kind: Option<String>,
    place: Option<String>,
    comments_enabled: Option<bool>,
    is_live: Option<bool>,
    ad: Option<Ad>,
}

/// `POST /_sandbox/{platform}/accounts/{account}/posts`: posts something, or changes the one that
/// has this id.
pub(super) async fn save(
    State(sandbox): State<Sandbox>,
    Path((platform, account)): Path<(String, String)>,
    Body(body): Body<PostBody>,
) -> Answer {
    let face = face(&platform)?;
    let cast = face.cast();
    one_of("kind", body.kind.as_deref(), cast.post_kinds)?;
    one_of("place", body.place.as_deref(), cast.post_places)?;
    let now = sandbox.clock().now();
    let mut world = sandbox.world();
    let network = world.network(&platform);
    let account = find(network, &account)?;
    if body.id.as_ref().is_some_and(|id| network.post(id).is_some_and(|post| post.by != account)) {
        return Err(Problem::invalid("id", "is that of somebody else's post"));
    }
    let id = body.id.unwrap_or_else(|| face.post_id(sandbox.chance()));
    let place = network.posts.iter().position(|post| post.id == id);
    let place = place.unwrap_or_else(|| {
        network.posts.push(Post {
            id,
            by: account,
            caption: None,
            kind: cast.post_kinds.first().copied().unwrap_or_default().to_owned(),
            place: cast.post_places.first().copied().unwrap_or_default().to_owned(),
            at: now,
            comments_enabled: true,
            is_live: false,
            was_live: false,
            ad: None,
            likes: 0,
            comments: Vec::new(),
        });
        network.posts.len() - 1
    });
    let post = &mut network.posts[place];
    post.caption = body.caption.or(post.caption.take());
    post.kind = body.kind.unwrap_or(std::mem::take(&mut post.kind));
    post.place = body.place.unwrap_or(std::mem::take(&mut post.place));
    post.comments_enabled = body.comments_enabled.unwrap_or(post.comments_enabled);
    post.is_live = body.is_live.unwrap_or(post.is_live);
    post.was_live |= post.is_live;
    post.ad = body.ad.or(post.ad.take());
    Ok(Json(json!(post)))
}

fn one_of(field: &str, given: Option<&str>, known: &[&str]) -> Result<(), Problem> {
    match given.filter(|given| !known.contains(given)) {
        Some(_) => Err(Problem::invalid(field, &format!("must be one of {}", known.join(", ")))),
        None => Ok(()),
    }
}

fn find(network: &Network, account: &str) -> Result<String, Problem> {
    let known = network.account(account).ok_or_else(|| Problem::unknown("account", account))?;
    Ok(known.id.clone())
}
