//! A key sees its own workspace, and of that only its profiles. Everything else is not there.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Stage, key_of, story};

const MIRA: &str = "1099900000000101";

/// Every route that names something, with what the first workspace has.
fn routes(stage: &Stage, endpoint: &str, app: &str) -> Vec<(Method, String, Option<Value>)> {
    let (account, profile) = (&stage.account, &stage.profile);
    let conversation = format!("inbox/conversations/{MIRA}");
    let of_account = json!({"accountId": account});
    vec![
        (Method::GET, format!("profiles/{profile}"), None),
        (Method::PUT, format!("profiles/{profile}"), Some(json!({"name": "stolen"}))),
        (Method::GET, format!("accounts/{account}/health"), None),
        (Method::PATCH, format!("accounts/{account}"), Some(json!({"profileId": profile}))),
        (Method::DELETE, format!("accounts/{account}"), None),
        (Method::GET, format!("connect/instagram?profileId={profile}"), None),
        (Method::GET, format!("connect/oauth-apps/{app}"), None),
        (Method::PATCH, format!("connect/oauth-apps/{app}"), Some(json!({"label": "stolen"}))),
        (Method::DELETE, format!("connect/oauth-apps/{app}?confirm=true"), None),
        (Method::GET, format!("inbox/conversations?accountId={account}"), None),
        (Method::GET, format!("{conversation}?accountId={account}"), None),
        (
            Method::PUT,
            conversation.clone(),
            Some(json!({"accountId": account, "status": "archived"})),
        ),
        (Method::DELETE, format!("{conversation}?accountId={account}"), None),
        (Method::POST, format!("{conversation}/read"), Some(of_account)),
        (Method::GET, format!("{conversation}/messages?accountId={account}"), None),
        (
            Method::POST,
            format!("{conversation}/messages"),
            Some(json!({"accountId": account, "message": "hi"})),
        ),
        (
            Method::PUT,
            "webhooks/settings".to_owned(),
            Some(json!({"webhookId": endpoint, "name": "stolen"})),
        ),
        (Method::DELETE, format!("webhooks/settings?webhookId={endpoint}"), None),
        (Method::POST, "webhooks/test".to_owned(), Some(json!({"webhookId": endpoint}))),
        (
            Method::POST,
            "webhooks/settings".to_owned(),
            Some(json!({"name": "spy",
            "url": "https://spy.example", "events": ["message.received"], "profileIds": [profile]})),
        ),
        (
            Method::POST,
            "webhooks/settings".to_owned(),
            Some(json!({"name": "spy",
            "url": "https://spy.example", "events": ["message.received"], "accountIds": [account]})),
        ),
    ]
}

async fn first_world(stage: &mut Stage) -> (String, String) {
    stage.connect().await;
    stage.writes("mira.demo", "Between us").await;
    stage.settle().await;
    let endpoint = stage.get("webhooks/settings").await.expect(200)["webhooks"][0]["_id"].clone();
    let app = json!({"platform": "instagram", "label": "ours", "clientId": "1", "clientSecret": "the-own-secret"});
    let app = stage.post("connect/oauth-apps", &app).await.expect(201)["app"]["id"].clone();
    (endpoint.as_str().unwrap().to_owned(), app.as_str().unwrap().to_owned())
}

async fn sees_nothing(stage: &Stage, key: &str) {
    let auth = format!("Bearer {key}");
    let get = async |path: &str| {
        stage.call(Method::GET, path, None, &[("authorization", &auth)]).await.expect(200)
    };
    assert_eq!(get("accounts").await["accounts"], json!([]));
    assert_eq!(get("accounts/health").await["summary"]["total"], 0);
    assert_eq!(get("inbox/conversations").await["data"], json!([]));
    assert_eq!(get("webhooks/settings").await["webhooks"], json!([]));
    assert_eq!(get("webhooks/logs").await["pagination"]["total"], 0);
    let profiles = get("profiles").await["profiles"].clone();
    assert!(profiles.as_array().unwrap().iter().all(|one| one["_id"] != stage.profile.as_str()));
}

story! {
    /// Another workspace's key finds none of it, on any route.
    async fn another_workspace_sees_nothing(stage: Stage) {
        let (endpoint, app) = first_world(stage).await;
        let (other, _) = key_of(&stage.app, "other").await;
        let auth = format!("Bearer {other}");
        for (method, path, body) in routes(stage, &endpoint, &app) {
            let answer = stage.call(method.clone(), &path, body.as_ref(), &[("authorization", &auth)]).await;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
        }
        sees_nothing(stage, &other).await;
        assert_eq!(stage.messages(MIRA).await.len(), 1, "nothing was changed");
        assert_eq!(stage.proxy.sends(), 0);
    }
}

