//! How platforms and we last got on at the door: their question whether a webhook URL is ours, and
//! webhooks that were refused because no secret of ours signed them.

use posta_core::id::RemoteAccount;
use posta_core::time::Timestamp;

use crate::sql::sql;
use crate::text::text;
use crate::{Result, Tx};

/// What happened at the door of one platform.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Verification {
    /// When the platform last asked with a verify token of ours.
    pub challenge_passed_at: Option<Timestamp>,
    /// When somebody last asked with another.
    pub challenge_failed_at: Option<Timestamp>,
    /// How many webhooks were refused.
    pub refused_count: i64,
    /// When one was last refused that had the platform's form.
    pub refused_at: Option<Timestamp>,
    /// The account that it claimed to be about.
    pub refused_about: Option<RemoteAccount>,
}

/// Finds what happened at the door of a platform, if anything has.
pub async fn find(tx: &mut Tx, platform: &str) -> Result<Option<Verification>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT challenge_passed_at, challenge_failed_at, refused_count, refused_at, refused_about
         FROM verifications WHERE platform = $1"
    )
    .bind(platform)
    .fetch_optional(c)
    .await)
}

/// Notes that somebody asked whether the URL is ours, with a verify token of ours or another.
pub async fn update_challenge(
    tx: &mut Tx,
    platform: &str,
    is_passed: bool,
    at: Timestamp,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "INSERT INTO verifications (platform, challenge_passed_at, challenge_failed_at,
             refused_count)
         VALUES ($1, $2, $3, 0)
         ON CONFLICT (platform) DO UPDATE SET
             challenge_passed_at = COALESCE($2, verifications.challenge_passed_at),
             challenge_failed_at = COALESCE($3, verifications.challenge_failed_at)"
    )
    .bind(platform)
    .bind(is_passed.then_some(at))
    .bind((!is_passed).then_some(at))
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Notes that `count` webhooks were refused, the last of them about this account.
pub async fn add_refused(
    tx: &mut Tx,
    platform: &str,
    count: i64,
    about: &RemoteAccount,
    at: Timestamp,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "INSERT INTO verifications (platform, refused_count, refused_at, refused_about)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (platform) DO UPDATE SET
             refused_count = verifications.refused_count + $2, refused_at = $3,
             refused_about = $4"
    )
    .bind(platform)
    .bind(count)
    .bind(at)
    .bind(text(about.as_str()))
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}
