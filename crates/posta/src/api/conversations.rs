//! A conversation: its shape, read, put away, deleted here.

use axum::Json;
use axum::extract::State;
use posta_core::id::{AccountId, RemoteThread};
use posta_core::time::Timestamp;
use posta_store::accounts::Account;
use posta_store::conversations::{self, Conversation, Status};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::schema::Object;
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::describe::one_of;
use super::error::Result;
use super::extract::{Body, Query, Segment};
use crate::app::App;
use crate::flows::events::{Owner, participant_name};
use crate::flows::people::{FollowBlock, follow_block};
use crate::flows::receive::Control;
use crate::flows::window::{self, Window};

/// The largest number of unread messages that is told.
const UNREAD_SHOWN: i64 = 1000;

/// A conversation in a list. Its `id` is the platform's; every path takes either id.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConversationShape {
    /// The platform's id of it.
    id: String,
    /// Its platform.
    platform: String,
    /// The account it is on.
    account_id: AccountId,
    /// The account's handle.
    account_username: String,
    /// Always null.
    page_id: Option<String>,
    /// The platform's id of the person.
    participant_id: String,
    /// The person's name; while none is known, their handle or id.
    participant_name: String,
    /// The person's handle, where it is known.
    participant_username: Option<String>,
    /// The person's picture, where it is known.
    participant_picture: Option<String>,
    /// The text of the newest message; empty when it has none.
    last_message: String,
    /// When that was written.
    updated_time: Timestamp,
    #[schema(schema_with = status)]
    status: Status,
    /// How many messages nobody here has read, at most 1000.
    unread_count: i64,
    /// Always null.
    url: Option<String>,
    /// How the person and the account follow each other; null until the profile was read.
    instagram_profile: Option<FollowBlock>,
    /// The ad or link that brought the person here last.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    /// Always null: ads are not looked up.
    #[schema(value_type = Option<Object>)]
    ad_attribution: Option<Value>,
    /// Who holds it: the app that the account is connected through, the platform's own agent, or
    /// another app. Absent while the platform never said.
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_control: Option<Owner>,
    /// Its reply window; null where the platform has none.
    window: Option<Window>,
}

pub(super) fn status() -> Object {
    one_of("Whether it is in the inbox or put away.", &["active", "archived"])
}

pub(super) fn shape(
    conversation: Conversation,
    account: &Account,
    now: Timestamp,
) -> ConversationShape {
    let platform = posta_platforms::get(&account.platform);
    ConversationShape {
        instagram_profile: follow_block(&conversation),
        thread_control: Control::of(&conversation).map(|control| control.owner),
        window: platform.and_then(|platform| window::of(platform, &conversation, now)),
        id: conversation.remote_id.to_string(),
        platform: account.platform.clone(),
        account_id: account.id.clone(),
        account_username: account.username.clone(),
        page_id: None,
        participant_id: conversation.participant_id.to_string(),
        participant_name: participant_name(&conversation),
        participant_username: conversation.participant_username,
        participant_picture: conversation.participant_picture,
        last_message: conversation.last_message.unwrap_or_default(),
        updated_time: conversation.last_message_at.unwrap_or(conversation.updated_at),
        status: conversation.status,
        unread_count: conversation.unread_count.min(UNREAD_SHOWN),
        url: None,
        metadata: conversation.metadata.map(|json| json.0),
        ad_attribution: None,
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct OneQuery {
    /// The account it is on.
    pub(crate) account_id: AccountId,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OneAnswer {
    data: OneConversation,
}

/// A conversation with the people in it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OneConversation {
    #[serde(flatten)]
    conversation: ConversationShape,
    /// When the newest message was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_message_at: Option<Timestamp>,
    /// The people in it, the account left out.
    participants: Vec<Participant>,
}

/// A person in a conversation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Participant {
    /// The platform's id of them.
    id: String,
    /// Their name; while none is known, their handle or id.
    name: String,
}

/// Gets a conversation.
#[utoipa::path(get, path = "/v1/inbox/conversations/{conversationId}",
    operation_id = "get_inbox_conversation", tag = "Inbox",
    params(("conversationId" = String, Path, description = "Our id of it, or the platform's"), OneQuery),
    responses((status = 200, body = OneAnswer)))]
