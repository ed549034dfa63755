//! Profiles of people who wrote to the account.

use posta_core::failure::ConnectorError;
use posta_core::id::RemotePerson;
use serde_json::Value;

use super::{Instagram, errors};
use crate::contract::{Answer, People, Profile, Withheld};
use crate::cx::Cx;
use crate::meta::errors::Call;
use crate::meta::graph::{self, integer, text};

/// All that the page lists
/// (developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/messaging-api/user-profile,
/// read 2026-11-24).
const FIELDS: &str = "name,username,profile_pic,follower_count,is_user_follow_business,\
                      is_business_follow_user,is_verified_user";

impl People for Instagram {
    fn profile<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        person: &'a RemotePerson,
    ) -> Answer<'a, Result<Profile, Withheld>> {
        Box::pin(async move {
            let token = &cx.account()?.token;
            let url = cx.site.url("graph", &[cx.site.version(), person.as_str()]);
            let request = cx.http.get(url).query(&[("fields", FIELDS)]);
            match graph::call(cx, request.bearer_auth(token.expose())).await {
                Ok(answer) => Ok(Ok(profile(&answer))),
                Err(failed) => {
                    let error = errors::judge(failed, Call::Repeatable, cx.clock.now());
                    withheld(&error).map_or(Err(error), |why| Ok(Err(why)))
                }
            }
        })
    }
}

/// Reads a profile. Name and picture may be null; of somebody who blocked the account there is
/// nothing.
fn profile(answer: &Value) -> Profile {
    let flag = |key: &str| answer.get(key).and_then(Value::as_bool);
    let words = |key: &str| text(answer, key).filter(|text| !text.is_empty());
    Profile {
        name: words("name"),
        username: words("username"),
        picture: words("profile_pic"),
        is_follower: flag("is_user_follow_business"),
        is_following: flag("is_business_follow_user"),
        followers: integer(answer, "follower_count"),
        is_verified: flag("is_verified_user"),
    }
}

/// Tells the refusals that are about the person, and ordinary, from failures.
fn withheld(error: &ConnectorError) -> Option<Withheld> {
    let said = error.said.as_ref()?;
    match (said.code?, said.subcode) {
        (230, _) => Some(Withheld::NoConsent),
        (200, Some(2_534_041)) => Some(Withheld::NoAccess),
        (100 | 551 | 9010, _) => Some(Withheld::Nobody),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use posta_core::failure::Retry;
    use rstest::rstest;

    use super::super::tests::Stage;
    use super::*;

    const PERSON: &str = "/graph/v25.0/1099900000000101";

    async fn read(status: u16, body: &str) -> Result<Result<Profile, Withheld>, ConnectorError> {
        let stage = Stage::with(&[(PERSON, status, body)]).await;
        let person = RemotePerson::new("1099900000000101");
        let answer = Instagram.profile(&stage.cx(), &person).await;
        insta::assert_snapshot!("profile_request", stage.requests());
        answer
    }

    #[tokio::test]
    async fn a_profile_is_read_as_far_as_it_goes() {
        let whole = r#"{"id":"1099900000000101","name":"Mira","username":"mira.demo",
            "profile_pic":"https://cdn.example.com/m.jpg","follower_count":120,
            "is_user_follow_business":true,"is_business_follow_user":false,"is_verified_user":false}"#;
        let expected = Profile {
            name: Some("Mira".to_owned()),
            username: Some("mira.demo".to_owned()),
            picture: Some("https://cdn.example.com/m.jpg".to_owned()),
            is_follower: Some(true),
            is_following: Some(false),
            followers: Some(120),
            is_verified: Some(false),
        };
        assert_eq!(read(200, whole).await.unwrap(), Ok(expected));
        let sparse = r#"{"id":"1099900000000101","name":null,"username":"m","profile_pic":null}"#;
        let expected = Profile { username: Some("m".to_owned()), ..Profile::default() };
        assert_eq!(read(200, sparse).await.unwrap(), Ok(expected));
        assert_eq!(read(200, "{}").await.unwrap(), Ok(Profile::default()));
    }

    #[rstest]
    #[case(230, None, Withheld::NoConsent)]
    #[case(9010, None, Withheld::Nobody)]
    #[case(100, Some(33), Withheld::Nobody)]
    #[case(100, None, Withheld::Nobody)]
    #[case(551, None, Withheld::Nobody)]
    #[case(200, Some(2_534_041), Withheld::NoAccess)]
    #[tokio::test]
    async fn an_ordinary_refusal_is_no_failure(
        #[case] code: i64,
        #[case] subcode: Option<i64>,
        #[case] why: Withheld,
    ) {
        let error = serde_json::json!({"error": {"code": code, "error_subcode": subcode}});
        assert_eq!(read(400, &error.to_string()).await.unwrap(), Err(why));
    }

    #[tokio::test]
    async fn other_refusals_keep_their_class() {
        let dead = read(400, r#"{"error":{"code":190,"error_subcode":463}}"#).await.unwrap_err();
        assert_eq!(dead.retry, Retry::Auth);
        let broken = read(500, "<html>").await.unwrap_err();
        assert_eq!(broken.retry, Retry::Transient);
        let slow = read(400, r#"{"error":{"code":4}}"#).await.unwrap_err();
        assert!(matches!(slow.retry, Retry::RateLimited { .. }), "{slow:?}");
        let barred = read(403, r#"{"error":{"code":10}}"#).await.unwrap_err();
        assert_eq!(barred.retry, Retry::Permanent);
    }
}
