//! Comments as people and owners write them in the pretend app.

use serde_json::json;

use super::deeds::Scene;
use super::events::{self, CommentShape};
use super::webhooks;
use crate::sandbox::deed::{Mention, Remark};
use crate::sandbox::posts::{Comment, Post};
use crate::sandbox::seed::IdForm;
use crate::sandbox::world::Network;
use crate::sandbox::{Done, Refused, Sandbox};

pub(super) const POST_IDS: IdForm = IdForm { prefix: "17999", length: 17 };
pub(super) const COMMENT_IDS: IdForm = IdForm { prefix: "18099", length: 17 };

/// Comments under a post of the account, as the person or as the account itself.
pub(super) fn comment(
    scene: &mut Scene<'_>,
    remark: &Remark,
    is_own: bool,
) -> Result<Done, Refused> {
    let post = find_post(scene, remark)?;
    let post_id = post.id.clone();
    if !post.comments_enabled {
        return Err(Refused::new("media_id", "takes no comments"));
    }
    // Answers are one level deep: who answers an answer answers what it is below.
    let parent = match &remark.parent_id {
        None => None,
        Some(id) => {
            let parent = post.comment(id);
            let parent = parent.ok_or_else(|| Refused::new("parent_id", "is no comment there"))?;
            Some(parent.parent.clone().unwrap_or_else(|| parent.id.clone()))
        }
    };
    let person = (!is_own).then(|| scene.person.to_owned());
    let id = COMMENT_IDS.mint(scene.sandbox.chance());
    let new =
        Comment { parent, ..Comment::new(id.clone(), person, remark.text.clone(), scene.now) };
    if let Some(post) = scene.network.post_mut(&post_id) {
        post.comments.push(new);
    }
    let told = tell(scene.sandbox, scene.network, scene.account, Some(scene.scoped_id), &id);
    Ok(Done { comment_id: Some(id), media_id: Some(post_id), told, ..Done::default() })
}

/// Tells of a comment that is there. The id is its author's towards the account.
pub(super) fn tell(
    sandbox: &Sandbox,
    network: &Network,
    account: &str,
    scoped_id: Option<&str>,
    id: &str,
) -> usize {
    let known = network.comment(id).zip(network.account(account));
    let Some(((post, comment), known)) = known else {
        return 0;
    };
    let shape = CommentShape {
        is_facebook: network.option("comment_shape") == Some("facebook_login"),
        is_nameless: network.option("comment_from") == Some("without_id"),
    };
    let field = if post.is_live { "live_comments" } else { "comments" };
    let value = events::comment(post, comment, known, scoped_id, shape);
    let person = Some(comment.person.as_deref().unwrap_or(&known.username));
    webhooks::tell_comment(sandbox, network, account, person, field, &value)
}

/// Names the account in a comment under somebody else's post.
pub(super) fn mention(scene: &mut Scene<'_>, mention: &Mention) -> Result<Done, Refused> {
    let chance = scene.sandbox.chance();
    let account = scene.network.account(scene.account);
    let name = account.map(|account| format!("@{}", account.username)).unwrap_or_default();
    let text = mention.text.clone().unwrap_or_else(|| name.clone());
    if !text.contains(&name) {
        return Err(Refused::new("text", format!("must contain {name}")));
    }
    let (post_id, id) = (POST_IDS.mint(chance), COMMENT_IDS.mint(chance));
    let person = scene.person.to_owned();
    let comment = Comment::new(id.clone(), Some(person.clone()), text, scene.now);
    scene.network.posts.push(Post {
        id: post_id.clone(),
        by: person,
        caption: None,
        kind: "IMAGE".to_owned(),
        place: "FEED".to_owned(),
        at: scene.now,
        comments_enabled: true,
        is_live: false,
        was_live: false,
        ad: None,
        likes: 0,
        comments: vec![comment],
    });
    // Nobody is told of what only the friends of its owner can see.
    let told = match (mention.is_public, scene.network.option("comment_shape")) {
        (false, _) => 0,
        (true, Some("facebook_login")) => {
            let value = json!({"media_id": post_id, "comment_id": id}).to_string();
            let person = Some(scene.person);
            let field = "mentions";
            webhooks::tell_comment(
                scene.sandbox,
                scene.network,
                scene.account,
                person,
                field,
                &value,
            )
        }
        // Under Instagram Login, mentions are among the comments.
        (true, _) => tell(scene.sandbox, scene.network, scene.account, Some(scene.scoped_id), &id),
    };
    Ok(Done { comment_id: Some(id), media_id: Some(post_id), told, ..Done::default() })
}

fn find_post<'a>(scene: &'a Scene<'_>, remark: &Remark) -> Result<&'a Post, Refused> {
    let network = &*scene.network;
    let post = match (&remark.media_id, &remark.parent_id) {
        (Some(id), _) => network.post(id),
        (None, Some(parent)) => network.comment(parent).map(|(post, _)| post),
        (None, None) => network.posts.iter().find(|post| post.by == scene.account),
    };
    let field = if remark.media_id.is_some() || remark.parent_id.is_none() {
        "media_id"
    } else {
        "parent_id"
    };
    let post = post.filter(|post| post.by == scene.account);
    post.ok_or_else(|| Refused::new(field, "is nothing of this account"))
}
