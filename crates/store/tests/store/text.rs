//! Text that not every database can keep: it comes back readable, and nothing fails because of it.

use posta_core::event::{Attachment, AttachmentKind};
use posta_core::id::{RemoteAccount, RemoteMessage, RemoteThread};
use posta_store::Json;
use posta_store::accounts::{self, Account};
use posta_store::attempts::{self, Attempt, Filter};
use posta_store::connects::{self, Connect};
use posta_store::conversations::{self, Conversation};
use posta_store::endpoints::{self, Endpoint};
use posta_store::events::{self, Event};
use posta_store::idempotency::{self, Which};
use posta_store::inbound::{self, Inbound, State};
use posta_store::keys::{self, Key};
use posta_store::message_changes;
use posta_store::messages::{self, Message, Status};
use posta_store::oauth_apps::{self, OauthApp};
use posta_store::profiles::{self, Profile};
use serde_json::{Value, json};

use crate::support::{Store, at, both};

both! {
    what_platforms_say_of_accounts,
    who_people_are,
    what_people_write,
    what_stands_in_raw_webhooks,
    what_customers_name_things,
    what_customers_want_to_hear,
    what_customers_register,
    what_endpoints_answer,
    what_is_looked_for,
    what_is_looked_through,
}

const NUL: &str = "a\0b";
const KEPT: &str = "a\u{FFFD}b";

fn nul() -> Option<String> {
    Some(NUL.into())
}

fn nested() -> Option<Json<Value>> {
    Some(Json(json!({ NUL: [{ "x": NUL }] })))
}

fn kept() -> Option<Json<Value>> {
    Some(Json(json!({ KEPT: [{ "x": KEPT }] })))
}

async fn what_platforms_say_of_accounts(store: &Store) {
    let plain = store.account().await;
    let account = Account {
        id: store.id(),
        remote_id: RemoteAccount::new(NUL),
        app_scoped_id: nul(),
        username: NUL.into(),
        display_name: nul(),
        picture: nul(),
        profile_url: nul(),
        kind: nul(),
        metadata: nested().unwrap(),
        scopes: Some(Json(vec![NUL.into()])),
        ..plain.clone()
    };
    let id = store.upsert(&account).await;
    let (owner, state) = (&plain.workspace_id, accounts::State::Dead);
    let mut tx = store.write().await;
    let reason = accounts::Reason { text: NUL, code: "x" };
    let done = accounts::update_unusable(&mut tx, owner, &id, state, reason, at(1)).await;
    assert!(done.unwrap());
    let found = accounts::find_remote(&mut tx, owner, "instagram", &account.remote_id).await;
    let found = found.unwrap().unwrap();
    assert_eq!(found.username, KEPT);
    assert_eq!(found.scopes, Some(Json(vec![KEPT.into()])));
    assert_eq!(Some(found.metadata), kept());
    for text in [
        found.app_scoped_id,
        found.display_name,
        found.picture,
        found.profile_url,
        found.kind,
        found.state_reason,
    ] {
        assert_eq!(text.as_deref(), Some(KEPT));
    }
}

async fn who_people_are(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    let new = Conversation {
        remote_id: RemoteThread::new(NUL),
        participant_name: nul(),
        participant_username: nul(),
        participant_picture: nul(),
        metadata: nested(),
        ..store.new_conversation(&account, "t1")
    };
    let made =
        conversations::insert_or_get(&mut tx, std::slice::from_ref(&new)).await.unwrap().remove(0);
    assert_eq!(made.participant_name.as_deref(), Some(KEPT));
    assert_eq!(made.metadata, kept());
    let busy = Conversation { last_message: nul(), metadata: nested(), ..made };
    conversations::update_activity(&mut tx, &[&busy]).await.unwrap();
    let again =
        conversations::insert_or_get(&mut tx, std::slice::from_ref(&new)).await.unwrap().remove(0);
    assert_eq!(again.last_message.as_deref(), Some(KEPT));
    assert_eq!(again.metadata, kept());
}

