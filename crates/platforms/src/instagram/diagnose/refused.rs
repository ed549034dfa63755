//! What Instagram's refusals have in common: which check they belong to, and why they come.

use posta_core::finding::{Call, Finding};
use posta_core::id::RemoteAccount;

use crate::contract::Refused;
use crate::instagram::errors;

/// Code, subcode (`None` stands for all that have no row of their own), the check that it belongs to,
/// and why it comes. Only what a person has to mend is here; what to do stands in the table of errors.
type Row = (i64, Option<i64>, &'static str, &'static str);

const TESTERS: &str = "The app is in development mode, or has Standard Access for messaging: it deals \
    only with people who have a role on it. Webhooks about everybody else do not come, without an error.";
const SWITCH: &str = "The owner has switched off \"Allow access to messages\" in the Instagram app \
    (Settings, Messages and story replies, Message controls, Connected tools): nothing can be sent, and \
    webhooks do not come, without an error.";
const OTHER_APP: &str = "Another app owns the thread, by conversation routing or by having taken it; \
    its events come as standby.";
const SCOPE: &str = "The owner did not grant the permission, or took it back.";
const RESTRICTED: &str = "Instagram has restricted the app, its developer or the business.";

// The meanings are those of the table in errors/; here is what they say about the whole account.
#[rustfmt::skip]
pub(super) static TABLE: &[Row] = &[
    (10, Some(2_534_048), "access_level", TESTERS),
    (200, Some(2_018_028), "access_level", TESTERS),
    (200, Some(2_534_048), "access_level", TESTERS),
    (200, Some(2_534_041), "message_access", SWITCH),
    (100, Some(2_534_037), "thread_control", OTHER_APP),
    (10, Some(2_018_300), "thread_control", OTHER_APP),
    (2_018_300, None, "thread_control", OTHER_APP),
    (10, None, "scopes", SCOPE),
    (1, Some(99), "scopes", SCOPE),
    (200, Some(2_534_066), "scopes", SCOPE),
    (3, None, "restriction", "The app lacks the capability."),
    (200, None, "restriction", RESTRICTED),
    (100, Some(2_534_029), "restriction", RESTRICTED),
    (10, Some(1_893_063), "restriction", RESTRICTED),
    (368, None, "restriction", RESTRICTED),
    (36_103, None, "restriction", "The account is not eligible for the API."),
    (100, Some(2_534_014), "recipient", "The id is not one that this account's own webhooks brought: it belongs to another account, or the person is gone."),
    (190, None, "token", "The token was ended, or it was made for another host or app."),
    (190, Some(458), "token", "The owner removed the app in Instagram's settings."),
    (190, Some(459), "token", "Instagram wants to see the owner first (checkpoint)."),
    (190, Some(460), "token", "The password was changed, or the login ended."),
    (190, Some(463), "token", "Nobody renewed the token within its 60 days."),
    (25, Some(2_207_050), "token", "Instagram has restricted the account until its owner opens the app."),
];

fn row(code: i64, subcode: Option<i64>) -> Option<&'static Row> {
    let fits = |row: &&Row| row.0 == code && row.1 == subcode;
    let of_code = |row: &&Row| row.0 == code && row.1.is_none();
    // A subcode that is not known says nothing of the whole account.
    TABLE.iter().find(fits).or_else(|| TABLE.iter().find(of_code).filter(|_| code == 190))
}

/// Returns the check that a refusal belongs to.
pub(super) fn check(code: i64, subcode: Option<i64>) -> Option<&'static str> {
    row(code, subcode).map(|row| row.2)
}

/// Returns why a refusal comes.
pub(super) fn cause(code: i64, subcode: Option<i64>) -> Option<&'static str> {
    row(code, subcode).map(|row| row.3)
}

/// One finding for each cause, with the newest refusal that it made.
pub(super) fn explain(account: &RemoteAccount, refused: &[Refused]) -> Vec<Finding> {
    let mut causes: Vec<(Meaning<'_>, Vec<&Refused>)> = Vec::new();
    for one in refused {
        let Some(meaning) = meaning(one) else { continue };
        match causes.iter_mut().find(|known| known.0.cause == meaning.cause) {
            Some(known) => known.1.push(one),
            None => causes.push((meaning, vec![one])),
        }
    }
    let finding = |(meaning, refused): (Meaning<'_>, Vec<&Refused>)| {
        let newest = refused.iter().max_by_key(|one| one.at)?;
        let call =
            Call { method: "POST", url: format!("/{account}/messages"), said: newest.said.clone() };
        let seen =
            format!("{} message(s) refused, the last at {}: {call}", refused.len(), newest.at);
        let Meaning { check, cause, remedy } = meaning;
        // The owner may well have given single threads to another app.
        let finding = if check == "thread_control" || check == "recipient" {
            Finding::warning(check, seen)
        } else {
            Finding::error(check, seen)
        };
        Some(finding.call(call).cause(cause).remedy(remedy))
    };
    causes.into_iter().filter_map(finding).collect()
}

/// What a refusal says about the whole account.
struct Meaning<'a> {
    check: &'static str,
    cause: &'a str,
    remedy: &'static str,
}

fn meaning(one: &Refused) -> Option<Meaning<'_>> {
    if let Some(disputed) = &one.disputed {
        let (cause, remedy) = (disputed.cause.as_str(), disputed.remedy);
        return Some(Meaning { check: "window", cause, remedy });
    }
    let (code, subcode) = (one.said.code?, one.said.subcode);
    let row = row(code, subcode)?;
    Some(Meaning { check: row.2, cause: row.3, remedy: errors::remedy(code, subcode)? })
}
