//! How the pretend Graph API says no.

use axum::http::StatusCode;
use posta_core::time::Timestamp;
use serde_json::{Value, json};

use crate::sandbox::world::Revocation;

/// An error of the Graph API.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) code: i64,
    subcode: Option<i64>,
    pub(super) message: String,
    for_people: Option<(&'static str, &'static str)>,
}

impl Refusal {
    pub(super) fn new(code: i64, subcode: Option<i64>, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "OAuthException",
            code,
            subcode,
            message: message.into(),
            for_people: None,
        }
    }

    /// The same, as somebody is told who has another language. Only the numbers stay.
    pub(super) fn in_japanese(&self) -> Self {
        let message = "リクエストを処理できませんでした。";
        Self {
            message: format!("(#{}) {message}", self.code),
            for_people: self.for_people.map(|_| ("エラー", message)),
            ..self.clone()
        }
    }

    /// The body, in the shape that every Graph error has.
    pub(super) fn body(&self, trace: &str) -> Value {
        let mut error = json!({
            "message": self.message,
            "type": self.kind,
            "code": self.code,
            "is_transient": false,
            "fbtrace_id": trace,
        });
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = subcode.into();
        }
        if let Some((title, message)) = self.for_people {
            error["error_user_title"] = title.into();
            error["error_user_msg"] = message.into();
        }
        json!({ "error": error })
    }

    /// A parameter that is missing or wrong.
    pub(super) fn parameter(message: impl std::fmt::Display) -> Self {
        Self::new(100, None, format!("(#100) {message}"))
    }

    pub(super) fn no_token() -> Self {
        let message = "An access token is required to request this resource.";
        Self { kind: "IGApiException", ..Self::new(190, None, message) }
    }

    pub(super) fn unreadable_token() -> Self {
        Self::new(190, None, "Invalid OAuth access token - Cannot parse access token")
    }

    pub(super) fn unknown_token() -> Self {
        Self::new(190, None, "Invalid OAuth access token.")
    }

    pub(super) fn expired_token(expired_at: Timestamp, now: Timestamp) -> Self {
        let (expired_at, now) = (pacific(expired_at), pacific(now));
        let message = format!(
            "Error validating access token: Session has expired on {expired_at}. \
             The current time is {now}."
        );
        Self::new(190, Some(463), message)
    }

    pub(super) fn revoked_token(why: Revocation) -> Self {
        let (subcode, reason) = match why {
            Revocation::AppRemoved => (458, "The user has not authorized application."),
            Revocation::Checkpoint => (
                459,
                "You cannot access the app till you log in and follow the instructions given.",
            ),
            Revocation::PasswordChanged => (
                460,
                "The session has been invalidated because the user changed their password or \
                 the session has been changed for security reasons.",
            ),
            Revocation::Ended => (467, "The session is invalid because the user logged out."),
        };
        Self::new(190, Some(subcode), format!("Error validating access token: {reason}"))
    }

    pub(super) fn wrong_secret() -> Self {
        Self::new(1, None, "Error validating client secret.")
    }

    pub(super) fn no_permission() -> Self {
        let message = "(#10) Application does not have permission for this action";
        Self { status: StatusCode::FORBIDDEN, ..Self::new(10, None, message) }
    }

    pub(super) fn no_object(method: &str, id: &str) -> Self {
        let method = method.to_ascii_lowercase();
        let message = format!(
            "Unsupported {method} request. Object with ID '{id}' does not exist, cannot be loaded \
             due to missing permissions, or does not support this operation. Please read the \
             Graph API documentation at https://developers.facebook.com/docs/graph-api"
        );
        Self { kind: "GraphMethodException", ..Self::new(100, Some(33), message) }
    }

    pub(super) fn no_person() -> Self {
        Self {
            for_people: Some(("User not found", "No matching Instagram user was found.")),
            ..Self::new(100, Some(2_534_014), "No matching Instagram user")
        }
    }

    pub(super) fn outside_window() -> Self {
        Self {
            for_people: Some((
                "Outside of allowed window",
                "This message is sent outside of the allowed window.",
            )),
            ..Self::new(10, Some(2_534_022), "This message is sent outside of allowed window.")
        }
    }

    pub(super) fn message_with_action() -> Self {
        let message = "(#100) A message and a sender action cannot be sent in one request";
        Self::new(100, Some(2_018_014), message)
    }

    pub(super) fn invalid_message(why: &str) -> Self {
        let message = format!("(#100) The message data is invalid: {why}");
        Self::new(100, Some(2_534_015), message)
    }

    pub(super) fn unknown_attachment() -> Self {
        let message = "(#100) The attachment ID is invalid or belongs to another owner";
        Self::new(100, Some(2_018_074), message)
    }

    pub(super) fn comment_taken() -> Self {
        Self::new(100, Some(2_534_025), "The comment is invalid for a private reply")
    }

    /// Another app has the conversation. Two codes are seen for it; an option says which.
    pub(super) fn not_the_owner(code: Option<&str>) -> Self {
        let message = "Another app is controlling this thread now.";
        match code {
            Some("2018300") => Self::new(2_018_300, None, format!("(#2018300) {message}")),
            _ => Self::new(100, Some(2_534_037), format!("(#100) {message}")),
        }
    }

    pub(super) fn no_routing() -> Self {
        Self::new(27, None, "(#27) Conversation Routing is not set up for this app")
    }

    pub(super) fn person_unavailable() -> Self {
        Self {
            for_people: Some(("Not available", "This person isn't available right now.")),
            ..Self::new(551, Some(1_545_041), "(#551) This person isn't available right now.")
        }
    }

    pub(super) fn media_not_fetched() -> Self {
        let message = "(#100) Failed to fetch the file from the url";
        Self::new(100, Some(2_018_008), message)
    }

    pub(super) fn media_too_large() -> Self {
        let message = "(#100) The attachment is larger than its type may be";
        Self::new(100, Some(2_018_109), message)
    }

    pub(super) fn wrong_media_type() -> Self {
        let message = "(#100) The file is not of the type that the attachment names";
        Self::new(100, Some(2_018_047), message)
    }

    pub(super) fn no_advanced_access() -> Self {
        let message = "(#10) The app has no Advanced Access to this permission, and the recipient \
                       has no role on it";
        Self { status: StatusCode::FORBIDDEN, ..Self::new(10, Some(2_534_048), message) }
    }

    pub(super) fn access_off() -> Self {
        let message = "(#200) The account owner has disabled access to instagram direct messages";
        Self { status: StatusCode::FORBIDDEN, ..Self::new(200, Some(2_534_041), message) }
    }

    pub(super) fn no_role() -> Self {
        let message = "(#200) Cannot message users who are not admins, developers or testers of \
                       the app until it is reviewed and the app is live";
        Self { status: StatusCode::FORBIDDEN, ..Self::new(200, Some(2_018_028), message) }
    }

    pub(super) fn message_gone() -> Self {
        let message = "This message has been deleted or is no longer available";
        Self::new(9_000_001, None, message)
    }

    /// The person does not want to be seen, or is nobody.
    pub(super) fn no_profile() -> Self {
        let message = "(#9010) No matching Instagram user";
        Self { kind: "IGApiException", ..Self::new(9010, None, message) }
    }

    pub(super) fn wrong_proof() -> Self {
        let message = "Invalid appsecret_proof provided in the API argument";
        Self { kind: "GraphMethodException", ..Self::new(100, None, message) }
    }

    pub(super) fn no_proof() -> Self {
        let message = "API calls from the server require an appsecret_proof argument";
        Self { kind: "GraphMethodException", ..Self::new(100, None, message) }
    }

    pub(super) fn no_consent() -> Self {
        Self::new(230, None, "User consent is required to access user profile.")
    }

    /// Whether the answer says that the token is at fault.
    pub(super) fn is_about_token(&self) -> bool {
        self.code == 190
    }
}

/// Writes a time as the platform does in token errors, always in standard time.
fn pacific(time: Timestamp) -> String {
    let standard = jiff::tz::TimeZone::fixed(jiff::tz::offset(-8));
    jiff::Timestamp::from_millisecond(time.as_millis()).map_or_else(
        |_| time.to_string(),
        |time| time.to_zoned_datetime(standard).strftime("%A, %d-%b-%y %H:%M:%S PST").to_string(),
    )
}
