//! Posts and what people write under them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Stage, story};

const POST: &str = "17999000000003401";
const MIRAS: &str = "18099000000003411";

async fn comments(stage: &Stage) -> Vec<Value> {
    let path = format!("inbox/comments/{POST}?accountId={}", stage.account);
    stage.get(&path).await.expect(200)["comments"].as_array().unwrap().clone()
}

fn of<'a>(all: &'a [Value], id: &str) -> &'a Value {
    all.iter().find(|one| one["id"] == id).unwrap()
}

story! {
    /// Posts that have comments are listed over all accounts, and narrowed.
    async fn posts_with_comments_are_listed(stage: Stage) {
        stage.connect().await;
        let list = stage.get("inbox/comments").await.expect(200);
        let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
        assert_eq!(ids, [POST, "17999000000003601"]);
        assert_eq!(list["data"][0]["commentCount"], 2);
        assert_eq!(list["data"][0]["content"], "Autumn menu is here");
        assert_eq!(list["meta"]["accountsQueried"], 1);
        assert_eq!(list["meta"]["failedAccounts"], json!([]));

        let page = stage.get("inbox/comments?limit=1&sortBy=comments&sortOrder=asc").await.expect(200);
        assert_eq!(page["data"][0]["id"], "17999000000003601");
        let cursor = page["pagination"]["nextCursor"].as_str().unwrap().to_owned();
        let path = format!("inbox/comments?limit=1&sortBy=comments&sortOrder=asc&cursor={cursor}");
        let page = stage.get(&path).await.expect(200);
        assert_eq!(page["data"][0]["id"], POST);
        assert_eq!(page["pagination"], json!({"hasMore": false, "nextCursor": null}));
        let many = stage.get("inbox/comments?minComments=3").await.expect(200);
        assert_eq!(many["data"], json!([]));
        let wrong = stage.get("inbox/comments?cursor=x").await;
        assert_eq!(wrong.expect_error(400, "invalid_field_value")["param"], "cursor");

        let posts = stage.get(&format!("accounts/{}/posts", stage.account)).await.expect(200);
        assert_eq!(posts["posts"][1]["mediaType"], "REELS");
        assert_eq!(posts["posts"][0]["message"], "Autumn menu is here");
    }
}

story! {
    /// An account that cannot be read is named; the answer is good all the same.
    async fn an_account_that_fails_is_named(stage: Stage) {
        stage.connect().await;
        let fault = json!({"route": "media", "fault": {"kind": "error", "code": 4}});
        stage.control("faults", &fault).await;
        let list = stage.get("inbox/comments").await.expect(200);
        assert_eq!(list["data"], json!([]));
        assert_eq!(list["meta"]["accountsFailed"], 1);
        let failed = &list["meta"]["failedAccounts"][0];
        assert_eq!(failed["code"], "platform_rate_limited");
        assert!(failed["retryAfter"].as_u64().unwrap() >= 60, "{failed}");
    }
}

story! {
    /// A comment is read, answered, hidden, shown and deleted; the own answer triggers nothing.
    async fn a_comment_is_answered_and_moderated(stage: Stage) {
        stage.connect().await;
        stage.listen_to(&["comment.received"]).await;
        let all = comments(stage).await;
        assert_eq!(all.len(), 2);
        let miras = of(&all, MIRAS);
        assert_eq!(miras["message"], "Price please?");
        assert_eq!(miras["from"]["username"], "mira.demo");
        assert_eq!((&miras["canReply"], &miras["canLike"]), (&json!(true), &json!(false)));

        let path = format!("inbox/comments/{POST}");
        let body = json!({"accountId": stage.account, "commentId": MIRAS, "message": "4 euros"});
        let key = [("idempotency-key", "once")];
        let done = stage.call(Method::POST, &path, Some(&body), &key).await.expect(200);
        let reply = done["data"]["commentId"].as_str().unwrap().to_owned();
        assert_eq!(done["data"]["isReply"], true);
        let again = stage.call(Method::POST, &path, Some(&body), &key).await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.expect(200), done);
        stage.settle().await;
        assert_eq!(stage.hook.events("comment.received").len(), 0, "it is our own");

        let all = comments(stage).await;
        let replies = of(&all, MIRAS)["replies"].as_array().unwrap().clone();
        assert_eq!(replies.len(), 1, "answered once");
        assert_eq!((&replies[0]["id"], &replies[0]["from"]["isOwner"]), (&json!(reply), &json!(true)));
        assert_eq!((&replies[0]["canReply"], &replies[0]["parentId"]), (&json!(false), &json!(MIRAS)));
        let one = format!("{path}?accountId={}&commentId={MIRAS}", stage.account);
        let one = stage.get(&one).await.expect(200);
        assert_eq!((&one["comment"]["id"], &one["comments"][0]["id"]), (&json!(MIRAS), &json!(reply)));

        let hide = format!("{path}/{MIRAS}/hide");
        let of_account = json!({"accountId": stage.account});
        let hidden = stage.post(&hide, &of_account).await.expect(200);
        assert_eq!((&hidden["hidden"], &hidden["platform"]), (&json!(true), &json!("instagram")));
        assert_eq!(of(&comments(stage).await, MIRAS)["isHidden"], true);
        let query = format!("accountId={}", stage.account);
        let shown = stage.call(Method::DELETE, &format!("{hide}?{query}"), None, &[]).await;
        assert_eq!(shown.expect(200)["hidden"], false);
        assert_eq!(of(&comments(stage).await, MIRAS)["isHidden"], false);

        let delete = format!("{path}?{query}&commentId={MIRAS}");
        stage.call(Method::DELETE, &delete, None, &[]).await.expect(200);
        assert!(comments(stage).await.iter().all(|one| one["id"] != MIRAS));
        let gone = stage.call(Method::DELETE, &delete, None, &[]).await;
        assert_eq!(gone.expect_error(400, "platform_api_error")["platformError"]["code"], 100);
    }
}

