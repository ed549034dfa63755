//! The control API: the people of the pretend platforms, and the hand on their clock.

mod apps;
mod clock;
mod deeds;
mod departures;
mod faults;
mod page;
mod people;
mod posts;
mod problem;

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Redirect;
use axum::routing::{delete, get, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use self::problem::{Body, Problem};
use super::deliver::Grouping;
use super::outbox::Delivery;
use super::{Face, Sandbox};

type Answer = Result<Json<Value>, Problem>;

/// The URL where the sandbox is reached.
#[derive(Clone, Debug)]
struct Root(Url);

/// Returns every route, one line each.
pub(super) fn routes(root: &Url) -> Router<Sandbox> {
    Router::new()
        .route("/", get(async || Redirect::to("/_sandbox/")))
        .route("/_sandbox", get(async || Redirect::to("/_sandbox/")))
        .route("/_sandbox/", get(page::show).post(page::write))
        .route("/_sandbox/seed", post(apps::seed))
        .route("/_sandbox/reset", post(reset))
        .route("/_sandbox/clock", get(clock::read).post(clock::change))
        .route("/_sandbox/faults", get(faults::list).post(faults::add).delete(faults::remove_all))
        .route("/_sandbox/faults/{id}", delete(faults::remove))
        .route("/_sandbox/deliveries", get(list_deliveries))
        .nest("/_sandbox/{platform}", of_platform())
        .fallback(unknown)
        .layer(Extension(Root(root.clone())))
}

fn of_platform() -> Router<Sandbox> {
    Router::new()
        .route("/errors", get(faults::errors))
        .route("/limits", get(faults::limits).post(faults::set_limits))
        .route("/subscriptions/lose", post(faults::lose))
        .route("/options", get(list_options).post(set_options))
        .route("/hold", post(hold))
        .route("/flush", post(flush))
        .route("/people", get(people::list).post(people::save))
        .route("/people/{person}/{deed}", post(deeds::by_person))
        .route("/accounts", get(people::list_accounts).post(people::save_account))
        .route("/accounts/{account}/owner/remove-app", post(departures::remove_app))
        .route("/accounts/{account}/owner/request-deletion", post(departures::request_deletion))
        .route("/accounts/{account}/owner/{deed}", post(deeds::by_owner))
        .route("/accounts/{account}/posts", get(posts::list).post(posts::save))
        .route("/accounts/{account}/threads", get(deeds::threads))
        .route("/accounts/{account}/threads/{person}", get(deeds::thread))
        .route("/apps", get(apps::list).post(apps::save))
        .route("/apps/{client_id}/test-send", post(apps::test_send))
        .route("/tokens", get(apps::list_tokens).post(apps::issue_token))
        .route("/tokens/expire", post(apps::expire_tokens))
        .route("/tokens/revoke", post(apps::revoke_tokens))
        .route("/tokens/restore", post(apps::restore_tokens))
}

async fn unknown(uri: Uri) -> Problem {
    Problem::unknown("route", uri.path())
}

/// Finds a platform's face by the name in the path.
fn face(platform: &str) -> Result<&'static dyn Face, Problem> {
    super::face(platform).ok_or_else(|| Problem::unknown("platform", platform))
}

/// `POST /_sandbox/reset`
async fn reset(State(sandbox): State<Sandbox>) -> Json<Value> {
    *sandbox.world() = super::World::default();
    sandbox.outbox().clear();
    sandbox.faults().remove(None);
    sandbox.limits().clear();
    Json(json!({"reset": true}))
}

/// `GET /_sandbox/deliveries`
async fn list_deliveries(State(sandbox): State<Sandbox>) -> Json<Value> {
    let deliveries: Vec<Delivery> = sandbox.outbox().list();
    Json(json!({"deliveries": deliveries, "pending": sandbox.pending_deliveries()}))
}

/// `GET /_sandbox/{platform}/options`
async fn list_options(State(sandbox): State<Sandbox>, Path(platform): Path<String>) -> Answer {
    let cast = face(&platform)?.cast();
    let mut world = sandbox.world();
    let network = world.network(&platform);
    let options = cast.options.iter().map(|(name, values)| {
        let value = network.option(name).unwrap_or(values[0]);
        (*name, json!({"value": value, "values": values}))
    });
    Ok(Json(json!({"options": options.collect::<BTreeMap<_, _>>()})))
}

/// `POST /_sandbox/{platform}/options`
async fn set_options(
    State(sandbox): State<Sandbox>,
    Path(platform): Path<String>,
    Body(wanted): Body<BTreeMap<String, String>>,
) -> Answer {
    let cast = face(&platform)?.cast();
    for (name, value) in &wanted {
        let option = cast.options.iter().find(|(known, _)| known == name);
        let (_, values) = option.ok_or_else(|| Problem::invalid(name, "is no option"))?;
        if !values.contains(&value.as_str()) {
            return Err(Problem::invalid(name, &format!("must be one of {}", values.join(", "))));
        }
    }
    sandbox.world().network(&platform).options.extend(wanted);
    list_options(State(sandbox), Path(platform)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hold {
    client_id: String,
    #[serde(default)]
    entries: Grouping,
}

/// `POST /_sandbox/{platform}/hold`
async fn hold(
    State(sandbox): State<Sandbox>,
    Path(platform): Path<String>,
    Body(hold): Body<Hold>,
) -> Answer {
    face(&platform)?;
    apps::find(&sandbox, &platform, &hold.client_id)?;
    sandbox.outbox().hold(&platform, &hold.client_id);
    Ok(Json(json!({"holding": true})))
}

/// `POST /_sandbox/{platform}/flush`
async fn flush(
    State(sandbox): State<Sandbox>,
    Path(platform): Path<String>,
    Body(hold): Body<Hold>,
) -> Answer {
    face(&platform)?;
    let app = apps::find(&sandbox, &platform, &hold.client_id)?;
    let sent = sandbox.flush(&platform, &app, hold.entries);
    Ok(Json(json!({"holding": false, "sent": sent})))
}
