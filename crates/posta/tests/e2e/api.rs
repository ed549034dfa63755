//! The manners of the API: envelope, headers, pages, spellings.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::{Stage, story};

story! {
    /// Every failure is the same kind of JSON, with a request id and rate limit headers.
    async fn every_failure_has_the_envelope(stage: Stage) {
        let none = stage.plain(reqwest::Client::get, "v1/accounts").await;
        assert!(none.headers.contains_key("x-request-id"));
        none.expect_error(401, "missing_credentials");
        let get = |path: &'static str| stage.plain(reqwest::Client::get, path);
        get("nowhere").await.expect_error(404, "route_not_found");
        get("v1/nowhere").await.expect_error(404, "route_not_found");
        let wrong = stage.call(Method::PATCH, "profiles", None, &[]).await;
        assert!(wrong.headers["allow"].contains("GET"));
        wrong.expect_error(405, "method_not_allowed");

        let raw = async |body: String, kind: &str| {
            let (key, kind) = (stage.key.clone(), kind.to_owned());
            stage
                .plain(
                    move |http, url| {
                        http.post(url).bearer_auth(key).header("content-type", kind).body(body)
                    },
                    "v1/profiles",
                )
                .await
        };
        raw("{".to_owned(), "application/json").await.expect_error(400, "invalid_content");
        raw("{}".to_owned(), "text/plain").await.expect_error(415, "unsupported_media_type");
        let missing = raw("{}".to_owned(), "application/json").await;
        let missing = missing.expect_error(400, "missing_required_field");
        assert_eq!(missing["param"], "name");
        let typed = raw(r#"{"name": 5}"#.to_owned(), "application/json; charset=utf-8").await;
        assert_eq!(typed.expect_error(400, "invalid_field_value")["param"], "name");
        let huge = format!("{{\"name\": \"{}\"}}", "x".repeat(2 << 20));
        let refused = raw(huge, "application/json").await;
        assert_eq!(refused.headers["connection"], "close", "its body is not read to the end");
        refused.expect_error(413, "body_too_large");

        let answer = stage.call(Method::GET, "accounts", None, &[("x-request-id", "my-id-1")]).await;
        assert_eq!(answer.headers["x-request-id"], "my-id-1");
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_eq!(answer.headers["x-ratelimit-limit"], "6000");
        let odd = stage.call(Method::GET, "accounts", None, &[("x-request-id", "a b;c")]).await;
        assert_ne!(odd.headers["x-request-id"], "a b;c");
        let error = stage.get("accounts/xyz/health").await.expect_error(400, "invalid_field_value");
        assert_eq!(error["type"], "invalid_request_error");
        let url = error["docUrl"].as_str().unwrap();
        assert_eq!(url, format!("{}docs/errors#invalid_field_value", stage.posta));
    }
}

story! {
    /// Both roots, a slash at the end, and encoded ids work.
    async fn paths_are_taken_in_every_spelling(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        let key = stage.key.clone();
        for path in ["v1/accounts", "api/v1/accounts", "api/v1/accounts/", "v1/accounts/?platform=instagram"] {
            let key = key.clone();
            let answer = stage.plain(|http, url| http.get(url).bearer_auth(key), path).await;
            assert_eq!(answer.expect(200)["accounts"].as_array().unwrap().len(), 1, "{path}");
        }
        let path = format!("inbox/conversations/conv%2F1%202?accountId={}", stage.account);
        stage.get(&path).await.expect_error(404, "conversation_not_found");
        // Both ids of a conversation lead to it.
        let theirs = format!("inbox/conversations/1099900000000101?accountId={}", stage.account);
        let one = stage.get(&theirs).await.expect(200);
        assert_eq!(one["data"]["participants"][0]["id"], "1099900000000101");
        let event = stage.hook.events("message.received").remove(0);
        let ours = event["conversation"]["id"].as_str().unwrap();
        let two = stage.get(&format!("inbox/conversations/{ours}?accountId={}", stage.account)).await;
        assert_eq!(two.expect(200), one);
    }
}

story! {
    /// Lists go on by cursor, both ways, without holes or repeats.
    async fn lists_are_paged(stage: Stage) {
        stage.connect().await;
        for (index, person) in ["mira.demo", "theo.demo", "noor.demo"].into_iter().enumerate() {
            for number in 0..=index {
                stage.writes(person, &format!("{person} says {number}")).await;
                stage.pass(Duration::from_secs(1)).await;
            }
        }
        for order in ["desc", "asc"] {
            let (mut cursor, mut ids) = (String::new(), Vec::new());
            loop {
                let path = format!("inbox/conversations?limit=1&sortOrder={order}&cursor={cursor}");
                let page = stage.get(&path).await.expect(200);
                ids.extend(page["data"].as_array().unwrap().iter().map(|one| one["id"].clone()));
                let next = page["pagination"]["nextCursor"].as_str();
                assert_eq!(next.is_some(), page["pagination"]["hasMore"] == true);
                let Some(next) = next else { break };
                next.clone_into(&mut cursor);
            }
            let mut expected = ["1099900000000101", "1099900000000102", "1099900000000103"];
            if order == "desc" {
                expected.reverse();
            }
            assert_eq!(ids, expected);
        }
        let noor = format!("inbox/conversations/1099900000000103/messages?accountId={}", stage.account);
        let page = stage.get(&format!("{noor}&limit=2&sortOrder=desc")).await.expect(200);
        assert_eq!(page["sortOrderApplied"], "desc");
        assert_eq!(page["messages"][0]["message"], "noor.demo says 2");
        let cursor = page["pagination"]["nextCursor"].as_str().unwrap();
        let rest = stage.get(&format!("{noor}&limit=2&sortOrder=desc&cursor={cursor}")).await.expect(200);
        assert_eq!(rest["messages"].as_array().unwrap().len(), 1);
        for bad in ["cursor=x", "limit=0", "limit=many"] {
            stage.get(&format!("inbox/conversations?{bad}")).await.expect_error(400, "invalid_field_value");
        }
    }
}

story! {
    /// A conversation is put away, comes back with a message, and is deleted here only.
    async fn conversations_are_put_away_and_deleted(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        let path = "inbox/conversations/1099900000000101";
        let away = json!({"accountId": stage.account, "status": "archived"});
        let put = stage.call(Method::PUT, path, Some(&away), &[]).await.expect(200);
        assert_eq!(put["data"]["status"], "archived");
        let list = stage.get("inbox/conversations?status=active").await.expect(200);
        assert_eq!(list["data"], json!([]));
        stage.writes("mira.demo", "Hello again").await;
        stage.settle().await;
        let list = stage.get("inbox/conversations?status=active").await.expect(200);
        assert_eq!(list["data"][0]["lastMessage"], "Hello again");
        let query = format!("{path}?accountId={}", stage.account);
        let gone = stage.call(Method::DELETE, &query, None, &[]).await.expect(200);
        assert_eq!(gone["data"]["deletedMessages"], 2);
        stage.get(&query).await.expect_error(404, "conversation_not_found");
        assert_eq!(stage.thread("mira.demo").await.len(), 2, "the platform's stays");
    }
}

story! {
    /// Profiles as section 2 of the unified API has them.
    async fn profiles_are_managed(stage: Stage) {
        let key = [("idempotency-key", "p-1")];
        let new = json!({"name": "Acme", "externalId": "acme-1", "timezone": "Europe/Madrid"});
        let made = stage.call(Method::POST, "profiles", Some(&new), &key).await.expect(201);
        let again = stage.call(Method::POST, "profiles", Some(&new), &key).await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.expect(201), made);
        let id = made["profile"]["_id"].as_str().unwrap();
        stage.post("profiles", &new).await.expect_error(409, "profile_name_conflict");
        let same = json!({"name": "Other", "externalId": "acme-1"});
        let error = stage.post("profiles", &same).await.expect_error(409, "profile_external_id_conflict");
        assert_eq!(error["details"]["existingProfileId"], id);
        let found = stage.get("profiles?externalId=acme-1").await.expect(200);
        assert_eq!((&found["total"], &found["profiles"][0]["name"]), (&json!(1), &json!("Acme")));
        let change = json!({"externalId": null, "isDefault": true, "description": "The first"});
        let path = format!("profiles/{id}");
        let changed = stage.call(Method::PUT, &path, Some(&change), &[]).await.expect(200);
        assert_eq!(changed["profile"]["externalId"], json!(null));
        assert_eq!(changed["profile"]["timezone"], "Europe/Madrid");
        let list = stage.get("profiles").await.expect(200);
        let defaults = list["profiles"].as_array().unwrap().iter().filter(|one| one["isDefault"] == true);
        assert_eq!(defaults.count(), 1);
        stage.call(Method::DELETE, &path, None, &[]).await.expect(200);
        stage.connect().await;
        let path = format!("profiles/{}", stage.profile);
        stage.call(Method::DELETE, &path, None, &[]).await.expect_error(400, "profile_not_empty");
    }
}

