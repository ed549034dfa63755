//! Every error of the platform's pages and of integrators' reports, for the fault dial.
//!
//! <https://developers.facebook.com/docs/graph-api/guides/error-handling>,
//! <https://developers.facebook.com/docs/messenger-platform/error-codes> and
//! <https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/error-codes>,
//! read 2026-11-24.

use axum::http::StatusCode;

use super::refusal::Refusal;

/// A code, a subcode, and what is said.
type Row = (i64, Option<i64>, &'static str);

const fn row(code: i64, message: &'static str) -> Row {
    (code, None, message)
}

const fn sub(code: i64, subcode: i64, message: &'static str) -> Row {
    (code, Some(subcode), message)
}

/// The table. Texts in quotes on a page are kept; the others say the same in our words.
pub(super) const ROWS: &[Row] = &[
    row(1, "An unknown error occurred"),
    sub(1, 99, "An unknown error occurred"),
    sub(1, 1_357_046, "The reply is not valid JSON"),
    row(2, "Service temporarily unavailable"),
    sub(2, 1_545_133, "Service temporarily unavailable"),
    row(3, "(#3) Application does not have the capability to make this API call."),
    row(4, "(#4) Application request limit reached"),
    sub(4, 2_207_051, "(#4) Application request limit reached"),
    sub(9, 2_207_042, "(#9) The maximum number of posts for a day was reached"),
    row(10, "(#10) Application does not have permission for this action"),
    sub(10, 2_534_022, "This message is sent outside of allowed window."),
    sub(10, 2_018_278, "(#10) This message is sent outside of allowed window."),
    sub(10, 2_018_065, "(#10) This message is sent outside of allowed window."),
    sub(10, 2_018_108, "(#10) This person cannot receive messages right now"),
    sub(10, 1_893_063, "(#10) The account is temporarily restricted from sending messages"),
    sub(10, 2_534_048, "(#10) The app has no Advanced Access to messages"),
    sub(10, 2_534_077, "(#10) The link between account, user and Page cannot be verified"),
    sub(10, 2_018_300, "(#10) Another app is controlling this thread now."),
    row(17, "(#17) User request limit reached"),
    sub(24, 2_207_006, "(#24) The media was not found"),
    sub(24, 2_207_008, "(#24) The media container was not found or has expired"),
    sub(25, 2_207_050, "(#25) The Instagram account is restricted"),
    row(27, "(#27) Thread control needs Conversation Routing"),
    row(32, "(#32) Page request limit reached"),
    row(100, "(#100) Invalid parameter"),
    sub(100, 33, "Unsupported request. The object does not exist or cannot be loaded"),
    sub(100, 2_018_001, "(#100) No matching user found"),
    sub(100, 2_018_008, "(#100) The media URL could not be fetched"),
    sub(100, 2_018_014, "(#100) A message and a sender action cannot be sent in one request"),
    sub(100, 2_018_047, "(#100) The media type does not match the file"),
    sub(100, 2_018_074, "(#100) The attachment ID is invalid or belongs to another owner"),
    sub(100, 2_018_109, "(#100) The attachment is too large"),
    sub(100, 2_018_294, "(#100) The video timed out or is corrupt"),
    sub(100, 2_018_320, "(#100) The product ID is invalid"),
    sub(100, 2_018_328, "(#100) The version of the product template is not supported"),
    sub(100, 2_534_001, "(#100) The thread was archived or deleted by its owner"),
    sub(100, 2_534_013, "(#100) The Page is not linked to an Instagram account"),
    sub(100, 2_534_014, "No matching Instagram user"),
    sub(100, 2_534_015, "(#100) The message data is invalid"),
    sub(100, 2_534_025, "The comment is invalid for a private reply"),
    sub(100, 2_534_029, "(#100) The business is blocked from the messaging API"),
    sub(100, 2_534_037, "(#100) The app does not own this thread"),
    row(102, "(#102) Session key invalid or no longer valid"),
    row(190, "Invalid OAuth access token."),
    sub(190, 458, "Error validating access token: The user has not authorized application."),
    sub(190, 459, "Error validating access token: The user has to log in and follow instructions."),
    sub(190, 460, "Error validating access token: The user changed their password."),
    sub(190, 463, "Error validating access token: Session has expired."),
    sub(190, 464, "Error validating access token: The user is not confirmed."),
    sub(190, 467, "Error validating access token: The session is invalid."),
    sub(190, 492, "Error validating access token: The login of the user is no longer valid."),
    row(200, "API access blocked."),
    sub(200, 1_545_041, "(#200) This person is not available right now."),
    sub(200, 2_018_028, "(#200) Cannot message users who have no role on the app"),
    sub(200, 2_534_041, "(#200) The account owner has disabled access to direct messages"),
    sub(200, 2_534_048, "(#200) The app is not approved for messages"),
    sub(200, 2_534_066, "(#200) The access token lacks the messaging scope"),
    row(230, "User consent is required to access user profile."),
    row(341, "(#341) Application limit reached"),
    sub(352, 2_207_026, "(#352) The video format is not supported"),
    row(368, "(#368) The action has been deemed abusive or is otherwise disallowed"),
    row(506, "(#506) Duplicate status message"),
    row(551, "(#551) This person is not available right now."),
    sub(551, 1_545_041, "(#551) This person is not available right now."),
    row(613, "Calls to this api have exceeded the rate limit."),
    sub(613, 1996, "(#613) Unusual volume of calls"),
    sub(613, 2_018_338, "(#613) Tagged messages are under a behaviour warning"),
    sub(613, 2_534_040, "Calls to this api have exceeded the rate limit."),
    row(2_018_300, "Another app is controlling this thread now."),
    sub(9004, 2_207_052, "(#9004) The media could not be fetched from this URI"),
    sub(9007, 2_207_027, "(#9007) The media is not ready for publishing"),
    row(9010, "No matching Instagram user"),
    row(10_900, "(#10900) The comment cannot be replied to"),
    row(10_903, "(#10903) The person cannot be replied to"),
    sub(10_904, 1_893_050, "(#10904) Messaging is switched off"),
    row(1_609_005, "(#1609005) The link could not be read"),
    row(36_103, "(#36103) The account is not eligible for the API"),
    row(80_001, "(#80001) There have been too many calls to this Page account."),
    row(80_002, "(#80002) There have been too many calls to this Instagram account."),
    row(80_006, "(#80006) There have been too many calls to this messaging account."),
    row(9_000_001, "(#9000001) The message was deleted"),
    sub(-2, 2_207_003, "The media took too long to download"),
    sub(-2, 2_207_020, "The media has expired"),
    sub(-1, 2_207_001, "Instagram server error"),
    sub(-1, 2_207_032, "The media could not be created"),
    sub(-1, 2_207_053, "An unknown upload error occurred"),
    sub(36_000, 2_207_004, "(#36000) The image is too large"),
    sub(36_001, 2_207_005, "(#36001) The image format is not supported"),
    sub(36_003, 2_207_009, "(#36003) The aspect ratio is not supported"),
    sub(36_004, 2_207_010, "(#36004) The caption is too long"),
    sub(100, 2_207_023, "(#100) The media type is unknown"),
    sub(100, 2_207_028, "(#100) A carousel needs 2 to 10 items"),
    sub(100, 2_207_040, "(#100) There are too many tags"),
];

/// Returns the error with these numbers, as the platform would write it.
pub(super) fn refusal(code: i64, subcode: Option<i64>) -> Refusal {
    let known = |exact: bool| {
        let mut rows = ROWS.iter();
        rows.find(|row| row.0 == code && (!exact || row.1 == subcode)).map(|row| row.2)
    };
    // A code of no table can still come: platforms have more of them than pages.
    let message = known(true).or_else(|| known(false)).map(str::to_owned);
    let message = message.unwrap_or_else(|| format!("(#{code}) The call failed"));
    let kind = match (code, subcode) {
        (9010, _) => "IGApiException",
        (100, Some(33)) => "GraphMethodException",
        _ => "OAuthException",
    };
    let is_permission = (code == 10 && subcode.is_none()) || (200..300).contains(&code);
    let is_permission = is_permission && code != 230;
    let status = if is_permission { StatusCode::FORBIDDEN } else { StatusCode::BAD_REQUEST };
    let mut refusal = Refusal::new(code, subcode, message);
    (refusal.status, refusal.kind) = (status, kind);
    refusal
}