async fn what_people_write(store: &Store) {
    let account = store.account().await;
    let conversation = store.conversation(&account, "t1").await;
    let mut tx = store.write().await;
    let message = Message {
        remote_id: None,
        text: nul(),
        sender_id: NUL.into(),
        attachments: Json(vec![Attachment {
            kind: AttachmentKind::Image,
            original: nul(),
            url: nul(),
            payload: json!(NUL),
        }]),
        metadata: nested(),
        ..store.new_outgoing(&conversation, "")
    };
    assert!(messages::insert(&mut tx, &message).await.unwrap());
    let error = nested().unwrap().0;
    let done = messages::update_unsent(&mut tx, &message.id, Status::Unknown, &error).await;
    assert!(done.unwrap());
    let mut found = message_changes::list_unknown(&mut tx, &conversation.id).await.unwrap();
    let found = found.remove(0);
    assert_eq!((found.text.as_deref(), found.sender_id.as_str()), (Some(KEPT), KEPT));
    assert_eq!(found.attachments[0].url.as_deref(), Some(KEPT));
    assert_eq!(found.attachments[0].payload, json!(KEPT));
    assert_eq!((found.metadata, found.error), (kept(), kept()));
    let remote = RemoteMessage::new(NUL);
    assert!(messages::update_sent(&mut tx, &message.id, &remote, at(1)).await.unwrap());
    let found = messages::find_remote(&mut tx, &account.id, &remote).await.unwrap();
    assert_eq!(found.unwrap().id, message.id);
}

async fn what_stands_in_raw_webhooks(store: &Store) {
    let row = Inbound {
        id: store.id(),
        platform: "instagram".into(),
        verified_by: Json(vec![None]),
        body: NUL.into(),
        attempts: 0,
        received_at: at(0),
        traceparent: None,
    };
    let mut tx = store.write().await;
    inbound::insert_all(&mut tx, std::slice::from_ref(&row)).await.unwrap();
    inbound::update_due(&mut tx, &row.id, at(0), Some(NUL)).await.unwrap();
    let taken = inbound::claim(&mut tx, at(0), at(1), 1).await.unwrap();
    assert_eq!(taken[0].body, NUL.as_bytes());
    inbound::update_state(&mut tx, &row.id, State::Unparsed, Some(NUL)).await.unwrap();
}

async fn what_customers_name_things(store: &Store) {
    let owner = store.workspace(NUL).await;
    let profile = Profile {
        description: NUL.into(),
        color: NUL.into(),
        timezone: nul(),
        external_id: nul(),
        ..store.new_profile(&owner, NUL)
    };
    let mut tx = store.write().await;
    assert!(profiles::insert(&mut tx, &profile).await.unwrap());
    assert!(profiles::update(&mut tx, &profile).await.unwrap());
    let filter = profiles::Filter { among: None, name: Some(NUL), external_id: Some(NUL) };
    let found = profiles::list(&mut tx, &owner, &filter, 9, 0).await.unwrap();
    assert_eq!((found[0].name.as_str(), found[0].timezone.as_deref()), (KEPT, Some(KEPT)));

    let key = Key {
        id: store.id(),
        workspace_id: owner.clone(),
        name: NUL.into(),
        hash: "h".into(),
        preview: "sk_1".into(),
        profile_ids: None,
        is_read_only: false,
        disabled_groups: Json(vec![NUL.into()]),
        expires_at: None,
        created_at: at(0),
    };
    keys::insert(&mut tx, &key).await.unwrap();
    let found = keys::find_by_hash(&mut tx, "h").await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.disabled_groups[0].as_str()), (KEPT, KEPT));
}

async fn what_customers_want_to_hear(store: &Store) {
    let owner = store.workspace("acme").await;
    let mut tx = store.write().await;
    let endpoint = Endpoint {
        name: NUL.into(),
        url: NUL.into(),
        events: Json(vec![NUL.into()]),
        disabled_groups: Json(vec![NUL.into()]),
        ..store.new_endpoint(&owner)
    };
    endpoints::insert(&mut tx, &endpoint).await.unwrap();
    endpoints::update(&mut tx, &endpoint).await.unwrap();
    let found = endpoints::list(&mut tx, &owner).await.unwrap();
    assert_eq!((found[0].name.as_str(), found[0].url.as_str()), (KEPT, KEPT));
    assert_eq!((&*found[0].events[0], &*found[0].disabled_groups[0]), (KEPT, KEPT));
}

