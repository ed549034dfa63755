//! What is done to a conversation besides writing in it: typing shown, control passed, a start
//! that is refused.

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use posta_core::failure::Code;
use posta_core::id::AccountId;
use posta_store::accounts::{Account, State as AccountState};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::auth::Caller;
use super::describe::one_of;
use super::error::{ApiError, Result};
use super::extract::{Body, Segment, from_value};
use super::form::Form;
use crate::app::App;
use crate::flows::{line, turns};

/// The longest note for the next app, in characters.
const LONGEST_NOTE: usize = 2000;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TypingRequest {
    /// The account it is on.
    account_id: AccountId,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TypingAnswer {
    /// Whether the person sees it; false where the platform cannot or would not.
    success: bool,
}

/// Shows the person that somebody is typing, where the platform can.
#[utoipa::path(post, path = "/v1/inbox/conversations/{conversationId}/typing",
    operation_id = "send_typing_indicator", tag = "Inbox",
    params(("conversationId" = String, Path, description = "Our id of it, or the platform's")),
    request_body = TypingRequest,
    responses((status = 200, body = TypingAnswer)))]
pub(crate) async fn typing(
    State(app): State<App>,
    caller: Caller,
    Segment(id): Segment,
    body: Body<TypingRequest>,
) -> Result<Json<TypingAnswer>> {
    let mut tx = app.db.read().await?;
    let (account, conversation) = caller.conversation(&mut tx, &body.value.account_id, &id).await?;
    drop(tx);
    let success = account.state == AccountState::Connected
        && line::show_typing(&app, &account, &conversation.participant_id).await;
    Ok(Json(TypingAnswer { success }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResumeRequest {
    /// The account it is on.
    account_id: AccountId,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResumeAnswer {
    success: bool,
}

/// Lets programs write in a conversation again that was stopped (`automation.stopped`). Their turns are
/// counted anew. It changes nothing where nothing was stopped.
#[utoipa::path(post, path = "/v1/inbox/conversations/{conversationId}/resume-automation",
    operation_id = "resume_conversation_automation", tag = "Inbox",
    params(("conversationId" = String, Path, description = "Our id of it, or the platform's")),
    request_body = ResumeRequest,
    responses((status = 200, body = ResumeAnswer)))]
pub(crate) async fn resume_automation(
    State(app): State<App>,
    caller: Caller,
    Segment(id): Segment,
    body: Body<ResumeRequest>,
) -> Result<Json<ResumeAnswer>> {
    let mut tx = app.db.write().await?;
    let (_, conversation) = caller.conversation(&mut tx, &body.value.account_id, &id).await?;
    turns::release(&mut tx, &conversation).await?;
    tx.commit().await?;
    Ok(Json(ResumeAnswer { success: true }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ControlRequest {
    /// The account it is on.
    account_id: AccountId,
    #[schema(schema_with = action)]
    action: Action,
    /// `ai_agent`: not to an app but to the platform's own agent.
    target: Option<String>,
    /// The platform's id of the app that gets it; without one, the account's default app.
    target_app_id: Option<String>,
    /// A note for the next app, at most 2000 characters. Instagram carries none.
    metadata: Option<String>,
}

/// What to do about who holds a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    /// Take it from the app that holds it.
    Take,
    /// Let go of it.
    Release,
    /// Hand it to another app.
    Pass,
    /// Ask the app that holds it.
    Request,
}

fn action() -> Object {
    one_of("What to do; platforms here know only `pass`.", &["take", "release", "pass", "request"])
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ControlAnswer {
    success: bool,
    control: Controlled,
}

/// Who holds the conversation now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Controlled {
    #[schema(schema_with = owner)]
    owner: &'static str,
    /// The platform's id of the app, where it is known.
    owner_app_id: Option<String>,
}

fn owner() -> Object {
    one_of("Who holds it.", &["app", "ai_agent", "other"])
}

/// Passes a conversation to another app. What else the unified API knows here, Instagram does not
/// offer to apps.
#[utoipa::path(post, path = "/v1/inbox/conversations/{conversationId}/thread-control",
    operation_id = "set_conversation_thread_control", tag = "Inbox",
    params(("conversationId" = String, Path, description = "Our id of it, or the platform's")),
    request_body = ControlRequest,
    responses((status = 200, body = ControlAnswer)))]
pub(crate) async fn thread_control(
    State(app): State<App>,
    caller: Caller,
    Segment(id): Segment,
    body: Body<ControlRequest>,
) -> Result<Json<ControlAnswer>> {
    let request = body.value;
    check(&request)?;
    let mut tx = app.db.read().await?;
    let (account, conversation) = caller.conversation(&mut tx, &request.account_id, &id).await?;
    drop(tx);
    if request.action != Action::Pass || request.target.is_some() {
        let problem = "only passing a conversation to another app is offered";
        return Err(not_supported(Code::PlatformNotSupported, &account, problem));
    }
    if account.state != AccountState::Connected {
        let problem = format!("{} is disconnected", account.username);
        return Err(ApiError::new(Code::AccountDisconnected, problem));
    }
    let target = request.target_app_id.as_deref();
    line::pass(&app, &account, &conversation, target).await.map_err(|error| {
        let mut error = ApiError::from(error);
        error.more.platform = Some(account.platform.clone());
        error
    })?;
    let control = Controlled { owner: "other", owner_app_id: request.target_app_id };
    Ok(Json(ControlAnswer { success: true, control }))
}

fn check(request: &ControlRequest) -> Result<()> {
    if request.target.as_deref().is_some_and(|target| target != "ai_agent") {
        return Err(ApiError::bad_value("target", "must be ai_agent"));
    }
    let is_number = |id: &String| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    if request.target_app_id.as_ref().is_some_and(|id| !is_number(id)) {
        return Err(ApiError::bad_value("targetAppId", "must be digits"));
    }
    let note = request.metadata.as_ref().map_or(0, |note| note.chars().count());
    if note > LONGEST_NOTE {
        let problem = format!("has more than {LONGEST_NOTE} characters");
        return Err(ApiError::bad_value("metadata", problem));
    }
    Ok(())
}

/// Says that a platform does not have something.
pub(super) fn not_supported(code: Code, account: &Account, problem: &str) -> ApiError {
    let title = posta_platforms::get(&account.platform).map_or("this platform", |one| one.title());
    let mut error = ApiError::new(code, format!("on {title} {problem}"));
    error.more.platform = Some(account.platform.clone());
    error
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartRequest {
    /// The account that would write.
    account_id: AccountId,
}

/// The same as a form.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes a form that is read field by field")]
pub(crate) struct StartForm {
    /// The account that would write.
    account_id: AccountId,
}

/// Refuses to start a conversation: on the platforms of this version only people can, by writing
/// or by a comment that is answered privately.
#[utoipa::path(post, path = "/v1/inbox/conversations", operation_id = "create_inbox_conversation",
    tag = "Inbox",
    request_body(content((StartRequest = "application/json"), (StartForm = "multipart/form-data"))),
    responses((status = 400, description = "Only the person can start it")))]
pub(crate) async fn start(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<Json<TypingAnswer>> {
    let request: StartRequest = if Form::is_in(&request) {
        let account = Form::read(request).await?.only("accountId").await?;
        from_value(account.map_or_else(|| json!({}), |id| json!({"accountId": id})))?
    } else {
        Body::from_request(request, &app).await?.value
    };
    let mut tx = app.db.read().await?;
    let account = caller.account(&mut tx, &request.account_id).await?;
    let problem =
        "a conversation begins when the person writes, or with a private reply to a comment";
    Err(not_supported(Code::ConversationNotStartable, &account, problem))
}
