//! Posts and comments, as apps read and moderate them.

use serde_json::{Value, json};

use super::conversations::time;
use super::fields::{self, Field, Page};
use super::graph::{Call, Caller};
use super::refusal::Refusal;
use super::remarks::{self, COMMENT_IDS};
use super::{BASIC, COMMENTS, NAME};
use crate::sandbox::Sandbox;
use crate::sandbox::posts::{Comment, Post};
use crate::sandbox::world::Network;

const PAGE: usize = 25;

/// How many comments are on a page; no page of the documentation says it.
const COMMENT_PAGE: usize = 50;

const COMMENT_DEFAULT: &str = "id,text,timestamp";

/// `GET /{account}/media`: what stays, newest first.
pub(super) fn list(sandbox: &Sandbox, call: &Call, caller: &Caller) -> Result<Value, Refusal> {
    caller.need(BASIC)?;
    let wanted = fields::read(&call.params, "id")?;
    let page = Page::read(&call.params, call.path_text(), PAGE)?;
    let mut world = sandbox.world();
    let network = world.network(NAME);
    let is_kept = |post: &&Post| !matches!(post.place.as_str(), "STORY" | "AD") && !post.was_live;
    let posts = network.posts.iter().filter(|post| post.by == caller.account).filter(is_kept);
    let mut posts: Vec<&Post> = posts.collect();
    posts.sort_by_key(|post| std::cmp::Reverse(post.at));
    let ids: Vec<String> = posts.iter().map(|post| post.id.clone()).collect();
    let mut items = Vec::new();
    for post in &posts[page.range(&ids)] {
        items.push(show_post(sandbox, network, call, caller, post, &wanted)?);
    }
    Ok(page.write(sandbox, &ids, &items))
}

/// `GET /{media}` or `GET /{comment}`, if there is one with this id.
pub(super) fn read(
    sandbox: &Sandbox,
    call: &Call,
    caller: &Caller,
    node: &str,
) -> Option<Result<Value, Refusal>> {
    let mut world = sandbox.world();
    let network = world.network(NAME);
    if let Some(post) = network.post(node).filter(|post| post.by == caller.account) {
        let read = || {
            caller.need(BASIC)?;
            let wanted = fields::read(&call.params, "id")?;
            show_post(sandbox, network, call, caller, post, &wanted)
        };
        return Some(read());
    }
    let (post, comment) = find(network, caller, node)?;
    let read = || {
        caller.need(COMMENTS)?;
        let wanted = fields::read(&call.params, COMMENT_DEFAULT)?;
        show_comment(sandbox, network, call, caller, (post, comment), &wanted)
    };
    Some(read())
}

/// `GET /{media}/comments` and `GET /{comment}/replies`
pub(super) fn list_comments(
    sandbox: &Sandbox,
    call: &Call,
    caller: &Caller,
    node: &str,
) -> Result<Value, Refusal> {
    let mut world = sandbox.world();
    let network = world.network(NAME);
    let own = network.post(node).filter(|post| post.by == caller.account);
    let is_replies = call.path.last().is_some_and(|edge| edge == "replies");
    let (post, parent) = match (own, find(network, caller, node), is_replies) {
        (Some(post), _, false) => (post, None),
        (None, Some((post, _)), true) => (post, Some(node)),
        _ => return Err(Refusal::no_object(&call.method, node)),
    };
    caller.need(COMMENTS)?;
    let wanted = fields::read(&call.params, COMMENT_DEFAULT)?;
    let page = Page::read(&call.params, call.path_text(), COMMENT_PAGE)?;
    comments(sandbox, network, call, caller, (post, parent), (&wanted, &page))
}

