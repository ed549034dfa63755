//! Somebody commented on a post.

use posta_core::event;
use posta_core::id::{RemoteComment, RemotePost};
use posta_store::comments::{self, Comment};
use posta_store::{Json, Tx, conversations};
use serde_json::Value;

use super::{Taken, Told};
use crate::app::App;
use crate::flows::events::{CommentBlock, Payload, PostBlock};

pub(super) async fn commented(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    comment: &event::Comment,
    raw: &Value,
) -> posta_store::Result<Taken> {
    let account = told.account;
    let stored = Comment {
        id: app.ids.next(),
        workspace_id: account.workspace_id.clone(),
        account_id: account.id.clone(),
        remote_id: RemoteComment::new(&comment.id),
        post_id: comment.post.as_ref().map(RemotePost::new),
        post_kind: comment.post_kind.clone(),
        parent_id: comment.parent.as_ref().map(RemoteComment::new),
        author_id: comment.author.clone(),
        author_username: comment.author_username.clone(),
        text: comment.text.clone(),
        is_own: comment.is_own,
        is_live: comment.is_live,
        ad_id: comment.ad_id.clone(),
        is_hidden: false,
        deleted_at: None,
        commented_at: told.at,
        created_at: app.clock.now(),
        raw: Some(Json(raw.clone())),
    };
    if !comments::insert(tx, &stored).await? {
        return Ok(Taken::Known);
    }
    // What the account itself writes must not set anything going that may write again.
    if stored.is_own {
        return Ok(Taken::New);
    }
    let author = match &stored.author_id {
        Some(id) => {
            conversations::find(tx, &account.workspace_id, &account.id, id.as_str()).await?
        }
        None => None,
    };
    let payload = Payload::Comment {
        comment: Box::new(CommentBlock::new(account, &stored, author.as_ref())),
        post: PostBlock::from(&stored),
        account: account.into(),
    };
    told.announce(app, tx, "comment.received", payload).await?;
    Ok(Taken::New)
}