story! {
    /// Nobody knows whether an answer stands there: a repeat of the request writes no second one.
    async fn a_comment_is_never_written_twice(stage: Stage) {
        stage.connect().await;
        let cut = json!({"route": "comments", "count": 1, "fault": {"kind": "cut", "effect": "after"}});
        stage.control("faults", &cut).await;
        let path = format!("inbox/comments/{POST}");
        let body = json!({"accountId": stage.account, "commentId": MIRAS, "message": "4 euros"});
        let key = [("idempotency-key", "once")];
        let lost = stage.call(Method::POST, &path, Some(&body), &key).await;
        lost.expect_error(502, "outcome_unknown");
        let again = stage.call(Method::POST, &path, Some(&body), &key).await;
        again.expect_error(409, "idempotency_conflict");
        assert_eq!(of(&comments(stage).await, MIRAS)["replies"].as_array().unwrap().len(), 1);
        let changed = json!({"accountId": stage.account, "commentId": MIRAS, "message": "5 euros"});
        let other = stage.call(Method::POST, &path, Some(&changed), &key).await;
        other.expect_error(422, "idempotency_key_reused");
    }
}

story! {
    /// What cannot be done is refused with the field at fault, before the platform is asked.
    async fn bad_requests_are_refused(stage: Stage) {
        stage.connect().await;
        let path = format!("inbox/comments/{POST}");
        let empty = stage.post(&path, &json!({"accountId": stage.account, "message": " "})).await;
        assert_eq!(empty.expect_error(400, "invalid_field_value")["param"], "message");
        let nobody = json!({"accountId": "0123456789abcdef01234567", "message": "Hi"});
        stage.post(&path, &nobody).await.expect_error(404, "account_not_found");
        let picture = json!({"accountId": stage.account, "message": "Hi", "attachmentUrl": "https://x.example"});
        let error = stage.post(&path, &picture).await.expect_error(400, "platform_not_supported");
        assert_eq!(error["param"], "attachmentUrl");
        let like = format!("{path}/{MIRAS}/like");
        let of_account = json!({"accountId": stage.account});
        stage.post(&like, &of_account).await.expect_error(400, "platform_not_supported");
        let unlike = format!("{like}?accountId={}", stage.account);
        let unlike = stage.call(Method::DELETE, &unlike, None, &[]).await;
        unlike.expect_error(400, "platform_not_supported");
        for (method, path) in [
            (Method::POST, format!("{path}/{MIRAS}/pin")),
            (Method::DELETE, format!("{path}/{MIRAS}/pin?accountId={}", stage.account)),
            (Method::POST, format!("{path}/{MIRAS}/moderation")),
            (Method::PATCH, format!("{path}/{MIRAS}")),
            (Method::POST, format!("inbox/posts/{POST}/like")),
            (Method::DELETE, format!("inbox/posts/{POST}/like?accountId={}", stage.account)),
        ] {
            let body = (method != Method::DELETE).then_some(&of_account);
            let error = stage.call(method.clone(), &path, body, &[]).await;
            let error = error.expect_error(400, "platform_not_supported");
            assert_eq!(error["platform"], "instagram", "{path}");
            let (bare, nothing) = (path.split('?').next().unwrap(), body.map(|_| json!({})));
            let error = stage.call(method, bare, nothing.as_ref(), &[]).await;
            let error = error.expect_error(400, "missing_required_field");
            assert_eq!(error["param"], "accountId", "{path}");
        }
        stage.get("accounts/follower-stats").await.expect_error(501, "feature_not_available");
        let missing = stage.call(Method::DELETE, &path, None, &[]).await;
        assert_eq!(missing.expect_error(400, "missing_required_field")["param"], "accountId");
        let gone = format!("inbox/comments/1?accountId={}", stage.account);
        stage.get(&gone).await.expect_error(400, "platform_api_error");
    }
}

story! {
    /// A comment under somebody else's post names the account: it is listed, and can be answered.
    async fn a_mention_is_listed_and_answered(stage: Stage) {
        stage.connect().await;
        let said = json!({"text": "Ask @lumen.cafe.demo"});
        stage.control("instagram/people/mira.demo/mention", &said).await;
        stage.settle().await;
        let list = stage.get("inbox/mentions").await.expect(200);
        assert_eq!(list["meta"], json!({"total": 1, "sortOrder": "desc"}));
        assert_eq!(list["pagination"], json!({"hasMore": false, "cursor": null}));
        let mention = &list["data"][0];
        assert_eq!(mention["content"], "Ask @lumen.cafe.demo");
        assert_eq!((&mention["type"], &mention["authorUsername"]), (&json!("comment"), &json!("mira.demo")));
        let body = json!({
            "accountId": stage.account, "mediaId": mention["mediaId"],
            "commentId": mention["commentId"], "message": "Yes?",
        });
        let done = stage.post("inbox/mentions/reply", &body).await.expect(200);
        assert_eq!(done["success"], true);
        assert!(!done["id"].as_str().unwrap().is_empty());
        let caption = json!({"accountId": stage.account, "mediaId": "1", "message": "Yes?"});
        let error = stage.post("inbox/mentions/reply", &caption).await;
        assert_eq!(error.expect_error(400, "platform_not_supported")["param"], "commentId");
        assert_eq!(stage.get("inbox/mentions").await.expect(200)["meta"]["total"], 1);
    }
}
