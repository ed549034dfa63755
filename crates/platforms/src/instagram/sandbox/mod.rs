//! The pretend Instagram: where it is, who lives there, and its three hosts' routes.
//!
//! Written from the platform's documentation and held payloads, and sharing nothing with the
//! connector, so that the two cannot agree on a mistake.

mod ask;
mod authorize;
mod cdn;
mod conversations;
mod coverage;
mod deeds;
mod events;
mod fields;
mod gate;
mod graph;
mod media;
mod menus;
mod messages;
mod mid;
mod params;
mod profiles;
mod publishing;
mod refusal;
mod remarks;
mod subscriptions;
mod table;
mod templates;
mod token;
mod uploads;
mod webhooks;

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{any, get, post};
use futures_util::future::BoxFuture;
use posta_core::chance::Chance;
use posta_core::time::Timestamp;
use url::Url;

use crate::sandbox::{
    App, Ask, Cast, CastAccount, CastPerson, CastPost, Covered, Deed, Done, Face, IdForm, Notice,
    Packed, Refused, Sandbox, Turned, Usage, Webhook, hub,
};

const NAME: &str = "instagram";

const BASIC: &str = "instagram_business_basic";
const MESSAGES: &str = "instagram_business_manage_messages";
const COMMENTS: &str = "instagram_business_manage_comments";

const PUBLISH: &str = "instagram_business_content_publish";
const INSIGHTS: &str = "instagram_business_manage_insights";

/// What can be asked for; the words that ended on 2025-01-27 are unknown.
const SCOPES: &[(&str, &str)] = &[
    (BASIC, "See your profile and posts"),
    (MESSAGES, "Read and answer your messages"),
    (COMMENTS, "Read and answer comments"),
    (PUBLISH, "Publish posts for you"),
    (INSIGHTS, "See how your posts do"),
];

/// Instagram's face in the sandbox.
pub(crate) struct InstagramFace;

impl Face for InstagramFace {
    fn urls(&self, root: &Url) -> BTreeMap<String, Url> {
        let base = |path: &str| root.join(path).expect("a fixed path joins any base");
        BTreeMap::from([
            ("authorize".to_owned(), base("/instagram/www")),
            ("token".to_owned(), base("/instagram/api")),
            ("graph".to_owned(), base("/instagram/graph")),
        ])
    }

    fn routes(&self) -> Router<Sandbox> {
        Router::new()
            .route("/instagram/www/oauth/authorize", get(authorize::show).post(authorize::decide))
            .route("/instagram/api/oauth/access_token", post(token::from_code))
            .route("/instagram/graph/{*path}", any(graph::answer))
            .route("/instagram/cdn/ig_messaging_cdn/", get(cdn::serve))
    }

    fn cast(&self) -> &'static Cast {
        const { &CAST }
    }

    fn ask<'a>(&'a self, sandbox: &'a Sandbox, request: Request) -> BoxFuture<'a, Ask> {
        Box::pin(gate::ask(sandbox, request))
    }

    fn turn_away(&self, sandbox: &Sandbox, ask: &Ask, turned: Turned) -> Response {
        gate::turn_away(sandbox, ask, turned)
    }

    fn tell_usage(&self, ask: &Ask, usage: Usage, headers: &mut HeaderMap) {
        gate::tell_usage(ask, usage, headers);
    }

    fn event_of(&self, notice: &Notice) -> &'static str {
        gate::event_of(&notice.json)
    }

    fn coverage(&self) -> &'static [Covered] {
        coverage::COVERAGE
    }

    fn errors(&self) -> Vec<(i64, Option<i64>)> {
        table::ROWS.iter().map(|(code, subcode, _)| (*code, *subcode)).collect()
    }

    fn act(&self, sandbox: &Sandbox, deed: &Deed) -> Result<Done, Refused> {
        deeds::act(sandbox, deed)
    }

    fn sample(&self, field: &str, envelope: Option<&str>) -> Result<Notice, Refused> {
        webhooks::sample(field, envelope)
    }

    fn post_id(&self, chance: &Chance) -> String {
        remarks::POST_IDS.mint(chance)
    }

    fn departure(&self, app: &App, scoped_id: &str, now: Timestamp) -> Vec<(&'static str, String)> {
        vec![("signed_request", hub::signed_request(&app.client_secret, scoped_id, now))]
    }

    fn pack(&self, app: &App, entries: &[Vec<Notice>], now: Timestamp) -> Packed {
        webhooks::pack(app, entries, now)
    }

    fn verify<'a>(
        &'a self,
        sandbox: &'a Sandbox,
        webhook: &'a Webhook,
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(hub::verify(sandbox, webhook))
    }
}

