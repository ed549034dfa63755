//! What to think of a platform that calls a window closed which by our record is open.

use std::time::Duration;

use posta_core::failure::{Code, ConnectorError};
use posta_core::message::Tag;
use posta_core::time::Timestamp;
use posta_platforms::contract::{Disputed, Platform};
use posta_store::conversations::Conversation;
use serde_json::{Value, json};

use super::{Opener, State, Window, of};

/// How near the end of a window a difference between two clocks is the likeliest cause.
const SKEW: Duration = Duration::from_mins(10);

/// What may be behind the refusal, in the words of `details.likelyCauses`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    NeverOpened,
    Clock,
    Opener,
    AccessLevel,
    WrongId,
}

impl Cause {
    const ALL: [Self; 5] =
        [Self::NeverOpened, Self::Clock, Self::Opener, Self::AccessLevel, Self::WrongId];

    const fn name(self) -> &'static str {
        match self {
            Self::NeverOpened => "never_opened",
            Self::Clock => "clock",
            Self::Opener => "opener_not_counted",
            Self::AccessLevel => "access_level",
            Self::WrongId => "wrong_id",
        }
    }

    const fn means(self) -> &'static str {
        match self {
            Self::NeverOpened => {
                "nothing that the person did is on record, and neither what the account wrote itself \
                 nor a private reply to a comment opens the window"
            }
            Self::Clock => "the window is about to end, and the clock here may be slow",
            Self::Opener => "the platform may not count what the person did",
            Self::AccessLevel => {
                "the app may lack advanced access or not be live, so that only people with a role on \
                 it can be answered"
            }
            Self::WrongId => {
                "the id may be that of another account's person, or an app-scoped one, which the \
                 platform takes for somebody who never wrote"
            }
        }
    }

    const fn remedy(self) -> &'static str {
        match self {
            Self::NeverOpened => "Wait until the person writes; only that opens the window.",
            Self::Clock => {
                "Compare the clock of this machine with a time server, and answer earlier."
            }
            Self::Opener => "Wait until the person writes a message; that counts in any case.",
            Self::AccessLevel => {
                "Check that the app is live and has advanced access to messaging; then that the id \
                 came with this account's own webhooks."
            }
            Self::WrongId => "Use the id that came with this account's own webhooks.",
        }
    }
}

/// Explains a refusal for a closed window, where our record says something else. The platform's own
/// words stay with it. Any other failure is returned as it is.
#[must_use]
pub fn doubt(
    error: ConnectorError,
    platform: &dyn Platform,
    conversation: &Conversation,
    tag: Option<Tag>,
    now: Timestamp,
) -> ConnectorError {
    let Some(window) = of(platform, conversation, now) else {
        return error;
    };
    if error.code != Code::OutsideMessagingWindow || error.said.is_none() {
        return error;
    }
    let is_open = match tag {
        _ if window.opened_at.is_none() => false,
        Some(Tag::HumanAgent) => window.state != State::Closed,
        None => window.state == State::Open,
    };
    let causes = causes(&window, is_open, tag, now);
    let Some(first) = causes.first() else {
        // Both agree that it is closed.
        return ConnectorError { details: Some(super::details(&window)), ..error };
    };
    let title = platform.title();
    let record = match (window.opened_at, is_open) {
        (Some(opened), true) => format!("by our record it is open since {opened}"),
        _ => "our record holds no opening".to_owned(),
    };
    let message = format!("{title} calls the reply window closed, and {record}: {}", first.means());
    let code = if is_open { Code::WindowDisputed } else { Code::OutsideMessagingWindow };
    let mut details = super::details(&window);
    details["likelyCauses"] = causes.iter().map(|cause| json!(cause.name())).collect();
    ConnectorError { code, message, remedy: Some(first.remedy()), details: Some(details), ..error }
}

/// Reads from an error that was kept with a message what is behind a window that the platform alone
/// calls closed.
#[must_use]
pub fn disputed(stored: &Value) -> Option<Disputed> {
    if stored["code"] != Code::WindowDisputed.as_str() {
        return None;
    }
    let likeliest = stored["details"]["likelyCauses"][0].as_str()?;
    let cause = Cause::ALL.into_iter().find(|cause| cause.name() == likeliest)?;
    let text = format!("By our record the reply window was open: {}.", cause.means());
    Some(Disputed { cause: text, remedy: cause.remedy() })
}

/// What may be behind it, the likeliest first; nothing when both agree.
fn causes(window: &Window, is_open: bool, tag: Option<Tag>, now: Timestamp) -> Vec<Cause> {
    if window.opened_at.is_none() {
        return vec![Cause::NeverOpened, Cause::WrongId];
    }
    if !is_open {
        return Vec::new();
    }
    let end = if tag.is_some() { window.human_agent_until } else { window.closes_at };
    let is_ending = end.is_some_and(|end| end.since(now) <= SKEW);
    let opener = window.opens_by.as_ref().map(|opening| opening.kind);
    // Whether these open it is likely and not documented
    // (developers.facebook.com/docs/instagram-platform, messaging pages, read 2026-11-24).
    let is_doubtful = matches!(opener, Some(Opener::Postback | Opener::Referral));
    let all = [
        (is_ending, Cause::Clock),
        (is_doubtful, Cause::Opener),
        (true, Cause::AccessLevel),
        (true, Cause::WrongId),
        (!is_ending, Cause::Clock),
    ];
    all.into_iter().filter_map(|(is_likely, cause)| is_likely.then_some(cause)).collect()
}
