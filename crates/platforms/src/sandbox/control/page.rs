//! The sandbox in a browser: who exists, what was said, and a way to say something.

use axum::extract::{FromRequest, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Deserialize;
use url::Url;

use super::Root;
use super::deeds::{self, By};
use super::problem::Problem;
use crate::sandbox::deed::{Act, OwnerAct};
use crate::sandbox::posts::Post;
use crate::sandbox::world::{Author, Message, Network, Thread};
use crate::sandbox::{Draft, Sandbox};

const STYLE: &str = "body{margin:0 auto;max-width:52rem;padding:1.5rem;color:#1c1c21;font:16px/1.5 \
system-ui,sans-serif}h1{font-size:1.4rem}h2{margin-top:2rem;font-size:1.15rem}h3{font-size:1rem;\
margin:1.5rem 0 .5rem}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:\
.3rem .8rem .3rem 0;border-bottom:1px solid #dcdce2;overflow-wrap:anywhere}small,.note{color:\
#5d5d68}p.said{max-width:34rem;padding:.45rem .8rem;margin:.3rem 0;border-radius:.75rem;background:\
#f0f0f3}p.account{margin-left:auto;background:#dfeafb}form{display:flex;gap:.5rem;flex-wrap:wrap;\
margin:.8rem 0}input[name=text]{flex:1;min-width:14rem}input,select,button{font:inherit;padding:\
.4rem .6rem;border:1px solid #b9b9c3;border-radius:.4rem;background:#fff}";

/// `GET /_sandbox/`
pub(super) async fn show(
    State(sandbox): State<Sandbox>,
    Extension(root): Extension<Root>,
) -> Markup {
    let now = sandbox.clock().now();
    let pending = sandbox.pending_deliveries();
    let mut world = sandbox.world();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Posta sandbox" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Posta sandbox" }
                p.note {
                    "Pretend platforms; nothing here is real. It is " (now) ". "
                    (pending) " webhooks are due. "
                    a href="/_sandbox/" { "Refresh" } " · "
                    a href="/_sandbox/deliveries" { "Deliveries" }
                }
                @for platform in crate::ALL {
                    h2 { (platform.title()) }
                    (network(platform.name(), world.network(platform.name()), &root.0))
                }
            }
        }
    }
}

fn network(platform: &str, network: &Network, root: &Url) -> Markup {
    let urls = super::face(platform).map(|face| face.urls(root)).unwrap_or_default();
    html! {
        table {
            @for (role, url) in &urls { tr { th { (role) } td { code { (url) } } } }
            @for app in &network.apps {
                tr { th { "app" } td {
                    (app.name) " " code { (app.client_id) }
                    @if let Some(webhook) = &app.webhook {
                        " → " code { (webhook.callback_url) }
                        @if !webhook.active { " (not verified)" }
                    }
                } }
            }
            @for account in &network.accounts {
                tr { th { "account" } td { (account.username) " " code { (account.id) } } }
            }
            @for person in &network.people {
                tr { th { "person" } td { (person.username) } }
            }
        }
        @if network.people.is_empty() || network.accounts.is_empty() {
            p.note { "Nobody lives here yet. " code { "POST /_sandbox/seed" } " moves people in." }
        } @else {
            (new_message(platform, network))
        }
        @for thread in &network.threads { (show_thread(platform, network, thread)) }
        @for post in &network.posts { (show_post(network, post)) }
    }
}

fn new_message(platform: &str, network: &Network) -> Markup {
    html! {
        h3 { "Write as a customer" }
        form method="post" action="/_sandbox/" {
            input type="hidden" name="platform" value=(platform);
            select name="person" aria-label="Person" {
                @for person in &network.people { option { (person.username) } }
            }
            select name="account" aria-label="Account" {
                @for account in &network.accounts {
                    option value=(account.id) { "to " (account.username) }
                }
            }
            input name="text" placeholder="Message" aria-label="Message" required;
            button name="by" value="person" { "Send" }
        }
    }
}

fn show_thread(platform: &str, network: &Network, thread: &Thread) -> Markup {
    let account = network.account(&thread.account).map(|account| account.username.as_str());
    html! {
        h3 { (thread.person) " and " (account.unwrap_or_default()) }
        @for message in &thread.messages { (show_message(message)) }
        @if thread.account_is_typing { p.note { (account.unwrap_or_default()) " is typing …" } }
        form method="post" action="/_sandbox/" {
            input type="hidden" name="platform" value=(platform);
            input type="hidden" name="person" value=(thread.person);
            input type="hidden" name="account" value=(thread.account);
            input name="text" placeholder="Message" aria-label="Message" required;
            button name="by" value="person" { "As " (thread.person) }
            button name="by" value="owner" { "As the owner, in the app" }
        }
    }
}

fn show_post(network: &Network, post: &Post) -> Markup {
    let by = network.account(&post.by).map_or(post.by.as_str(), |account| &account.username);
    html! {
        h3 { "Post of " (by) ": " (post.caption.as_deref().unwrap_or("(no caption)")) }
        p.note { code { (post.id) } @if post.is_live { " · live" } }
        @for comment in &post.comments {
            p.said.account[comment.person.is_none()] {
                @if comment.parent.is_some() { "↳ " }
                (comment.text)
                br;
                small {
                    (comment.person.as_deref().unwrap_or(by)) " · " (comment.at) " · "
                    code { (comment.id) } @if comment.hidden { " · hidden" }
                }
            }
        }
    }
}

fn show_message(message: &Message) -> Markup {
    let by = match message.by {
        Author::Person => None,
        Author::Owner => Some("owner"),
        Author::Api => Some("app"),
    };
    let reactions = [&message.person_reaction, &message.account_reaction];
    html! {
        p.said.account[by.is_some()] {
            @if message.unsent_at.is_some() { "(taken back) " }
            @if let Some(text) = &message.draft.text { (text) }
            @for attachment in &message.draft.attachments {
                " [" (attachment["type"].as_str().unwrap_or("attachment")) "]"
            }
            @for emoji in reactions.into_iter().flatten() { " " (emoji) }
            br;
            small {
                (message.at) @if let Some(by) = by { " · " (by) } @if message.seen { " · seen" }
            }
        }
    }
}

#[derive(Deserialize)]
struct Said {
    platform: String,
    account: String,
    person: String,
    text: String,
    by: String,
}

/// `POST /_sandbox/`: what the forms of the page send.
pub(super) async fn write(State(sandbox): State<Sandbox>, request: Request) -> Response {
    let Ok(Form(said)) = Form::<Said>::from_request(request, &()).await else {
        return Problem::invalid("body", "must be a form of this page").into_response();
    };
    let draft = Draft { text: Some(said.text), ..Draft::default() };
    let by = if said.by == "owner" {
        By::Owner(OwnerAct::Write(draft))
    } else {
        By::Person(Act::Write(draft))
    };
    let (account, person) = (Some(said.account.as_str()), Some(said.person.as_str()));
    match deeds::perform(&sandbox, &said.platform, account, person, by) {
        Ok(_) => Redirect::to("/_sandbox/").into_response(),
        Err(problem) => problem.into_response(),
    }
}