/// The cast of the held payloads.
const CAST: Cast = Cast {
    client_id: "990000000000001",
    client_secret: "posta-sandbox-instagram-app-secret",
    accounts: &[
        CastAccount {
            id: "17841499900000001",
            username: "lumen.cafe.demo",
            name: "Lumen Café",
            is_personal: false,
            own_scoped_id: "1099900000000900",
            app_scoped_id: "27999000000000001",
        },
        CastAccount {
            id: "17841499900000002",
            username: "lumen.shop.demo",
            name: "Lumen Shop",
            is_personal: false,
            own_scoped_id: "1099900000000901",
            app_scoped_id: "27999000000000002",
        },
        CastAccount {
            id: "17841499900000003",
            username: "kai.demo",
            name: "Kai",
            is_personal: true,
            own_scoped_id: "1099900000000902",
            app_scoped_id: "27999000000000003",
        },
    ],
    people: &[
        CastPerson {
            username: "mira.demo",
            name: "Mira",
            scoped_ids: &[
                ("17841499900000001", "1099900000000101"),
                ("17841499900000002", "1099900000000201"),
            ],
        },
        CastPerson {
            username: "theo.demo",
            name: "Theo",
            scoped_ids: &[
                ("17841499900000001", "1099900000000102"),
                ("17841499900000002", "1099900000000202"),
            ],
        },
        CastPerson {
            username: "noor.demo",
            name: "Noor",
            scoped_ids: &[
                ("17841499900000001", "1099900000000103"),
                ("17841499900000002", "1099900000000203"),
            ],
        },
    ],
    posts: &[
        CastPost {
            id: "17999000000003401",
            account: "17841499900000001",
            caption: "Autumn menu is here",
            kind: ("IMAGE", "FEED"),
            age: Duration::from_hours(48),
            comments: &[
                ("18099000000003411", "mira.demo", "Price please?"),
                ("18099000000003412", "noor.demo", "Looks lovely"),
            ],
        },
        CastPost {
            id: "17999000000003601",
            account: "17841499900000001",
            caption: "How we roast our beans",
            kind: ("VIDEO", "REELS"),
            age: Duration::from_hours(30 * 24),
            comments: &[("18099000000003600", "theo.demo", "Which beans are these?")],
        },
        CastPost {
            id: "17999000000003701",
            account: "17841499900000002",
            caption: "New cups in the shop",
            kind: ("CAROUSEL_ALBUM", "FEED"),
            age: Duration::from_hours(5),
            comments: &[("18099000000003701", "theo.demo", "Do you ship?")],
        },
    ],
    post_kinds: &["IMAGE", "VIDEO", "CAROUSEL_ALBUM"],
    post_places: &["FEED", "REELS", "STORY", "AD"],
    fields: subscriptions::APP_FIELDS,
    routes: gate::ROUTES,
    events: gate::EVENTS,
    limits: gate::LIMITS,
    token_prefix: "IGAA",
    // A little under 60 days, as answers show.
    token_life: Duration::from_secs(5_183_944),
    options: &[
        // The page prints the documented shape; integrations receive the live one.
        ("exchange_shape", &["live", "documented"]),
        ("me_shape", &["flat", "data"]),
        // Which field carries echoes under Instagram Login is not settled by any page.
        ("echo_field", &["either", "message_echoes"]),
        // The pages print the flat form for this login, integrations receive the other.
        ("comment_envelope", &["changes", "flat", "changed_fields"]),
        ("comment_time", &["seconds", "milliseconds"]),
        ("comment_shape", &["instagram_login", "facebook_login"]),
        ("comment_from", &["with_id", "without_id"]),
        // A new message announced as its zeroth edit, as four integrations report.
        ("edit_anomaly", &["off", "with_sender", "without_sender"]),
        ("edit_anomaly_message", &["also", "instead"]),
        // One page lists stickers as pictures, another says that nothing is sent for them.
        // Files at names that are reserved for examples are taken on trust in any case.
        ("media_fetch", &["real", "trust"]),
        ("owned_thread_error", &["2534037", "2018300"]),
        // Texts of errors come in the language of whoever is asked for them.
        ("error_language", &["en", "ja"]),
        // Two pages print two answers.
        ("menu_success", &["success", "result"]),
        ("publishing_quota", &["100", "50"]),
        ("self_send_shape", &["message_id", "id"]),
        ("stickers", &["image", "silent"]),
        // Two pages, two regimes; which one holds for direct messages is not said.
        ("acknowledge_timeout", &["5s", "20s"]),
        ("webhook_retries", &["36_hours", "messenger"]),
        ("referral_opens_window", &["no", "yes"]),
        ("reaction_opens_window", &["no", "yes"]),
    ],
    client_ids: IdForm { prefix: "99", length: 15 },
    account_ids: IdForm { prefix: "17841", length: 17 },
    scoped_ids: IdForm { prefix: "1", length: 16 },
    app_scoped_ids: IdForm { prefix: "27", length: 17 },
};