/// `POST /{comment}/replies`
pub(super) fn reply(
    sandbox: &Sandbox,
    call: &Call,
    caller: &Caller,
    node: &str,
) -> Result<Value, Refusal> {
    caller.need(COMMENTS)?;
    let text = call.params.text("message").filter(|text| !text.trim().is_empty());
    let text = text.ok_or_else(|| Refusal::parameter("The parameter message is required"))?;
    let now = sandbox.clock().now();
    let id = COMMENT_IDS.mint(sandbox.chance());
    let mut world = sandbox.world();
    let network = world.network(NAME);
    let known = find(network, caller, node);
    let (post, comment) = known.ok_or_else(|| Refusal::no_object(&call.method, node))?;
    // Replies are one level deep.
    let parent = comment.parent.clone().unwrap_or_else(|| comment.id.clone());
    let post = post.id.clone();
    let reply = Comment::new(id.clone(), None, text.to_owned(), now);
    if let Some(post) = network.post_mut(&post) {
        post.comments.push(Comment { parent: Some(parent), ..reply });
    }
    remarks::tell(sandbox, network, &caller.account, None, &id);
    Ok(json!({"id": id}))
}

/// `POST /{comment}?hide=` and `POST /{media}?comment_enabled=`
pub(super) fn change(
    sandbox: &Sandbox,
    call: &Call,
    caller: &Caller,
    node: &str,
) -> Result<Value, Refusal> {
    let mut world = sandbox.world();
    let network = world.network(NAME);
    if network.post(node).is_some_and(|post| post.by == caller.account) {
        caller.need(COMMENTS)?;
        let given = call.params.get("comment_enabled").map(super::params::plain);
        let is_enabled = read_bool(given.as_deref(), "comment_enabled")?;
        if let Some(post) = network.post_mut(node) {
            post.comments_enabled = is_enabled;
        }
        return Ok(json!({"success": true}));
    }
    let post = find(network, caller, node).map(|(post, _)| post.id.clone());
    let post = post.ok_or_else(|| Refusal::no_object(&call.method, node))?;
    caller.need(COMMENTS)?;
    // It is read from the query only, whatever the body says.
    let is_hidden = read_bool(call.params.query("hide"), "hide")?;
    let comment = network.post_mut(&post).and_then(|post| post.comment_mut(node));
    // Hiding what the account said itself does nothing.
    if let Some(comment) = comment.filter(|comment| comment.person.is_some()) {
        comment.hidden = is_hidden;
    }
    Ok(json!({"success": true}))
}

fn read_bool(given: Option<&str>, name: &str) -> Result<bool, Refusal> {
    match given {
        Some("true" | "1") => Ok(true),
        Some("false" | "0") => Ok(false),
        Some(_) => Err(Refusal::parameter(format!("Param {name} must be a boolean"))),
        None => Err(Refusal::parameter(format!("The parameter {name} is required"))),
    }
}

/// `DELETE /{comment}`
pub(super) fn delete(
    sandbox: &Sandbox,
    call: &Call,
    caller: &Caller,
    node: &str,
) -> Result<Value, Refusal> {
    let mut world = sandbox.world();
    let network = world.network(NAME);
    let known = find(network, caller, node);
    let (post, comment) = known.ok_or_else(|| Refusal::no_object(&call.method, node))?;
    caller.need(COMMENTS)?;
    if post.by != caller.account && comment.person.is_some() {
        return Err(Refusal::no_permission());
    }
    let post = post.id.clone();
    if let Some(post) = network.post_mut(&post) {
        post.remove(node);
    }
    Ok(json!({"success": true}))
}

/// Finds a comment that the account may see: under its posts, or naming it elsewhere, or its own.
fn find<'a>(network: &'a Network, caller: &Caller, id: &str) -> Option<(&'a Post, &'a Comment)> {
    let name = format!("@{}", network.account(&caller.account)?.username);
    let is_named = |post: &Post| post.comments.iter().any(|comment| comment.text.contains(&name));
    network.comment(id).filter(|(post, _)| post.by == caller.account || is_named(post))
}

/// Lists comments, newest first, or the answers to one, oldest first.
fn comments(
    sandbox: &Sandbox,
    network: &Network,
    call: &Call,
    caller: &Caller,
    (post, parent): (&Post, Option<&str>),
    (wanted, page): (&[Field], &Page),
) -> Result<Value, Refusal> {
    let listed = post.comments.iter().filter(|comment| comment.parent.as_deref() == parent);
    let mut listed: Vec<&Comment> = listed.collect();
    if parent.is_none() {
        listed.reverse();
    }
    let ids: Vec<String> = listed.iter().map(|comment| comment.id.clone()).collect();
    let mut items = Vec::new();
    for comment in &listed[page.range(&ids)] {
        items.push(show_comment(sandbox, network, call, caller, (post, comment), wanted)?);
    }
    Ok(page.write(sandbox, &ids, &items))
}

