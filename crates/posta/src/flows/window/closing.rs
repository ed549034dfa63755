//! Telling that a reply window is about to close.

use posta_core::id::{ConversationId, WorkspaceId};
use posta_store::accounts::{self, State as Account};
use posta_store::conversations::{self, Status};
use posta_store::{windows, workspaces};

use super::{State, of};
use crate::app::App;
use crate::flows::announce::announce;
use crate::flows::events::{ConversationBlock, InboxAccount, Payload};

/// Announces that the window of a conversation is about to close: once for each opening, whoever
/// looks first. Not of conversations that were put away, and not after it has closed.
///
/// # Errors
/// When the database failed; it is then still due.
pub async fn closing(
    app: &App,
    owner: &WorkspaceId,
    id: &ConversationId,
) -> posta_store::Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    workspaces::lock(&mut tx, owner).await?;
    if !windows::take_due(&mut tx, owner, id, now).await? {
        return Ok(());
    }
    let conversation = conversations::get(&mut tx, owner, id).await?;
    let account = accounts::find(&mut tx, owner, &conversation.account_id).await?;
    let account = account.filter(|one| one.state != Account::Removed);
    let wanted =
        app.config.inbox.window_closing_lead_minutes > 0 && conversation.status == Status::Active;
    let window = account
        .as_ref()
        .and_then(|account| of(posta_platforms::get(&account.platform)?, &conversation, now));
    let window = window.filter(|window| wanted && window.state == State::Open);
    if let (Some(account), Some(window), Some(opened)) =
        (account, window, conversation.window_opened_at)
    {
        let payload = Payload::WindowClosing {
            conversation: ConversationBlock::from(&conversation),
            account: InboxAccount::from(&account),
            is_answered: windows::is_answered(&mut tx, id, opened).await?,
            window: Box::new(window),
        };
        announce(app, &mut tx, &account, "window.closing", payload).await?;
    }
    tx.commit().await?;
    app.wake.announced();
    Ok(())
}