pub(crate) async fn get(
    State(app): State<App>,
    caller: Caller,
    Segment(id): Segment,
    Query(query): Query<OneQuery>,
) -> Result<Json<OneAnswer>> {
    let mut tx = app.db.read().await?;
    let (account, conversation) = caller.conversation(&mut tx, &query.account_id, &id).await?;
    let participants = vec![Participant {
        id: conversation.participant_id.to_string(),
        name: participant_name(&conversation),
    }];
    Ok(Json(OneAnswer {
        data: OneConversation {
            last_message_at: conversation.last_message_at,
            participants,
            conversation: shape(conversation, &account, app.clock.now()),
        },
    }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Change {
    /// The account it is on.
    account_id: AccountId,
    #[schema(schema_with = status)]
    status: Status,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangeAnswer {
    success: bool,
    data: Changed,
}

/// A conversation that was changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Changed {
    /// The platform's id of it.
    #[schema(value_type = String)]
    id: RemoteThread,
    /// The account it is on.
    account_id: AccountId,
    #[schema(schema_with = status)]
    status: Status,
    /// Its platform.
    platform: String,
    /// When it was changed.
    updated_at: Timestamp,
}

/// Puts a conversation away, or back. A new message brings it back too.
#[utoipa::path(put, path = "/v1/inbox/conversations/{conversationId}",
    operation_id = "update_inbox_conversation", tag = "Inbox",
    params(("conversationId" = String, Path, description = "Our id of it, or the platform's")),
    request_body = Change,
    responses((status = 200, body = ChangeAnswer)))]
pub(crate) async fn update(
    State(app): State<App>,
    caller: Caller,
    Segment(id): Segment,
    body: Body<Change>,
) -> Result<Json<ChangeAnswer>> {
    let mut tx = app.db.write().await?;
    let (account, conversation) = caller.conversation(&mut tx, &body.value.account_id, &id).await?;
    let (status, now) = (body.value.status, app.clock.now());
    let updated_at = conversations::update_status(&mut tx, &conversation.id, status, now).await?;
    tx.commit().await?;
    let data = Changed {
        id: conversation.remote_id,
        account_id: account.id,
        status,
        platform: account.platform,
        updated_at,
    };
    Ok(Json(ChangeAnswer { success: true, data }))
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeleteConversationAnswer)]
pub(crate) struct DeleteAnswer {
    success: bool,
    data: Deleted,
}

/// A conversation that was deleted here.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deleted {
    /// The platform's id of it.
    #[schema(value_type = String)]
    id: RemoteThread,
    /// The account it was on.
    account_id: AccountId,
    /// Its platform.
    platform: String,
    /// How many messages went with it.
    deleted_messages: u64,
}

/// Deletes our copy of a conversation. The platform's stays.
#[utoipa::path(delete, path = "/v1/inbox/conversations/{conversationId}",
    operation_id = "delete_inbox_conversation", tag = "Inbox",
    params(("conversationId" = String, Path, description = "Our id of it, or the platform's"), OneQuery),
    responses((status = 200, body = DeleteAnswer)))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Segment(id): Segment,
    Query(query): Query<OneQuery>,
) -> Result<Json<DeleteAnswer>> {
    let mut tx = app.db.write().await?;
    let (account, conversation) = caller.conversation(&mut tx, &query.account_id, &id).await?;
    let deleted = conversations::delete(&mut tx, caller.workspace(), &conversation.id).await?;
    tx.commit().await?;
    app.wake.sweep.notify_one();
    let data = Deleted {
        id: conversation.remote_id,
        account_id: account.id,
        platform: account.platform,
        deleted_messages: deleted,
    };
    Ok(Json(DeleteAnswer { success: true, data }))
}
