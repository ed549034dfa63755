//! Every route of the server, a line each.

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::http::{Request, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::Redirect;
use axum::routing::{get, post};
use tower::util::MapRequest;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::{
    accept, account_health, account_list, accounts, attachments, auth, callbacks, comments,
    connect, conversation_acts, conversation_list, conversation_search, conversations, describe,
    docs, doctor, event_log, events, follow_status, follower_stats, health, history, inbound, keys,
    labels, logs, media, mentions, menus, messages, moderation, oauth_app_list, oauth_app_test,
    oauth_apps, observe, posts, private_reply, profiles, queue, reactions, replays, send,
    subscription, webhook_logs, webhook_redeliver, webhook_rotate, webhook_test, webhooks,
};
use crate::app::App;

/// The largest body that the API takes.
pub(crate) const LARGEST_BODY: usize = 1 << 20;

fn of_accounts() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(account_list::list))
        .routes(routes!(account_health::all))
        .routes(routes!(follower_stats::get))
        .routes(routes!(accounts::rename, accounts::move_to_profile, accounts::delete))
        .routes(routes!(account_health::one))
        .routes(routes!(doctor::diagnose))
        .routes(routes!(follow_status::get))
        .routes(routes!(queue::list))
        .routes(routes!(queue::cancel))
        .routes(routes!(subscription::get, subscription::repair))
}

/// Everything below `/v1` needs a key.
fn with_key() -> OpenApiRouter<App> {
    of_accounts()
        .routes(routes!(keys::verify))
        .routes(routes!(profiles::list, profiles::create))
        .routes(routes!(profiles::get, profiles::update, profiles::delete))
        .routes(routes!(oauth_app_list::list, oauth_apps::create))
        .routes(routes!(history::import, history::import_again))
        .routes(routes!(history::reconcile))
        .routes(routes!(posts::of_account))
        .routes(routes!(posts::commented))
        .routes(routes!(comments::list, comments::reply, comments::delete))
        .routes(routes!(moderation::hide, moderation::unhide))
        .routes(routes!(mentions::list))
        .routes(routes!(mentions::reply))
        .routes(routes!(moderation::like, moderation::unlike))
        .routes(routes!(moderation::like_post, moderation::unlike_post))
        .routes(routes!(moderation::pin, moderation::unpin))
        .routes(routes!(moderation::moderate))
        .routes(routes!(moderation::edit))
        .routes(routes!(attachments::get))
        .routes(routes!(oauth_apps::get, oauth_apps::update, oauth_apps::delete))
        .routes(routes!(oauth_app_test::test))
        .routes(routes!(connect::start, connect::finish))
        .routes(routes!(conversation_list::list, conversation_acts::start))
        .routes(routes!(conversation_search::search))
        .routes(routes!(conversations::get, conversations::update, conversations::delete))
        .routes(routes!(messages::mark_read))
        .routes(routes!(accept::accept))
        .routes(routes!(conversation_acts::typing))
        .routes(routes!(conversation_acts::thread_control))
        .routes(routes!(conversation_acts::resume_automation))
        .routes(routes!(labels::list, labels::create))
        .routes(routes!(labels::delete))
        .routes(routes!(labels::list_of, labels::add))
        .routes(routes!(labels::remove))
        .routes(routes!(event_log::list))
        .routes(routes!(event_log::stream))
        .routes(routes!(events::raw))
        .routes(routes!(messages::list, send::send))
        .routes(routes!(reactions::edit, reactions::unsend))
        .routes(routes!(reactions::add, reactions::remove))
        .routes(routes!(private_reply::send))
        .routes(routes!(menus::get, menus::set, menus::delete))
        .routes(routes!(media::upload))
        .routes(routes!(media::presign))
        .routes(routes!(webhooks::list, webhooks::create, webhooks::update, webhooks::delete))
        .routes(routes!(webhook_test::test))
        .routes(routes!(webhook_rotate::rotate))
        .routes(routes!(webhook_logs::list))
        .routes(routes!(webhook_redeliver::redeliver))
        .routes(routes!(replays::list, replays::create))
        .routes(routes!(replays::get, replays::cancel))
        .routes(routes!(logs::list))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::delete))
}

fn open() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(health::alive)).routes(routes!(health::ready))
}

/// What platforms, browsers and people call.
fn undescribed() -> Router<App> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/docs") }))
        .route("/docs", get(docs::reference))
        .route("/docs/errors", get(docs::errors))
        .route("/metrics", get(health::counted))
        .route("/openapi.json", get(docs::openapi))
        .route("/media/{name}", get(media::serve))
        .route("/webhooks/{platform}", inbound::routes())
        .route("/webhooks/reached/{nonce}", get(doctor::reached))
        .route("/webhooks/{platform}/deauthorize", post(callbacks::deauthorize))
        .route("/webhooks/{platform}/data-deletion", post(callbacks::delete_data))
        .route("/data-deletion/{code}", get(callbacks::progress))
        .route("/connect/{platform}/callback", get(connect::callback))
        .route("/connect/{platform}/reconnect/{link}", get(connect::reconnect))
}

/// Describes the API.
#[must_use]
pub fn openapi() -> serde_json::Value {
    let mut operations = with_key().into_openapi();
    operations.merge(open().into_openapi());
    describe::describe(operations)
}

/// The router behind a step that brings paths into their plain form.
type Service = MapRequest<Router, fn(Request<Body>) -> Request<Body>>;

/// The server as one service.
pub fn service(app: &App) -> Service {
    let (with_key, _) = with_key().split_for_parts();
    let (open, _) = open().split_for_parts();
    let router = with_key
        .route_layer(from_fn_with_state(app.clone(), auth::authenticate))
        .merge(open)
        .merge(undescribed())
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(CatchPanicLayer::custom(observe::panicked))
        .layer(from_fn_with_state(app.clone(), observe::observe))
        .with_state(app.clone());
    MapRequest::new(router, plain_path)
}

/// Brings the path into its plain form before it is routed: without `/api` in front of `/v1`, and
/// without a slash at the end.
fn plain_path(mut request: Request<Body>) -> Request<Body> {
    let path = request.uri().path();
    let plain = path.strip_prefix("/api").filter(|rest| rest.starts_with("/v1/")).unwrap_or(path);
    let plain = plain.trim_end_matches('/');
    let plain = if plain.is_empty() { "/" } else { plain };
    if plain != path {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = format!("{plain}{query}").parse().ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}
