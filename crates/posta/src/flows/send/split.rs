//! A text that is too long for one message, cut where it reads well.

use posta_core::capability::TextLimit;
use unicode_segmentation::UnicodeSegmentation;

/// Cuts a text into parts that the platform takes: at the end of a line if one ends in the second
/// half of a part, else between words, else between characters as people see them. What stands
/// between two parts is white space and is left out.
pub(super) fn split(text: &str, limit: &TextLimit) -> Vec<String> {
    if limit.count(text) <= limit.max {
        return vec![text.to_owned()];
    }
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (part, after) = rest.split_at(cut(rest, limit));
        parts.push(part.trim_end().to_owned());
        rest = after.trim_start();
    }
    parts
}

/// Where the first part of a text ends, in bytes; never 0.
fn cut(text: &str, limit: &TextLimit) -> usize {
    if limit.count(text) <= limit.max {
        return text.len();
    }
    let fits = |end: usize| limit.count(&text[..end]) <= limit.max;
    let ends = text.grapheme_indices(true).map(|(start, one)| start + one.len());
    let longest = ends.take_while(|end| fits(*end)).last();
    // One character of people can be longer than any message; then it is cut like any text.
    let longest = longest.unwrap_or_else(|| {
        let ends = text.char_indices().map(|(start, one)| start + one.len_utf8());
        ends.take_while(|end| fits(*end)).last().unwrap_or(text.len())
    });
    let head = &text[..longest];
    // If the next part begins with white space, this one already ends between words.
    if text[longest..].starts_with(char::is_whitespace) {
        return longest;
    }
    let line = head.rfind('\n').filter(|at| *at >= longest / 2);
    line.or_else(|| head.rfind(char::is_whitespace)).filter(|at| *at > 0).unwrap_or(longest)
}

#[cfg(test)]
mod tests {
    use posta_core::capability::TextUnit;

    use super::*;

    fn bytes(max: usize) -> TextLimit {
        TextLimit { max, unit: TextUnit::Bytes }
    }

    #[test]
    fn a_text_that_fits_stays_as_it_is() {
        assert_eq!(split("  as it is \n", &bytes(20)), ["  as it is \n"]);
    }

    #[test]
    fn lines_come_before_words_and_words_before_characters() {
        assert_eq!(split("one two\nthree four", &bytes(12)), ["one two", "three four"]);
        assert_eq!(split("one two three four", &bytes(9)), ["one two", "three", "four"]);
        assert_eq!(split("abcdefghij", &bytes(4)), ["abcd", "efgh", "ij"]);
        // The end of a line near the beginning is not worth a short message.
        assert_eq!(split("a\nbcd efg hijk", &bytes(10)), ["a\nbcd efg", "hijk"]);
        assert_eq!(split("abcd efgh", &bytes(4)), ["abcd", "efgh"]);
    }

    #[test]
    fn what_people_see_as_one_character_stays_whole() {
        // A family of three, 18 bytes; a flag, 8; an e with an accent of its own, 3.
        let family = "👨\u{200d}👩\u{200d}👧";
        assert_eq!(split(&family.repeat(3), &bytes(40)), [family.repeat(2), family.to_owned()]);
        assert_eq!(split("🇩🇪🇫🇷🇮🇹", &bytes(17)), ["🇩🇪🇫🇷", "🇮🇹"]);
        assert_eq!(split("e\u{301}e\u{301}", &bytes(5)), ["e\u{301}", "e\u{301}"]);
        assert_eq!(split(family, &bytes(7)).concat(), family);
    }

    #[test]
    fn a_thousand_emoji_are_four_thousand_bytes() {
        let parts = split(&"😀".repeat(1000), &bytes(1000));
        assert_eq!(parts.len(), 4);
        assert!(parts.iter().all(|part| part.len() == 1000));
    }

    #[test]
    fn nothing_but_white_space_is_lost() {
        let text = "Grüße aus Köln\n\n  und\tBonn 👋🏽 ".repeat(97);
        for max in [5, 17, 64, 1000] {
            let parts = split(&text, &bytes(max));
            assert!(parts.iter().all(|part| part.len() <= max && !part.is_empty()));
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(bare(&parts.concat()), bare(&text));
        }
    }
}
