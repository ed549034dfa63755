//! What integrators get wrong when accounts are connected and kept: ids, tokens, subscriptions.

use std::collections::BTreeSet;
use std::time::Duration;

use posta_store::accounts;
use posta_store::inbound::State;
use serde_json::json;

use super::{DAY, LUMEN, MIRA};
use crate::support::{CLIENT_ID, Fault, Stage, query, story};

story! {
    /// `/me` has two ids. The one that webhooks carry is stored, the app's own beside it.
    async fn pitfall_01_wrong_id_stored(stage: Stage) {
        stage.connect().await;
        let account = stage.account_row().await;
        assert_eq!(account.remote_id.as_str(), LUMEN);
        assert_eq!(account.app_scoped_id.as_deref(), Some("27999000000000001"));
        stage.writes("mira.demo", "Do you know me?").await;
        stage.settle().await;
        assert_eq!(stage.texts_told("message.received"), ["Do you know me?"]);
        assert_eq!(stage.count_inbound(State::Unrouted).await, 0);
    }
}

story! {
    /// The page prints the granted permissions as a text, the live answer has a list.
    async fn pitfall_03_permissions_are_a_list_or_a_text(stage: Stage) {
        for shape in ["live", "documented"] {
            stage.control("instagram/options", &json!({"exchange_shape": shape})).await;
            let ticks = [("grant", "instagram_business_basic"), ("grant", "instagram_business_manage_messages")];
            let end = stage.press("allow", &ticks).await;
            stage.account = query(&end, "accountId").unwrap_or_else(|| panic!("{shape}: {end}"));
            let scopes = stage.account_row().await.scopes.unwrap().0;
            let scopes: BTreeSet<_> = scopes.iter().map(String::as_str).collect();
            let expected = ["instagram_business_basic", "instagram_business_manage_messages"];
            assert_eq!(scopes, BTreeSet::from(expected), "{shape}");
        }
    }
}

story! {
    /// The exchange answers flat or inside `data[]`, and so does `/me`.
    async fn pitfall_04_both_shapes_of_the_exchange(stage: Stage) {
        for exchange in ["live", "documented"] {
            for me in ["flat", "data"] {
                let shapes = json!({"exchange_shape": exchange, "me_shape": me});
                stage.control("instagram/options", &shapes).await;
                let end = stage.press("allow", &[]).await;
                stage.account =
                    query(&end, "accountId").unwrap_or_else(|| panic!("{exchange} {me}: {end}"));
                assert_eq!(stage.account_row().await.remote_id.as_str(), LUMEN, "{exchange} {me}");
            }
        }
    }
}

story! {
    /// Not in the token's first day, when it is refused, and before its last, when it is too late.
    async fn pitfall_15_refreshing_too_early_or_too_late(stage: Stage) {
        stage.connect().await;
        let tokens = async || {
            let list = stage.look("instagram/tokens").await;
            let all = list["tokens"].as_array().unwrap().clone();
            all.iter().filter(|one| one["long_lived"] == true).count()
        };
        let first = tokens().await;
        stage.pass(DAY - Duration::from_secs(1)).await;
        assert_eq!(tokens().await, first, "too young to be renewed");
        for _ in 0..130 {
            stage.pass(DAY).await;
        }
        let renewed = tokens().await - first;
        assert!((2..=3).contains(&renewed), "renewed {renewed} times in 131 days");
        stage.writes("mira.demo", "Four months later").await;
        stage.settle().await;
        stage.send(MIRA, "Still here", &[]).await.expect(200);
    }
}

story! {
    /// `#_` is no part of the code, and the redirect URI is the same to the character both times.
    async fn pitfall_16_code_with_a_tail_and_the_redirect_uri(stage: Stage) {
        for tail in ["", "#_", "%23_"] {
            let back = stage.consent("allow", &[]).await;
            let mut bare = back.clone();
            bare.set_fragment(None);
            let pairs: Vec<_> = bare.query_pairs().into_owned().collect();
            let mut url = bare.clone();
            url.set_query(None);
            let query: Vec<_> = pairs.iter().map(|(key, value)| {
                let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
                if key == "code" { format!("code={value}{}", tail.replace('#', "%23")) } else { format!("{key}={value}") }
            }).collect();
            url.set_query(Some(&query.join("&")));
            let end = stage.follow(url).await;
            assert!(query_of(&end, "accountId"), "{tail}: {end}");
        }
        // A slash more makes another URI: nobody gets as far as a code.
        let slash = stage.posta.join("connect/instagram/callback/").unwrap();
        let uris = json!({"client_id": CLIENT_ID, "redirect_uris": [slash]});
        stage.control("instagram/apps", &uris).await;
        let path = format!("connect/instagram?profileId={}", stage.profile);
        let started = stage.get(&path).await.expect(200);
        let page = stage.plain(|http, _| http.get(started["authUrl"].as_str().unwrap()), "").await;
        assert_eq!(page.status, 400, "{}", page.text);
    }
}

fn query_of(url: &url::Url, name: &str) -> bool {
    query(url, name).is_some()
}

story! {
    /// Nearly every error says `OAuthException`; only 190, 102 and 25 end a grant.
    async fn pitfall_19_oauth_exception_read_as_a_dead_token(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        for answer in [
            r#"{"error":{"message":"outside","type":"OAuthException","code":10,"error_subcode":2534022}}"#,
            r#"{"error":{"message":"no consent","type":"OAuthException","code":230}}"#,
            r#"{"error":{"message":"nobody","type":"OAuthException","code":100,"error_subcode":2534014}}"#,
        ] {
            stage.proxy.will(&[Fault::Answer(401, answer)]);
            assert!(stage.send(MIRA, "Hello?", &[]).await.status >= 400);
            assert_eq!(stage.account_row().await.state, accounts::State::Connected, "{answer}");
        }
        stage.send(MIRA, "Still connected", &[]).await.expect(200);
        let dead = r#"{"error":{"message":"x","type":"IGApiException","code":190}}"#;
        stage.proxy.will(&[Fault::Answer(400, dead)]);
        stage.send(MIRA, "Not any more", &[]).await.expect_error(401, "reconnect_required");
        assert_eq!(stage.account_row().await.state, accounts::State::Dead);
    }
}

story! {
    /// The account is subscribed when it is connected; that its owner shuts it is found by the doctor.
    async fn pitfall_21_subscribing_the_app_but_not_the_account(stage: Stage) {
        stage.connect().await;
        let list = stage.look("instagram/tokens").await;
        let fields = list["grants"][0]["subscribed_fields"].as_array().unwrap();
        for field in ["messages", "messaging_postbacks", "message_reactions", "comments"] {
            assert!(fields.contains(&json!(field)), "{field} is not in {fields:?}");
        }
        let off = json!({"username": "lumen.cafe.demo", "message_access": false});
        stage.control("instagram/accounts", &off).await;
        let path = "instagram/people/mira.demo/write";
        let done = stage.control(path, &json!({"text": "Silence"})).await;
        assert_eq!(done["told"], 0);
        let report = stage.get(&format!("accounts/{}/doctor", stage.account)).await.expect(200);
        let findings = report["findings"].as_array().unwrap();
        let found = findings.iter().find(|one| one["check"] == "message_access").unwrap();
        assert_eq!(found["severity"], "error", "{report:#}");
        assert!(found["cause"].as_str().unwrap().contains("Allow access to messages"));
    }
}
