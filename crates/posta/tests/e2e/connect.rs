//! Connecting an account: what the browser brings back, and where it ends.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use url::Url;

use crate::support::{Stage, query, story};

/// The error slug and its stage with which the browser ended.
fn slug(end: &Url) -> (String, String) {
    assert_eq!(query(end, "tab").as_deref(), Some("2"), "the customer's query is kept: {end}");
    assert_eq!(query(end, "platform").as_deref(), Some("instagram"));
    assert!(query(end, "request_id").is_some() && query(end, "error_message").is_some());
    (query(end, "error").unwrap(), query(end, "stage").unwrap())
}

story! {
    /// Allow: the account is connected, its token sealed, its events subscribed.
    async fn an_account_is_connected(stage: Stage) {
        stage.listen_to(&["account.connected"]).await;
        let started = stage.get(&format!("connect/instagram?profileId={}", stage.profile)).await;
        let started = started.expect(200);
        let auth_url: Url = started["authUrl"].as_str().unwrap().parse().unwrap();
        assert_eq!(query(&auth_url, "scope").unwrap(), "instagram_business_basic,\
            instagram_business_content_publish,instagram_business_manage_comments,\
            instagram_business_manage_messages");
        assert_eq!(query(&auth_url, "state").as_deref(), started["state"].as_str());

        let end = stage.press("allow", &[]).await;
        assert_eq!(end.host_str(), Some("shop.example"));
        assert_eq!(query(&end, "tab").as_deref(), Some("2"), "the customer's query is kept");
        assert_eq!(query(&end, "connected").as_deref(), Some("instagram"));
        assert_eq!(query(&end, "username").as_deref(), Some("lumen.cafe.demo"));
        assert_eq!(query(&end, "profileId"), Some(stage.profile.clone()));
        let id = query(&end, "accountId").unwrap();
        stage.settle().await;
        assert_eq!(stage.hook.events("account.connected")[0]["account"]["accountId"], id.as_str());

        let list = stage.get("accounts?platform=instagram&includeOverLimit=false").await.expect(200);
        assert_eq!(list["hasAnalyticsAccess"], false);
        let account = &list["accounts"][0];
        assert_eq!(account["_id"], id.as_str());
        assert_eq!(account["profileId"]["_id"], stage.profile.as_str(), "the profile is embedded");
        assert_eq!(account["platformUserId"], "27999000000000001", "the app-scoped id");
        assert_eq!(account["metadata"]["instagramScopedId"], "17841499900000001");
        assert_eq!((&account["isActive"], &account["needsReconnection"]), (&json!(true), &json!(false)));
        let health = stage.get(&format!("accounts/{id}/health")).await.expect(200);
        assert_eq!(health["status"], "healthy");
        assert_eq!(health["tokenStatus"]["valid"], true);
        assert_eq!(health["permissions"]["canPost"], true);
        let all = stage.get("accounts/health").await.expect(200);
        assert_eq!(all["summary"], json!(
            {"total": 1, "healthy": 1, "warning": 0, "error": 0, "needsReconnect": 0}));
    }
}

story! {
    /// Deny, and everything else that a browser can bring back.
    async fn a_connection_that_fails_says_why(stage: Stage) {
        let end = stage.press("deny", &[]).await;
        assert_eq!(slug(&end), ("oauth_denied".to_owned(), "authorize".to_owned()));
        assert_eq!(query(&end, "error_reason").as_deref(), Some("user_denied"));

        let back = stage.consent("allow", &[]).await;
        let personal = json!({"username": "lumen.cafe.demo", "kind": "personal"});
        stage.control("instagram/accounts", &personal).await;
        assert_eq!(slug(&stage.follow(back).await).0, "personal_account_not_supported");
        let business = json!({"username": "lumen.cafe.demo", "kind": "business"});
        stage.control("instagram/accounts", &business).await;

        let mut back = stage.consent("allow", &[]).await;
        let state = query(&back, "state").unwrap();
        back.set_query(Some(&format!("state={state}")));
        assert_eq!(slug(&stage.follow(back).await).0, "invalid_callback");

        let mut back = stage.consent("allow", &[]).await;
        let state = query(&back, "state").unwrap();
        back.set_query(Some(&format!("state={state}&code=made-up")));
        assert_eq!(slug(&stage.follow(back).await).0, "token_exchange_failed");

        let back = stage.consent("allow", &[]).await;
        stage.clock.advance(Duration::from_secs(15 * 60));
        assert_eq!(slug(&stage.follow(back).await).0, "invalid_state", "after 15 minutes");
        assert!(stage.get("accounts").await.expect(200)["accounts"].as_array().unwrap().is_empty());
    }
}