story! {
    /// A key that is restricted to another profile finds none of it either.
    async fn a_key_of_another_profile_sees_nothing(stage: Stage) {
        let (endpoint, app) = first_world(stage).await;
        let second = stage.post("profiles", &json!({"name": "Second"})).await.expect(201);
        let second = second["profile"]["_id"].as_str().unwrap().to_owned();
        let wanted = json!({"name": "restricted", "scope": "profiles", "profileIds": [second]});
        let made = stage.post("api-keys", &wanted).await.expect(201);
        let key = made["apiKey"]["key"].as_str().unwrap().to_owned();
        stage.keep_secret(&key);
        let auth = format!("Bearer {key}");
        for (method, path, body) in routes(stage, &endpoint, &app) {
            let answer = stage.call(method.clone(), &path, body.as_ref(), &[("authorization", &auth)]).await;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
        }
        sees_nothing(stage, &key).await;
        for (method, path, body) in [
            (Method::GET, "api-keys", None),
            (Method::POST, "api-keys", Some(json!({"name": "more"}))),
            (Method::POST, "profiles", Some(json!({"name": "more"}))),
            (Method::GET, "connect/oauth-apps", None),
        ] {
            let answer = stage.call(method, path, body.as_ref(), &[("authorization", &auth)]).await;
            answer.expect_error(403, "insufficient_permissions");
        }
        // Its own webhook endpoint hears of its own profile only.
        let wanted = json!({"name": "mine", "url": stage.hook.url, "events": ["message.received"], "secret": "mine"});
        let made = stage
            .call(Method::POST, "webhooks/settings", Some(&wanted), &[("authorization", &auth)])
            .await
            .expect(200);
        assert_eq!(made["webhook"]["profileIds"], json!([second]));
        stage.hook.forget();
        stage.writes("mira.demo", "Still between us").await;
        stage.settle().await;
        assert_eq!(stage.hook.events("message.received").len(), 1, "the first endpoint's");
    }
}

story! {
    /// A key can be read-only, lose groups, expire and be revoked.
    async fn keys_are_limited_and_revoked(stage: Stage) {
        stage.connect().await;
        let make = async |more: Value| {
            let mut body = json!({"name": "limited"});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let made = stage.post("api-keys", &body).await.expect(201)["apiKey"].clone();
            let text = made["key"].as_str().unwrap().to_owned();
            (made["id"].as_str().unwrap().to_owned(), format!("Bearer {text}"))
        };
        let (_, reader) = make(json!({"permission": "read"})).await;
        let (_, mute) = make(json!({"disabledResourceGroups": ["messages"]})).await;
        let (id, brief) = make(json!({"expiresIn": 1})).await;
        for key in [&reader, &mute, &brief] {
            stage.keep_secret(key.trim_start_matches("Bearer "));
        }
        let call = async |method, path: &str, body: Option<&Value>, key: &str| {
            stage.call(method, path, body, &[("authorization", key)]).await
        };
        call(Method::GET, "accounts", None, &reader).await.expect(200);
        let body = json!({"name": "x"});
        call(Method::POST, "profiles", Some(&body), &reader).await.expect_error(403, "insufficient_permissions");
        let error = call(Method::GET, "inbox/conversations", None, &mute).await;
        let error = error.expect_error(403, "insufficient_permissions");
        assert_eq!(error["details"]["required_group"], "messages");
        call(Method::GET, "accounts", None, &mute).await.expect(200);
        assert!(mute.starts_with("Bearer zrk_") && reader.starts_with("Bearer sk_"));

        let verified = call(Method::GET, "auth/verify", None, &brief).await.expect(200);
        assert_eq!((&verified["valid"], &verified["authType"]), (&json!(true), &json!("api_key")));
        stage.pass(std::time::Duration::from_secs(86_401)).await;
        call(Method::GET, "auth/verify", None, &brief).await.expect_error(401, "invalid_credentials");
        let list = stage.get("api-keys").await.expect(200);
        assert!(list["apiKeys"].as_array().unwrap().iter().all(|key| key.get("key").is_none()));
        stage.call(Method::DELETE, &format!("api-keys/{id}"), None, &[]).await.expect(200);
        stage.call(Method::DELETE, &format!("api-keys/{id}"), None, &[]).await.expect_error(404, "resource_not_found");
        let wrong = [("authorization", "Basic abc")];
        stage.call(Method::GET, "accounts", None, &wrong).await.expect_error(401, "invalid_credentials");
    }
}