story! {
    /// Too many requests of a workspace are refused until the window has slid on.
    async fn too_many_requests_are_refused(stage: Stage) {
        let first = stage.get("auth/verify").await;
        let limit: u32 = first.headers["x-ratelimit-limit"].parse().unwrap();
        let owner: posta_core::id::WorkspaceId =
            serde_json::from_value(first.body["userId"].clone()).unwrap();
        for _ in 0..limit {
            stage.app.limiter.count(&owner, stage.clock.now());
        }
        let refused = stage.get("auth/verify").await;
        assert_eq!(refused.headers["x-ratelimit-remaining"], "0");
        assert!(refused.headers["retry-after"].parse::<u32>().unwrap() > 0);
        assert_eq!(refused.expect_error(429, "rate_limited")["type"], "rate_limit_error");
        stage.pass(Duration::from_secs(120)).await;
        stage.get("auth/verify").await.expect(200);
    }
}

story! {
    /// Probes and pages need no key.
    async fn probes_and_pages_are_open(stage: Stage) {
        let get = |path: &'static str| stage.plain(reqwest::Client::get, path);
        assert_eq!(get("healthz").await.expect(200)["status"], "ok");
        assert_eq!(get("readyz").await.expect(200)["status"], "ok");
        let description = get("openapi.json").await.expect(200);
        assert_eq!(description["openapi"], "3.1.0");
        let send = &description["paths"]["/v1/inbox/conversations/{conversationId}/messages"]["post"];
        assert_eq!(send["operationId"], "send_inbox_message");
        for path in ["docs", "docs/errors"] {
            let page = get(path).await;
            assert_eq!(page.status, 200);
            assert!(!page.text.contains("<script") && !page.text.contains("//cdn"), "nothing from elsewhere");
        }
    }
}