story! {
    /// A state works once, and an altered one not at all.
    async fn a_state_works_once_and_only_unaltered(stage: Stage) {
        let back = stage.consent("allow", &[]).await;
        assert!(query(&stage.follow(back.clone()).await, "accountId").is_some());
        assert_eq!(slug(&stage.follow(back).await).0, "code_already_redeemed");

        let back = stage.consent("allow", &[]).await;
        let state = query(&back, "state").unwrap();
        let (id, signature) = state.split_once('.').unwrap();
        let flipped = if signature.starts_with('0') { "1" } else { "0" };
        for forged in [format!("{id}.{flipped}{}", &signature[1..]), id.to_owned(), String::new()] {
            let path = format!("connect/instagram/callback?code=x&state={forged}");
            let page = stage.plain(reqwest::Client::get, &path).await;
            assert_eq!(page.status, 400);
            assert!(page.headers["content-type"].starts_with("text/html"), "a plain page");
            assert!(!page.headers.contains_key("location"), "no redirect to anywhere");
        }
    }
}

story! {
    /// Without a redirect URL a person sees a plain page.
    async fn without_a_redirect_url_a_page_is_shown(stage: Stage) {
        let path = format!("connect/instagram?profileId={}", stage.profile);
        let started = stage.get(&path).await.expect(200);
        let auth_url: Url = started["authUrl"].as_str().unwrap().parse().unwrap();
        let back = stage.press_at(&auth_url, "allow", &[]).await;
        stage.keep_secret(&query(&back, "code").unwrap());
        let tail = back.as_str().strip_prefix(stage.posta.as_str()).unwrap();
        let page = stage.plain(reqwest::Client::get, tail).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("lumen.cafe.demo is connected"), "{}", page.text);
    }
}

story! {
    /// The customer's own page can receive the code and hand it over.
    async fn a_connection_is_ended_by_code(stage: Stage) {
        let back = stage.consent("allow", &[]).await;
        let (code, state) = (query(&back, "code").unwrap(), query(&back, "state").unwrap());
        stage.keep_secret(&code);
        let body = json!({"code": code, "state": state, "profileId": stage.profile});
        let done = stage.post("connect/instagram", &body).await.expect(200);
        assert_eq!(done["account"]["username"], "lumen.cafe.demo");
        let again = stage.post("connect/instagram", &body).await;
        again.expect_error(400, "code_already_redeemed");

        let (other, other_profile) = crate::support::key_of(&stage.app, "other").await;
        let back = stage.consent("allow", &[]).await;
        let body = json!({"code": "x", "state": query(&back, "state").unwrap(),
            "profileId": other_profile});
        let auth = format!("Bearer {other}");
        let stolen = stage
            .call(Method::POST, "connect/instagram", Some(&body), &[("authorization", &auth)])
            .await;
        stolen.expect_error(400, "invalid_state");
    }
}

story! {
    /// What is wrong with a request to connect is named.
    async fn a_wrong_request_to_connect_is_refused(stage: Stage) {
        let profile = stage.profile.clone();
        let ask = async |query: &str| stage.get(&format!("connect/{query}")).await;
        let error = ask(&format!("instagram?profileId={profile}&redirect_url=done")).await;
        error.expect_error(400, "INVALID_REDIRECT_URL");
        let error = ask(&format!("instagram?profileId={profile}&redirect_url=javascript:alert(1)")).await;
        error.expect_error(400, "INVALID_REDIRECT_URL");
        ask(&format!("myspace?profileId={profile}")).await.expect_error(400, "platform_not_supported");
        let error = ask("instagram").await.expect_error(400, "missing_required_field");
        assert_eq!(error["param"], "profileId");
        ask("instagram?profileId=123").await.expect_error(400, "invalid_field_value");
        ask("instagram?profileId=0123456789abcdef01234567").await.expect_error(404, "profile_not_found");
        let error = ask(&format!("instagram?profileId={profile}&scopes=messaging,flying")).await;
        error.expect_error(400, "invalid_field_value");
        let narrow = ask(&format!("instagram?profileId={profile}&scopes=messaging")).await.expect(200);
        let url: Url = narrow["authUrl"].as_str().unwrap().parse().unwrap();
        assert_eq!(query(&url, "scope").unwrap(),
            "instagram_business_basic,instagram_business_manage_messages");
        // A Python SDK sends every default, and its own spelling.
        let python = format!(
            "instagram?profileId={profile}&forceReauth=false&redirectUrl=https%3A%2F%2Fa.b%2Fc%3Fd%3De\
             &headless=false&loginMethod=instagram_login&handoff=false"
        );
        ask(&python).await.expect(200);
    }
}

