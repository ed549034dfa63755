//! What the doctor says of an account's token, its id and what its owner granted.

use std::time::Duration;

use posta::app::token_owner;
use posta_core::id::RemoteAccount;
use posta_core::secret::Secret;
use posta_store::accounts;
use serde_json::json;

use super::{LUMEN, says};
use crate::support::{Stage, query, story};

story! {
    /// A dead token is named with the failing call, the reason, and what helps.
    async fn a_dead_token_is_named_with_its_reason(stage: Stage) {
        stage.connect().await;
        for (reason, subcode, words) in [
            ("password_changed", 460, "password"),
            ("checkpoint", 459, "checkpoint"),
            ("app_removed", 458, "removed the app"),
        ] {
            let body = json!({"account": LUMEN, "reason": reason});
            stage.control("instagram/tokens/revoke", &body).await;
            let token = Stage::found(&stage.diagnosis().await, "token", "error");
            assert_eq!(token["call"]["method"], "GET");
            assert_eq!((&token["call"]["code"], &token["call"]["subcode"]), (&json!(190), &json!(subcode)));
            says(&token["call"], "url", "/v25.0/me");
            says(&token, "cause", words);
            says(&token, "remedy", "onnect");
            Stage::found(&stage.diagnosis().await, "identity", "skipped");
        }
    }
}

story! {
    /// A token that nobody renewed is warned of, and then named.
    async fn a_token_that_is_not_renewed_is_seen_coming(stage: Stage) {
        stage.connect().await;
        stage.proxy.refuse(Some("/refresh_access_token"));
        stage.pass(Duration::from_hours(24 * 55)).await;
        let report = stage.diagnosis().await;
        says(&Stage::found(&report, "renewal", "warning"), "cause", "failed for days");
        assert_eq!(report["severity"], "warning", "{report:#}");
        stage.proxy.refuse(None);
    }
}

story! {
    /// The app-scoped id stored in place of the account's own is the classic silence.
    async fn a_wrong_stored_id_is_named(stage: Stage) {
        stage.connect().await;
        let app = stage.app.clone();
        let right = stage.meddle(|_| {}).await;
        let token = app.token(&right).unwrap();
        let wrong = stage.meddle(|account| {
            account.id = app.ids.next();
            account.remote_id = RemoteAccount::new(account.app_scoped_id.clone().unwrap());
            account.token = Some(app.ring.seal(&token_owner(account), &token));
        }).await;
        // Not through the API, which would end the subscription as well.
        let mut tx = stage.db().write().await.unwrap();
        let gone = accounts::Reason { text: "gone", code: "gone" };
        let (owner, id, now) = (&right.workspace_id, &right.id, stage.clock.now());
        accounts::update_unusable(&mut tx, owner, id, accounts::State::Removed, gone, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        stage.account = wrong.id.to_string();
        stage.writes("mira.demo", "Is anybody there?").await;
        stage.settle().await;
        let report = stage.diagnosis().await;
        let identity = Stage::found(&report, "identity", "error");
        says(&identity, "seen", LUMEN);
        says(&identity, "cause", "`id` of /me");
        let routing = Stage::found(&report, "routing", "error");
        says(&routing, "seen", &format!("about {LUMEN} found no account"));
        says(&routing, "cause", "another id than webhooks carry");
    }
}

story! {
    /// A token of the other stack is known by its look, before anybody puzzles over 190.
    async fn a_token_of_the_other_stack_is_named(stage: Stage) {
        stage.connect().await;
        let app = stage.app.clone();
        stage.meddle(|account| {
            let token = Secret::new("EAAfacebooklogintoken");
            account.token = Some(app.ring.seal(&token_owner(account), &token));
        }).await;
        let host = Stage::found(&stage.diagnosis().await, "host", "error");
        says(&host, "cause", "graph.facebook.com");
    }
}

story! {
    /// Scopes that the owner left out are named by what does not come.
    async fn missing_scopes_are_named(stage: Stage) {
        let end = stage.press("allow", &[("grant", "instagram_business_basic")]).await;
        stage.account = query(&end, "accountId").unwrap();
        let report = stage.diagnosis().await;
        let scopes = Stage::found(&report, "scopes", "error");
        says(&scopes, "seen", "instagram_business_manage_messages");
        says(&scopes, "remedy", "allow every permission");
        says(&Stage::found(&report, "scopes", "warning"), "seen", "instagram_business_manage_comments");
    }
}
