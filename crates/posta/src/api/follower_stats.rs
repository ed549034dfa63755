//! Followers over time, which nobody counts here yet.

use axum::Json;
use posta_core::failure::Code;

use super::error::{ApiError, Result};

/// Says how followers grew: not built yet, for followers are not counted over time.
///
/// `followersCount` of an account is what its platform said last.
#[utoipa::path(get, path = "/v1/accounts/follower-stats", operation_id = "get_follower_stats",
    tag = "Accounts", responses((status = 501, description = "Always: `feature_not_available`")))]
pub(crate) async fn get() -> Result<Json<()>> {
    let message = "followers are not counted over time yet; accounts say how many they have now";
    Err(ApiError::new(Code::FeatureNotAvailable, message))
}