story! {
    /// An account that must be the one, is.
    async fn another_account_than_the_expected_one_is_refused(stage: Stage) {
        stage.connect().await;
        let path = |more: &str| {
            format!("connect/instagram?profileId={}&redirect_url=https://shop.example/?tab=2&{more}", stage.profile)
        };
        let cases = [
            (path(&format!("reconnectAccountId={}", stage.account)), "reconnect_account_mismatch"),
            (path("expectedUsername=lumen.cafe.demo"), "account_mismatch"),
            (path("expectedPlatformUserId=17841499900000001"), "account_mismatch"),
        ];
        for (path, expected) in cases {
            let started = stage.get(&path).await.expect(200);
            let auth_url: Url = started["authUrl"].as_str().unwrap().parse().unwrap();
            let back = stage.press_at(&auth_url, "allow", &[("account", "lumen.shop.demo")]).await;
            let end = stage.follow(back).await;
            assert_eq!(query(&end, "error").as_deref(), Some(expected), "{end}");
        }
        let list = stage.get("accounts").await.expect(200);
        assert_eq!(list["accounts"].as_array().unwrap().len(), 1);
    }
}

story! {
    /// A customer's own app connects accounts and hears of their messages.
    async fn a_customers_own_app_connects(stage: Stage) {
        let hook = stage.posta.join("webhooks/instagram").unwrap();
        let new = json!({
            "platform": "instagram", "label": "our app", "clientId": "555000000000001",
            "clientSecret": "own-app-secret-not-to-be-logged",
        });
        stage.keep_secret("own-app-secret-not-to-be-logged");
        let own = stage.post("connect/oauth-apps", &new).await.expect(201);
        let token = own["app"]["webhook"]["verifyToken"].as_str().unwrap().to_owned();
        stage.keep_secret(&token);
        assert_eq!(own["app"]["webhook"]["callbackUrl"], hook.as_str());
        assert_eq!(own["app"]["accountCount"], 0);
        stage.post("connect/oauth-apps", &new).await.expect_error(409, "OAUTH_APP_ALREADY_EXISTS");
        let app = json!({
            "client_id": "555000000000001", "client_secret": "own-app-secret-not-to-be-logged",
            "redirect_uris": [own["app"]["redirectUri"]],
            "webhook": {"callback_url": hook, "verify_token": token},
        });
        stage.control("instagram/apps", &app).await;
        stage.listen_to(&["message.received"]).await;
        let id = own["app"]["id"].as_str().unwrap();
        let path = format!("connect/instagram?profileId={}&oauthAppId={id}&redirect_url=https://shop.example/?tab=2", stage.profile);
        let started = stage.get(&path).await.expect(200);
        let auth_url: Url = started["authUrl"].as_str().unwrap().parse().unwrap();
        assert_eq!(query(&auth_url, "client_id").as_deref(), Some("555000000000001"));
        let back = stage.press_at(&auth_url, "allow", &[]).await;
        let end = stage.follow(back).await;
        stage.account = query(&end, "accountId").unwrap_or_else(|| panic!("{end}"));
        stage.writes("mira.demo", "Hello, own app").await;
        stage.settle().await;
        assert_eq!(stage.hook.events("message.received")[0]["message"]["text"], "Hello, own app");
        stage.send("1099900000000101", "Hello back", &[]).await.expect(200);

        let path = format!("connect/oauth-apps/{id}");
        stage.call(Method::DELETE, &path, None, &[]).await.expect_error(409, "OAUTH_APP_IN_USE");
        let gone = stage.call(Method::DELETE, &format!("{path}?confirm=true"), None, &[]).await;
        assert_eq!(gone.expect(200)["disconnectedAccounts"], 1);
        stage.get(&path).await.expect_error(404, "resource_not_found");
    }
}

story! {
    /// A disconnected account is gone from lists; connected again, it has its history.
    async fn a_disconnected_account_comes_back_with_its_history(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Remember me").await;
        stage.settle().await;
        stage.hook.forget();
        let path = format!("accounts/{}", stage.account);
        stage.call(Method::DELETE, &path, None, &[]).await.expect(200);
        stage.settle().await;
        let event = stage.hook.events("account.disconnected").remove(0);
        assert_eq!(event["disconnectionType"], "intentional");
        assert!(stage.get("accounts").await.expect(200)["accounts"].as_array().unwrap().is_empty());
        stage.call(Method::DELETE, &path, None, &[]).await.expect_error(404, "account_not_found");
        stage.send("1099900000000101", "x", &[]).await.expect_error(404, "account_not_found");

        let before = stage.account.clone();
        let end = stage.press("allow", &[]).await;
        assert_eq!(query(&end, "accountId"), Some(before));
        assert_eq!(stage.messages("1099900000000101").await[0]["message"], "Remember me");
    }
}
