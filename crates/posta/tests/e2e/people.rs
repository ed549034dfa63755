//! Who the people are that write: read after the message is there, and no harm if it cannot be.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Stage, story};

const MIRA: &str = "1099900000000101";

async fn conversation(stage: &Stage) -> Value {
    let path = format!("inbox/conversations/{MIRA}?accountId={}", stage.account);
    stage.get(&path).await.expect(200)["data"].clone()
}

async fn follow(stage: &Stage, person: &str, more: &str) -> Value {
    let path = format!("accounts/{}/follow-status/{person}{more}", stage.account);
    stage.get(&path).await.expect(200)
}

story! {
    /// The event goes out at once; the profile comes a moment later and is in the next one.
    async fn a_profile_is_read_after_the_message_is_stored(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Are you open?").await;
        stage.settle().await;
        let first = stage.hook.events("message.received").remove(0);
        assert_eq!(first["message"]["sender"], json!({"id": MIRA}));
        let known = conversation(stage).await;
        assert_eq!(known["participantName"], "Mira");
        assert_eq!(known["participantUsername"], "mira.demo");
        assert_eq!(known["participants"][0]["name"], "Mira");
        let profile = json!({
            "isFollower": true, "isFollowing": false, "followerCount": 120, "isVerified": false,
            "fetchedAt": "2026-01-01T12:00:00.000Z",
        });
        assert_eq!(known["instagramProfile"], profile);
        let list = stage.get("inbox/conversations").await.expect(200);
        assert_eq!(list["data"][0]["instagramProfile"], profile);

        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        let second = stage.hook.events("message.received").remove(1);
        assert_eq!(second["message"]["sender"]["username"], "mira.demo");
        let mut told = profile;
        told.as_object_mut().unwrap().remove("fetchedAt");
        assert_eq!(second["message"]["sender"]["instagramProfile"], told);
        assert_eq!(second["conversation"]["participantName"], "Mira");
    }
}

story! {
    /// The platform is out of order: the message is there, the profile follows when it can.
    async fn a_profile_that_cannot_be_read_harms_nothing(stage: Stage) {
        stage.connect().await;
        stage.proxy.refuse(Some(MIRA));
        stage.writes("mira.demo", "Are you open?").await;
        stage.settle().await;
        assert_eq!(stage.hook.events("message.received").len(), 1);
        assert_eq!(stage.proxy.refusals(), 1);
        let unknown = conversation(stage).await;
        assert_eq!(unknown["participantName"], MIRA);
        assert_eq!(unknown["instagramProfile"], Value::Null);
        for _ in 0..10 {
            stage.writes("mira.demo", "Hello?").await;
            stage.settle().await;
        }
        assert_eq!(stage.proxy.refusals(), 1, "no storm");
        for minutes in [1, 3, 10, 40, 160, 640] {
            stage.pass(Duration::from_mins(minutes)).await;
        }
        assert_eq!(stage.proxy.refusals(), 6, "it is given up");
        assert_eq!(follow(stage, MIRA, "").await["unavailableReason"], "error");
        stage.proxy.refuse(None);
        stage.pass(Duration::from_hours(1)).await;
        assert_eq!(conversation(stage).await["participantName"], MIRA, "nobody asked");
        stage.writes("mira.demo", "Anybody?").await;
        stage.settle().await;
        assert_eq!(conversation(stage).await["participantName"], "Mira");
        assert_eq!(follow(stage, MIRA, "").await["unavailableReason"], Value::Null);
    }
}

story! {
    /// How a person and the account follow each other, as the unified API asks for it.
    async fn follow_status_is_told_as_far_as_it_is_known(stage: Stage) {
        stage.connect().await;
        let nobody = follow(stage, MIRA, "").await;
        assert_eq!(nobody["unavailableReason"], "consent_required");
        assert_eq!(nobody["isFollower"], Value::Null);
        assert_eq!(follow(stage, "4711", "").await["unavailableReason"], "not_messageable");

        stage.writes("mira.demo", "Are you open?").await;
        stage.settle().await;
        stage.proxy.refuse(Some(MIRA));
        let status = follow(stage, MIRA, "").await;
        assert_eq!(status, json!({
            "userId": MIRA, "accountId": stage.account, "isFollower": true,
            "isFollowedByAccount": false, "followerCount": 120, "isVerified": false,
            "username": "mira.demo", "name": "Mira", "unavailableReason": null,
        }));
        follow(stage, MIRA, "?refresh=true").await;
        assert_eq!(stage.proxy.refusals(), 0, "a moment old is new enough");
        stage.clock.advance(Duration::from_mins(2));
        let stale = follow(stage, MIRA, "?refresh=true").await;
        assert_eq!(stage.proxy.refusals(), 1);
        assert_eq!((&stale["name"], &stale["unavailableReason"]), (&json!("Mira"), &json!("error")));
        stage.proxy.refuse(None);
        stage.pass(Duration::from_mins(2)).await;
        let again = follow(stage, MIRA, "?refresh=true").await;
        assert_eq!(again["unavailableReason"], Value::Null);
        stage.get(&format!("accounts/xyz/follow-status/{MIRA}")).await
            .expect_error(400, "invalid_field_value");
        let foreign = "0123456789abcdef01234567";
        stage.get(&format!("accounts/{foreign}/follow-status/{MIRA}")).await
            .expect_error(404, "account_not_found");
    }
}

story! {
    /// A token that dies while a profile is read is noticed like any other, once.
    async fn a_dead_token_met_by_a_profile_is_told(stage: Stage) {
        stage.connect().await;
        stage.control("instagram/tokens/revoke", &json!({"account": "lumen.cafe.demo"})).await;
        follow(stage, MIRA, "").await;
        stage.settle().await;
        assert_eq!(stage.hook.events("account.disconnected").len(), 1);
        let path = format!("accounts/{}/follow-status/{MIRA}", stage.account);
        stage.get(&path).await.expect_error(403, "ACCOUNT_DISCONNECTED");
    }
}