async fn what_customers_register(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    let app = OauthApp {
        id: store.id(),
        workspace_id: account.workspace_id.clone(),
        platform: "instagram".into(),
        label: NUL.into(),
        client_id: NUL.into(),
        client_secret: store.seal(NUL),
        signing_app_id: nul(),
        signing_secret: None,
        verify_token: store.seal(NUL),
        scope_areas: Some(Json(vec![NUL.into()])),
        checked_at: None,
        check_error: None,
        created_at: at(0),
    };
    assert!(oauth_apps::insert(&mut tx, &app).await.unwrap());
    oauth_apps::update(&mut tx, &app).await.unwrap();
    let found = oauth_apps::find(&mut tx, &app.workspace_id, &app.id).await.unwrap().unwrap();
    assert_eq!((found.label.as_str(), found.client_id.as_str()), (KEPT, KEPT));
    assert_eq!(found.signing_app_id.as_deref(), Some(KEPT));

    let connect = Connect {
        id: store.id(),
        workspace_id: account.workspace_id.clone(),
        profile_id: account.profile_id.clone(),
        platform: "instagram".into(),
        oauth_app_id: None,
        redirect_url: nul(),
        reconnect_account_id: None,
        expected_remote_id: nul(),
        expected_username: nul(),
        expires_at: at(0),
        used_at: None,
    };
    connects::insert(&mut tx, &connect).await.unwrap();
    let found = connects::find(&mut tx, &connect.id).await.unwrap().unwrap();
    assert_eq!(found.redirect_url.as_deref(), Some(KEPT));
    assert_eq!(found.expected_remote_id.as_deref(), Some(KEPT));
    assert_eq!(found.expected_username.as_deref(), Some(KEPT));
}

async fn what_endpoints_answer(store: &Store) {
    let owner = store.workspace("acme").await;
    let endpoint = store.endpoint(&owner).await;
    let event = Event {
        id: store.ids.next_event(),
        workspace_id: owner.clone(),
        kind: "message.received".into(),
        profile_id: None,
        account_id: None,
        message_id: None,
        body: serde_json::to_string(NUL).unwrap(),
        created_at: at(0),
    };
    let attempt = Attempt {
        id: store.id(),
        workspace_id: owner.clone(),
        endpoint_id: endpoint.id.clone(),
        event_id: event.id.clone(),
        is_test: false,
        url: NUL.into(),
        is_success: false,
        status_code: None,
        response_body: nul(),
        error: nul(),
        number: 1,
        response_ms: 1,
        created_at: at(0),
    };
    let mut tx = store.write().await;
    events::insert(&mut tx, &[event.clone().into()]).await.unwrap();
    attempts::insert_all(&mut tx, &[attempt]).await.unwrap();
    let filter = Filter { among: std::slice::from_ref(&endpoint.id), ..Filter::default() };
    let rows = attempts::list(&mut tx, &owner, &filter, 9, 0).await.unwrap();
    assert_eq!((rows[0].url.as_str(), rows[0].error.as_deref()), (KEPT, Some(KEPT)));
    assert_eq!(rows[0].response_body.as_deref(), Some(KEPT));
    assert_eq!(rows[0].body, event.body, "an event's body is kept byte for byte");
}

async fn what_is_looked_for(store: &Store) {
    let account = store.account().await;
    let owner = &account.workspace_id;
    let mut tx = store.write().await;
    let found = conversations::find(&mut tx, owner, &account.id, NUL).await;
    assert!(found.unwrap().is_none());
    let place = conversations::Place { at: at(0), id: NUL.into() };
    let filter = conversations::Filter {
        platform: Some(NUL),
        after: Some(&place),
        ..conversations::Filter::default()
    };
    assert!(conversations::list(&mut tx, owner, &filter, 9).await.unwrap().is_empty());
    let found = messages::list(&mut tx, &store.id(), true, Some(&place), 9).await;
    assert!(found.unwrap().is_empty());
    let filter = accounts::Filter { platform: Some(NUL), ..accounts::Filter::default() };
    assert!(accounts::list(&mut tx, owner, &filter, None, 9).await.unwrap().is_empty());
}

async fn what_is_looked_through(store: &Store) {
    let owner = &store.workspace("acme").await;
    let mut tx = store.write().await;
    let filter = Filter { event_kind: Some(NUL), event: Some(NUL), ..Filter::default() };
    assert_eq!(attempts::count(&mut tx, owner, &filter).await.unwrap(), 0);
    assert!(oauth_apps::list_for_platform(&mut tx, NUL).await.unwrap().is_empty());
    let which = Which { credential: "c", path: NUL, key: NUL };
    assert!(idempotency::insert(&mut tx, which, "h", at(0)).await.unwrap());
    idempotency::update_answer(&mut tx, which, 200, NUL).await.unwrap();
    assert!(idempotency::find(&mut tx, which).await.unwrap().is_some());
}
