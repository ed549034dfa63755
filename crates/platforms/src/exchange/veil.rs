//! What is private is hidden: every text but those under names that a platform calls harmless.

use serde_json::{Map, Value};

/// A text that is shown may be so long; what is longer is something else than it seems.
const LONGEST: usize = 300;

/// A hidden text that is shorter also stands in words by chance.
const TELLING: usize = 4;

/// A word of letters and digits that is so long is taken for a token.
const TOKEN: usize = 32;

const HIDDEN: &str = "[hidden]";

/// Hides texts, and remembers those of the request, because answers quote them.
pub(super) struct Veil<'a> {
    shown: &'a [&'a str],
    hidden: Vec<String>,
}

impl<'a> Veil<'a> {
    pub(super) fn new(shown: &'a [&'a str]) -> Self {
        Self { shown, hidden: Vec::new() }
    }

    pub(super) fn hide(&mut self, secret: Option<&str>) {
        self.hidden.extend(secret.filter(|text| text.len() >= TELLING).map(str::to_owned));
    }

    /// A text of the request under its name.
    pub(super) fn text(&mut self, name: &str, text: &str) -> String {
        if self.is_shown(name, text) {
            return text.to_owned();
        }
        self.hide(Some(text));
        measure(text)
    }

    /// A value of the request under its name.
    pub(super) fn value(&mut self, name: &str, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(name, text)),
            Value::Array(list) => list.iter().map(|one| self.value(name, one)).collect(),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, one)| (name.clone(), self.value(name, one)));
                Value::Object(fields.collect::<Map<_, _>>())
            }
            other => other.clone(),
        }
    }

    /// The same of an answer.
    pub(super) fn answer(&self, value: &Value) -> Value {
        Veil::new(self.shown).value("", value)
    }

    /// Words of the platform, without what they quote of the request and what looks like a token.
    pub(super) fn clean(&self, words: &str) -> String {
        let mut words = words.to_owned();
        let mut hidden: Vec<_> = self.hidden.iter().collect();
        // A part of another text must not break that up.
        hidden.sort_by_key(|text| std::cmp::Reverse(text.len()));
        for text in hidden {
            words = words.replace(text, HIDDEN);
        }
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '|');
        let tokens: Vec<String> = words
            .split(|c: char| !is_part(c))
            .filter(|word| word.len() >= TOKEN && word.contains(|c: char| c.is_ascii_digit()))
            .map(str::to_owned)
            .collect();
        tokens.iter().fold(words, |words, token| words.replace(token, HIDDEN))
    }

    fn is_shown(&self, name: &str, text: &str) -> bool {
        text.is_empty() || (self.shown.contains(&name) && text.len() <= LONGEST)
    }
}

fn measure(text: &str) -> String {
    format!("[{} characters]", text.chars().count())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_and_shapes_stay_and_texts_do_not() {
        let mut veil = Veil::new(&["id", "type"]);
        let body = json!({
            "recipient": {"id": "17841"},
            "message": {"text": "Hé, Ana!", "id": "x".repeat(400)},
            "type": ["A", "B"], "n": 7, "is": true, "none": null, "empty": "", "list": ["a", {"b": "c"}],
        });
        let expected = json!({
            "recipient": {"id": "17841"},
            "message": {"text": "[8 characters]", "id": "[400 characters]"},
            "type": ["A", "B"], "n": 7, "is": true, "none": null, "empty": "",
            "list": ["[1 characters]", {"b": "[1 characters]"}],
        });
        assert_eq!(veil.value("", &body), expected);
    }

    #[test]
    fn words_do_not_quote_what_is_hidden() {
        let mut veil = Veil::new(&[]);
        veil.hide(Some("Hello"));
        veil.hide(Some("Hello Ana"));
        veil.hide(Some("a"));
        let words = "(#100) Hello Ana, Hello: token IGAAx1234567890123456789012345678901234 is bad";
        assert_eq!(veil.clean(words), "(#100) [hidden], [hidden]: token [hidden] is bad");
        let plain =
            "Error validating access token: Session has expired on Tuesday, 24-Nov-26 03:00:00 PST";
        assert_eq!(veil.clean(plain), plain);
    }
}
