//! Every error of Instagram that is known, one row each.

use posta_core::failure::Code;

use self::Then::{Again, Dead, Locked, Never, Unsure, Wait};

/// What follows from an error.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    /// Refused, and would be refused again.
    Never,
    /// It did not happen: so many tries altogether, the second after so many seconds.
    Again(u8, u16),
    /// It may have happened: unknown for a call that counts, another try for one that does not.
    Unsure,
    /// Too fast; wait at least this many seconds, and longer if the usage header says so.
    Wait(u64),
    /// The grant is dead, for this reason.
    Dead(&'static str),
    /// The grant is of no use, for this reason, until the owner has done what Instagram asks.
    Locked(&'static str),
}

/// Code, subcode (`None` stands for all that have no row of their own), our code, what follows, and
/// what to do about it.
pub(super) type Row = (i64, Option<i64>, Code, Then, &'static str);

/// Stands in a row for every code, where only the subcode is known.
pub(super) const ANY: i64 = i64::MIN;

/// In seconds.
pub(super) const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// What is tried once more, and then given up.
const ONCE_MORE: Then = Again(2, 30);
const SOME_TIMES: Then = Again(5, 30);

const LATER: &str = "Try again later.";
const WINDOW: &str = "Wait until the person writes again; a reply may follow within 24 hours, or within 7 days if a person typed it and the app has the Human Agent feature.";
const GONE: &str = "Do not write to this person again before they write.";
const WHO: &str = "Use the id that arrived with this account's own webhooks; ids of other accounts and of people who are gone are refused.";
const REVIEW: &str =
    "Get Advanced Access for messaging by App Review, or give the person a role on the app.";
const ROUTING: &str = "Make this app the default in the account's conversation routing, or have the thread passed to it.";
const GRANT: &str = "Connect the account again and allow every permission that is asked for.";
const SLOWER: &str = "Send fewer calls; rejected ones count as well.";
const STOP: &str =
    "Stop sending for this account for some hours and look into its status in the Instagram app.";
const MEDIA: &str =
    "Give a public HTTPS URL that answers quickly, and a format and size that Instagram takes.";
const RECONNECT: &str = "Connect the account again.";
const POST: &str = "Change the post; Instagram's words say what is wrong with it.";

// Codes and their meanings: developers.facebook.com, "Error Codes" of the Messenger Platform and of
// the Instagram Platform, "Error Handling" and "Rate Limiting" of the Graph API, read 2026-11-23.
// Waits are ours, for Meta names none.
#[rustfmt::skip]
pub(super) static TABLE: &[Row] = &[
    (1, None, Code::OutcomeUnknown, Unsure, "Look for the message in the conversation before sending it again."),
    (1, Some(99), Code::PlatformPermission, Never, "Check the app's permissions; this error mostly means that one is missing."),
    (1, Some(1_357_046), Code::OutcomeUnknown, Unsure, "Do not send it again: the message went out although an error came back. Its echo will confirm it."),
    (2, None, Code::OutcomeUnknown, Unsure, "Look for the message before sending it again; the person may also have blocked the account."),
    (2, Some(1_545_133), Code::PlatformUnavailable, SOME_TIMES, LATER),
    (3, None, Code::PlatformPermission, Never, "Give the app the capability it lacks, in the app dashboard."),
    (4, None, Code::PlatformRateLimited, Wait(MINUTE), SLOWER),
    (4, Some(2_207_051), Code::PlatformRefused, Never, "Do not publish this again; Instagram takes it for spam."),
    (9, Some(2_207_042), Code::PlatformRateLimited, Wait(HOUR), "Wait until the day's publishing quota has room again."),
    (10, None, Code::PlatformPermission, Never, GRANT),
    (10, Some(2_534_022), Code::OutsideMessagingWindow, Never, WINDOW),
    (10, Some(2_018_278), Code::OutsideMessagingWindow, Never, WINDOW),
    (10, Some(2_018_065), Code::OutsideMessagingWindow, Never, WINDOW),
    (10, Some(2_018_108), Code::PersonUnreachable, Never, "Try this person again tomorrow at the earliest."),
    (10, Some(1_893_063), Code::MessagingRestricted, Wait(4 * HOUR), STOP),
    (10, Some(2_534_048), Code::PlatformPermission, Never, REVIEW),
    (10, Some(2_534_077), Code::PlatformPermission, Never, "Complete two-factor authentication and check that the Page and the Instagram account belong together."),
    (10, Some(2_018_300), Code::NotThreadOwner, Never, ROUTING),
    (17, None, Code::PlatformRateLimited, Wait(MINUTE), SLOWER),
    (24, Some(2_207_006), Code::PlatformUnavailable, ONCE_MORE, "Make a new media container if it is still not found."),
    (24, Some(2_207_008), Code::PlatformUnavailable, ONCE_MORE, "Make a new media container if this one has expired."),
    (25, Some(2_207_050), Code::ReconnectRequired, Locked("account_restricted"), "Have the account's owner open the Instagram app and do what it asks. Posta tries the token again by itself; if it stays refused, connect the account again."),
    (27, None, Code::PlatformPermission, Never, "Set up conversation routing before taking control of threads."),
    (32, None, Code::PlatformRateLimited, Wait(MINUTE), SLOWER),
    (100, None, Code::PlatformRefused, Never, "Correct the parameter that Instagram names."),
    (100, Some(33), Code::PlatformRefused, Never, "Check that the thing still exists, and that the connection allows access to it."),
    (100, Some(2_018_001), Code::PersonUnreachable, Never, WHO),
    (100, Some(2_018_008), Code::PlatformUnavailable, ONCE_MORE, MEDIA),
    (100, Some(2_018_014), Code::PlatformRefused, Never, "Send the message and the sender action apart."),
    (100, Some(2_018_047), Code::PlatformRefused, Never, "Name the kind of media that the file really is."),
    (100, Some(2_018_074), Code::AttachmentUnknown, Never, "Upload the media again from this account."),
    (100, Some(2_018_109), Code::PlatformRefused, Never, "Send a smaller file."),
    (100, Some(2_018_294), Code::PlatformUnavailable, ONCE_MORE, "Use a smaller or sound video, and a server that hands it out within 75 seconds."),
    (100, Some(2_018_320), Code::PlatformRefused, Never, "Check the product's id."),
    (100, Some(2_018_328), Code::PlatformRefused, Never, "Check the version of the product template."),
    (ANY, Some(2_534_001), Code::PlatformRefused, Never, "The owner archived or deleted this conversation; wait until the person writes again."),
    (100, Some(2_534_013), Code::PlatformPermission, Never, "Link the Page to the Instagram account; for private replies, look at their limits too."),
    (100, Some(2_534_014), Code::PersonUnreachable, Never, WHO),
    (100, Some(2_534_015), Code::PlatformRefused, Never, "Correct the message; its parts do not fit its type."),
    (100, Some(2_534_025), Code::PrivateReplyConsumed, Never, "Leave this comment: it was answered privately before, is too old, or is gone."),
    (100, Some(2_534_029), Code::MessagingRestricted, Never, "Ask Meta why the business is shut out of messaging; nothing can be sent until then."),
    (100, Some(2_534_037), Code::NotThreadOwner, Never, ROUTING),
    (102, None, Code::ReconnectRequired, Dead("login_invalid"), RECONNECT),
    (190, None, Code::ReconnectRequired, Dead("token_invalid"), "Connect the account again. If that does not help, check the base URL: a token that is sent to another Graph host is refused in the same way."),
    (190, Some(458), Code::ReconnectRequired, Dead("app_removed"), "The owner removed the app; connect the account again."),
    (190, Some(459), Code::ReconnectRequired, Locked("checkpoint"), "Have the owner log in on Instagram's website and pass its check. Posta tries the token again by itself; if it stays refused, connect the account again."),
    (190, Some(460), Code::ReconnectRequired, Dead("password_changed"), "The password was changed or the login ended; connect the account again."),
    (190, Some(463), Code::ReconnectRequired, Dead("token_expired"), "The token expired and can no longer be refreshed; connect the account again."),
    (190, Some(464), Code::ReconnectRequired, Locked("user_unconfirmed"), "Have the owner confirm their Instagram login. Posta tries the token again by itself; if it stays refused, connect the account again."),
    (190, Some(467), Code::ReconnectRequired, Dead("token_ended"), RECONNECT),
    (190, Some(492), Code::ReconnectRequired, Dead("login_invalid"), RECONNECT),
    (200, None, Code::PlatformPermission, Never, "Check that neither the app nor its developer account is restricted, then connect the account again."),
    (200, Some(1_545_041), Code::PersonUnreachable, Never, GONE),
    (200, Some(2_018_028), Code::PlatformPermission, Never, REVIEW),
    (200, Some(2_534_041), Code::PlatformPermission, Never, "Have the owner allow access to messages in the Instagram app, under Message controls, Connected tools."),
    (200, Some(2_534_048), Code::PlatformPermission, Never, REVIEW),
    (200, Some(2_534_066), Code::PlatformPermission, Never, "Connect the account again and allow messaging."),
    (230, None, Code::PlatformRefused, Never, "Show the id alone; the profile opens once the person has written."),
    (341, None, Code::PlatformRateLimited, Wait(MINUTE), SLOWER),
    (352, Some(2_207_026), Code::PlatformRefused, Never, "Use a video format that Instagram takes."),
    (368, None, Code::MessagingRestricted, Wait(4 * HOUR), STOP),
    (506, None, Code::PlatformRefused, Never, "Do not publish the same post twice."),
    (551, None, Code::PersonUnreachable, Never, GONE),
    (551, Some(1_545_041), Code::PersonUnreachable, Never, GONE),
    (613, None, Code::PlatformRateLimited, Wait(1), SLOWER),
    (613, Some(1996), Code::PlatformRateLimited, Wait(5 * MINUTE), SLOWER),
    (613, Some(2_018_338), Code::MessagingRestricted, Wait(HOUR), "Stop sending tagged messages; Meta warns about this account's."),
    (613, Some(2_534_040), Code::PlatformRateLimited, Wait(1), SLOWER),
    (2_018_300, None, Code::NotThreadOwner, Never, ROUTING),
    (9004, Some(2_207_052), Code::PlatformRefused, Never, MEDIA),
    (9007, Some(2_207_027), Code::PlatformUnavailable, Again(5, 60), "Ask for the container's status until it is finished, then publish."),
    (9010, None, Code::PlatformRefused, Never, "Show the id alone; Instagram knows no profile for it."),
    (10900, None, Code::PlatformRefused, Never, "This comment takes no replies."),
    (10903, None, Code::PersonUnreachable, Never, "The person's settings forbid it, or the comment was answered before."),
    (10904, Some(1_893_050), Code::PlatformPermission, Never, "Switch messaging on for the Page."),
    (1_609_005, None, Code::PlatformRefused, Never, "Check the link; Instagram could not read it."),
    (36103, None, Code::PlatformPermission, Never, "This account may not use the API; Instagram's words may say why."),
    (80001, None, Code::PlatformRateLimited, Wait(5 * MINUTE), SLOWER),
    (80002, None, Code::PlatformRateLimited, Wait(5 * MINUTE), SLOWER),
    (80006, None, Code::PlatformRateLimited, Wait(5 * MINUTE), SLOWER),
    (9_000_001, None, Code::PlatformRefused, Never, "The message was deleted, or is not among the 20 newest; do not take it for gone."),
    (-2, Some(2_207_003), Code::PlatformUnavailable, SOME_TIMES, MEDIA),
    (-2, Some(2_207_020), Code::PlatformUnavailable, SOME_TIMES, "Make a new media container."),
    (-1, Some(2_207_001), Code::PlatformUnavailable, SOME_TIMES, LATER),
    (-1, Some(2_207_032), Code::PlatformUnavailable, SOME_TIMES, "Make a new media container."),
    (-1, Some(2_207_053), Code::PlatformUnavailable, SOME_TIMES, "Make a new media container."),
    (36000, Some(2_207_004), Code::PlatformRefused, Never, "Use a picture of at most 8 MiB."),
    (36001, Some(2_207_005), Code::PlatformRefused, Never, "Use a JPEG."),
    (36003, Some(2_207_009), Code::PlatformRefused, Never, "Crop the picture to a ratio between 4:5 and 1.91:1."),
    (36004, Some(2_207_010), Code::PlatformRefused, Never, "Shorten the caption."),
    (100, Some(2_207_023), Code::PlatformRefused, Never, POST),
    (100, Some(2_207_028), Code::PlatformRefused, Never, "Put 2 to 10 items into a carousel."),
    (100, Some(2_207_040), Code::PlatformRefused, Never, "Tag at most 20 people."),
];

/// Finds the row for a code and subcode, the finer one first.
///
/// Only these two decide. Messages are localised, and `type` says `OAuthException` of nearly
/// everything, so a window that closed would look like a dead token.
pub(super) fn find(code: i64, subcode: Option<i64>) -> Option<&'static Row> {
    let row = |code, subcode| {
        let mut rows = TABLE.iter();
        rows.find(|row| row.0 == code && row.1 == subcode)
    };
    let fine = subcode.and_then(|_| row(code, subcode).or_else(|| row(ANY, subcode)));
    // All of 200 to 299 are about permissions.
    let family = if (200..300).contains(&code) { 200 } else { code };
    fine.or_else(|| row(code, None)).or_else(|| row(family, None))
}
