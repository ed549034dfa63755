//! What Instagram's refusals have in common: which check they belong to, and why they come.

use posta_core::failure::PlatformSaid;
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

/// What a refusal outside the window means when by our own books the window was open.
const WINDOW: &str = "By what Instagram told us the person wrote less than 24 hours before. Most likely \
    the app has no Advanced Access for messaging, so that the person's message does not count for it, or \
    the message was sent to an id of another account.";

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
    let mut causes: Vec<(&str, &str, Vec<&Refused>)> = Vec::new();
    for one in refused {
        let Some((check, cause)) = meaning(one) else { continue };
        match causes.iter_mut().find(|known| known.1 == cause) {
            Some(known) => known.2.push(one),
            None => causes.push((check, cause, vec![one])),
        }
    }
    let finding = |(check, cause, refused): (&'static str, &str, Vec<&Refused>)| {
        let newest = refused.iter().max_by_key(|one| one.at)?;
        let call =
            Call { method: "POST", url: format!("/{account}/messages"), said: newest.said.clone() };
        let seen =
            format!("{} message(s) refused, the last at {}: {call}", refused.len(), newest.at);
        // The owner may well have given single threads to another app.
        let finding = if check == "thread_control" || check == "recipient" {
            Finding::warning(check, seen)
        } else {
            Finding::error(check, seen)
        };
        Some(finding.call(call).cause(cause).remedy(remedy(&newest.said)?))
    };
    causes.into_iter().filter_map(finding).collect()
}

fn meaning(one: &Refused) -> Option<(&'static str, &'static str)> {
    match (one.said.code?, one.said.subcode) {
        (10, Some(2_534_022 | 2_018_278 | 2_018_065)) => one.was_open.then_some(("window", WINDOW)),
        (code, subcode) => row(code, subcode).map(|row| (row.2, row.3)),
    }
}

fn remedy(said: &PlatformSaid) -> Option<&'static str> {
    match (said.code?, said.subcode) {
        (10, Some(2_534_022 | 2_018_278 | 2_018_065)) => Some(
            "Get Advanced Access for messaging by App Review, and reply in the conversation that the person's own message opened.",
        ),
        (code, subcode) => errors::remedy(code, subcode),
    }
}
