//! What an account's owner granted, by the areas of the unified API.

use posta_platforms::contract::Auth;
use posta_store::accounts::Account;
use serde::Serialize;
use utoipa::ToSchema;

/// The scopes of an account, and whether they were granted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Permissions {
    /// Those for publishing.
    posting: Vec<ScopeShape>,
    /// Those for analytics.
    analytics: Vec<ScopeShape>,
    /// Those for comments and messages.
    optional: Vec<ScopeShape>,
    /// Whether publishing is granted.
    can_post: bool,
    /// Always false: there are no analytics yet.
    can_fetch_analytics: bool,
    /// Those without which nothing works.
    missing_required: Vec<&'static str>,
}

/// A scope.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScopeShape {
    /// The platform's name of it.
    scope: &'static str,
    /// Whether the account's owner granted it.
    granted: bool,
    /// Whether nothing works without it.
    required: bool,
}

pub(super) fn permissions(account: &Account) -> Permissions {
    let granted = account.scopes.as_ref().map(|scopes| &scopes.0);
    let areas = posta_platforms::get(&account.platform).and_then(|one| one.auth());
    let areas = areas.map(Auth::scopes).unwrap_or_default();
    let rows = |wanted: &dyn Fn(Option<&str>) -> bool, required: bool| -> Vec<ScopeShape> {
        areas
            .iter()
            .filter(|one| wanted(one.area))
            .flat_map(|one| one.scopes)
            .map(|&scope| {
                let granted = granted.is_none_or(|all| all.iter().any(|one| one == scope));
                ScopeShape { scope, granted, required }
            })
            .collect()
    };
    let required = rows(&|area| area.is_none(), true);
    Permissions {
        posting: rows(&|area| area == Some("posting"), false),
        analytics: rows(&|area| area == Some("analytics"), false),
        optional: rows(&|area| matches!(area, Some("comments" | "messaging")), false),
        can_post: is_granted(account, "posting"),
        can_fetch_analytics: false,
        missing_required: required.iter().filter(|one| !one.granted).map(|one| one.scope).collect(),
    }
}

/// Whether an account's owner granted all scopes of an area, as far as the platform told.
pub(super) fn is_granted(account: &Account, area: &str) -> bool {
    let auth = posta_platforms::get(&account.platform).and_then(|one| one.auth());
    let Some(auth) = auth else { return false };
    let Some(granted) = &account.scopes else {
        return true;
    };
    auth.scopes()
        .iter()
        .filter(|one| one.area == Some(area))
        .flat_map(|one| one.scopes)
        .all(|scope| granted.0.iter().any(|one| one == scope))
}
