//! Cursors of lists: what we gave out comes back as it was, anything else is refused by its name.

use posta::api::error::{ApiError, Result};
use posta::api::page;
use posta_core::failure::Code;
use posta_core::id::{AccountId, OauthAppId};
use posta_core::time::Timestamp;

pub(crate) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    any_text(&text);
    given_out(data, &text);
}

fn any_text(text: &str) {
    match checked(page::place(Some(text))) {
        Some(Some(place)) => assert_eq!(page::cursor(place.at, &place.id), text),
        Some(None) => assert!(text.is_empty()),
        None => {}
    }
    match checked(page::offset(Some(text))) {
        Some(0) if text.is_empty() => {}
        Some(offset) => assert_eq!(page::offset_cursor(offset), text),
        None => {}
    }
    // Two lists are continued behind an id.
    if let Ok(id) = text.parse::<AccountId>() {
        assert_eq!(id.as_str(), text);
    }
    assert_eq!(text.parse::<AccountId>().is_ok(), text.parse::<OauthAppId>().is_ok());
}

/// A cursor that a list would give out for a row of this time and id, or at this place.
fn given_out(data: &[u8], text: &str) {
    let mut bytes = [0; 8];
    for (byte, from) in bytes.iter_mut().zip(data) {
        *byte = *from;
    }
    let at = Timestamp::from_millis(i64::from_le_bytes(bytes));
    let cursor = page::cursor(at, text);
    let place = page::place(Some(&cursor)).expect("it is ours").expect("and not empty");
    assert_eq!((place.at, place.id.as_str()), (at, text));
    assert!(checked(page::offset(Some(&cursor))).is_none(), "it is one of another list");
    assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));

    let offset = usize::from_le_bytes(bytes);
    let cursor = page::offset_cursor(offset);
    assert_eq!(page::offset(Some(&cursor)).expect("it is ours"), offset);
    assert!(checked(page::place(Some(&cursor))).is_none(), "it is one of another list");
}

/// Insists that a refusal names the field.
fn checked<T>(read: Result<T>) -> Option<T> {
    read.map_err(|ApiError { code, param, .. }| {
        assert_eq!((code, param.as_deref()), (Code::InvalidFieldValue, Some("cursor")));
    })
    .ok()
}
