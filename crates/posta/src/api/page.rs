//! Pages of lists: limits, and cursors that say nothing to anybody else.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use posta_core::time::Timestamp;
use posta_store::conversations::Place;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::{ApiError, Result};

/// The end of a page that is continued by cursor.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CursorPage {
    /// Whether there is more.
    pub(crate) has_more: bool,
    /// What to send as `cursor` for more; null at the end.
    pub(crate) next_cursor: Option<String>,
}

/// How many rows a page has: what was asked for, at most `max`.
pub(crate) fn limit(asked: Option<i64>, default: i64, max: i64) -> Result<i64> {
    match asked {
        Some(asked) if asked < 1 => Err(ApiError::bad_value("limit", "must be at least 1")),
        asked => Ok(asked.unwrap_or(default).min(max)),
    }
}

/// How many rows to pass over.
pub(crate) fn skip(asked: Option<i64>) -> Result<i64> {
    match asked {
        Some(asked) if asked < 0 => Err(ApiError::bad_value("skip", "must not be negative")),
        asked => Ok(asked.unwrap_or(0)),
    }
}

/// Cuts a list that was read one row too long, and says how to go on.
pub(crate) fn cut<T>(rows: &mut Vec<T>, limit: i64, place: impl Fn(&T) -> String) -> CursorPage {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| has_more).map(place);
    CursorPage { has_more, next_cursor }
}

/// Writes a cursor.
#[must_use]
pub fn cursor(at: Timestamp, id: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{} {id}", at.as_millis()))
}

/// Reads a cursor.
///
/// # Errors
/// When no list of ours has given it out.
pub fn place(cursor: Option<&str>) -> Result<Option<Place>> {
    let Some(cursor) = cursor.filter(|cursor| !cursor.is_empty()) else {
        return Ok(None);
    };
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (at, id) = text.split_once(' ')?;
        Some(Place { at: Timestamp::from_millis(at.parse().ok()?), id: id.to_owned() })
    };
    let ours = read().filter(|place| self::cursor(place.at, &place.id) == cursor);
    ours.map(Some).ok_or_else(foreign)
}

/// A cursor of somebody else's.
pub(crate) fn foreign() -> ApiError {
    ApiError::bad_value("cursor", "is not one that a list of ours gave out")
}

/// Writes a cursor into a list that is made anew for each page.
#[must_use]
pub fn offset_cursor(offset: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("after {offset}"))
}

/// Reads such a cursor: how many rows to pass over.
///
/// # Errors
/// When no list of ours has given it out.
pub fn offset(cursor: Option<&str>) -> Result<usize> {
    let Some(cursor) = cursor.filter(|cursor| !cursor.is_empty()) else {
        return Ok(0);
    };
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        text.strip_prefix("after ")?.parse().ok()
    };
    let ours = read().filter(|offset| offset_cursor(*offset) == cursor);
    ours.ok_or_else(foreign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_and_others_are_refused() {
        let cursor = cursor(Timestamp::from_millis(5), "abc");
        let place_read = place(Some(&cursor)).unwrap().unwrap();
        assert_eq!((place_read.at.as_millis(), place_read.id.as_str()), (5, "abc"));
        assert!(place(None).unwrap().is_none());
        let padded = URL_SAFE_NO_PAD.encode("+5 abc");
        for bad in ["x", "%%%", "AAAA", &padded] {
            assert_eq!(place(Some(bad)).unwrap_err().param.as_deref(), Some("cursor"));
        }
    }

    #[test]
    fn a_cursor_of_one_kind_is_not_one_of_the_other() {
        assert_eq!(offset(Some(&offset_cursor(50))).unwrap(), 50);
        assert_eq!(offset(None).unwrap(), 0);
        let padded = URL_SAFE_NO_PAD.encode("after 050");
        assert_eq!(offset(Some(&padded)).unwrap_err().param.as_deref(), Some("cursor"));
        let other = cursor(Timestamp::from_millis(5), "abc");
        assert_eq!(offset(Some(&other)).unwrap_err().param.as_deref(), Some("cursor"));
    }

    #[test]
    fn a_page_is_cut_and_tells_whether_there_is_more() {
        let mut rows = vec![1, 2, 3];
        let page = cut(&mut rows, 2, ToString::to_string);
        assert_eq!((rows, page.next_cursor), (vec![1, 2], Some("2".to_owned())));
    }
}