fn show_post(
    sandbox: &Sandbox,
    network: &Network,
    call: &Call,
    caller: &Caller,
    post: &Post,
    wanted: &[Field],
) -> Result<Value, Refusal> {
    let account = network.account(&caller.account);
    let code = &post.id[post.id.len().saturating_sub(8)..];
    let place = if post.place == "REELS" { "reel" } else { "p" };
    let (is_film, id) = (post.kind == "VIDEO", &post.id);
    let ending = if is_film { "mp4" } else { "jpg" };
    let mut whole = json!({
        "id": post.id,
        "caption": post.caption,
        "media_type": post.kind,
        "media_product_type": post.place,
        "permalink": format!("https://www.instagram.com/{place}/{code}/"),
        "shortcode": code,
        "media_url": format!("https://cdn.example.com/{id}.{ending}"),
        "thumbnail_url": is_film.then(|| format!("https://cdn.example.com/{id}.jpg")),
        "timestamp": time(post.at),
        "username": account.map(|account| account.username.as_str()),
        "owner": {"id": caller.account},
        "like_count": post.likes,
        "comments_count": post.comments.len(),
        "is_comment_enabled": post.comments_enabled,
        "comments": null,
    });
    let mut wanted = fill(wanted, "comments", COMMENT_DEFAULT)?;
    if let Some(field) = wanted.iter_mut().find(|field| field.name == "comments") {
        caller.need(COMMENTS)?;
        let page = Page::inside(&call.params, format!("{id}/comments"), field, COMMENT_PAGE);
        let inside = (field.inner.as_slice(), &page);
        whole["comments"] = comments(sandbox, network, call, caller, (post, None), inside)?;
        field.inner.clear();
    }
    fields::select(&whole, &wanted, false)
}

fn show_comment(
    sandbox: &Sandbox,
    network: &Network,
    call: &Call,
    caller: &Caller,
    (post, comment): (&Post, &Comment),
    wanted: &[Field],
) -> Result<Value, Refusal> {
    let account = network.account(&caller.account);
    let (from_id, username) = match &comment.person {
        Some(person) => (network.other_side(&caller.account, person), Some(person.as_str())),
        None => (Some(caller.account.clone()), account.map(|account| account.username.as_str())),
    };
    let mut whole = json!({
        "id": comment.id,
        "text": comment.text,
        "timestamp": time(comment.at),
        "from": {"id": from_id, "username": username},
        "username": username,
        "hidden": comment.hidden,
        "like_count": comment.likes,
        "parent_id": comment.parent,
        "media": {"id": post.id, "media_product_type": post.place},
        "replies": null,
    });
    let mut wanted = fill(wanted, "replies", COMMENT_DEFAULT)?;
    if let Some(field) = wanted.iter_mut().find(|field| field.name == "replies") {
        let path = format!("{}/replies", comment.id);
        let page = Page::inside(&call.params, path, field, COMMENT_PAGE);
        let parent = Some(comment.id.as_str());
        let inside = (field.inner.as_slice(), &page);
        let replies = comments(sandbox, network, call, caller, (post, parent), inside)?;
        let is_empty = replies["data"].as_array().is_none_or(Vec::is_empty);
        whole["replies"] = if is_empty { Value::Null } else { replies };
        field.inner.clear();
    }
    fields::select(&whole, &wanted, false)
}

/// Says what is meant by a field that lists something, if it was not said.
fn fill(wanted: &[Field], name: &str, otherwise: &str) -> Result<Vec<Field>, Refusal> {
    let mut wanted = wanted.to_vec();
    for field in wanted.iter_mut().filter(|field| field.name == name && field.inner.is_empty()) {
        field.inner = fields::parse(otherwise)?;
    }
    Ok(wanted)
}
