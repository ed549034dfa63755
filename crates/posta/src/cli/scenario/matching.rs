//! Whether an answer has what is expected of it, and names for parts of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Where something is not as expected.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(super) struct Difference {
    /// The way there.
    pub(super) at: String,
    pub(super) expected: Value,
    pub(super) got: Value,
}

/// Compares what is expected with what there is. Objects may have more than is expected, lists may
/// not; `"*"` stands for anything but null, and `{$has: …}` for a list with such an item.
pub(super) fn compare(expected: &Value, got: &Value) -> Option<Difference> {
    at("", expected, got)
}

fn at(path: &str, expected: &Value, got: &Value) -> Option<Difference> {
    let different =
        || Some(Difference { at: path.to_owned(), expected: expected.clone(), got: got.clone() });
    match (expected, got) {
        (Value::String(any), got) if any == "*" => got.is_null().then(different).flatten(),
        (Value::Object(wanted), got) if wanted.len() == 1 && wanted.contains_key("$has") => {
            let has = got.as_array().is_some_and(|items| {
                items.iter().any(|item| at(path, &wanted["$has"], item).is_none())
            });
            if has { None } else { different() }
        }
        (Value::Object(wanted), Value::Object(there)) => wanted.iter().find_map(|(key, wanted)| {
            at(&below(path, key), wanted, there.get(key).unwrap_or(&Value::Null))
        }),
        (Value::Array(wanted), Value::Array(there)) if wanted.len() == there.len() => {
            wanted.iter().zip(there).enumerate().find_map(|(place, (wanted, there))| {
                at(&below(path, &place.to_string()), wanted, there)
            })
        }
        (Value::Number(wanted), Value::Number(there)) if wanted.as_f64() == there.as_f64() => None,
        _ if expected == got => None,
        _ => different(),
    }
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Finds a part by the way there, such as `data.0.id`.
pub(super) fn find<'a>(value: &'a Value, way: &str) -> Option<&'a Value> {
    way.split('.').try_fold(value, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

/// Names, and what they stand for.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(pub(super) BTreeMap<String, Value>);

impl Names {
    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Puts in what names stand for; the error is a name that stands for nothing.
    pub(super) fn fill(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => self.fill_text(text)?,
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.fill(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => {
                let fields = fields.iter().map(|(key, value)| Ok((key.clone(), self.fill(value)?)));
                Value::Object(fields.collect::<Result<Map<_, _>, String>>()?)
            }
            other => other.clone(),
        })
    }

    /// Puts them into a text that stays one.
    pub(super) fn fill_path(&self, text: &str) -> Result<String, String> {
        Ok(plain(&self.fill_text(text)?))
    }

    fn fill_text(&self, text: &str) -> Result<Value, String> {
        let lookup = |name: &str| {
            let known = || self.0.keys().cloned().collect::<Vec<_>>().join(", ");
            let value = self.0.get(name);
            value.ok_or_else(|| format!("nothing is called {name}; there are {}", known()))
        };
        // A text that is a name and nothing else keeps the type of what it stands for.
        let whole = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        if let Some(name) = whole.filter(|name| !name.contains('}')) {
            return lookup(name).cloned();
        }
        let (mut filled, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, after)) = after.split_once('}') else { break };
            filled.push_str(before);
            filled.push_str(&plain(lookup(name)?));
            rest = after;
        }
        filled.push_str(rest);
        Ok(Value::String(filled))
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn more_than_is_expected_does_no_harm_and_less_is_named() {
        let got = json!({"id": "7", "message": {"text": "Hi", "at": 5}, "tags": ["a", "b"]});
        for expected in [
            json!({}),
            json!({"message": {"text": "Hi"}}),
            json!({"id": "*", "tags": ["a", "b"], "gone": null}),
            json!({"tags": {"$has": "b"}, "message": {"at": 5.0}}),
        ] {
            assert_eq!(compare(&expected, &got), None, "{expected}");
        }
        for (expected, path) in [
            (json!({"message": {"text": "Ho"}}), "message.text"),
            (json!({"gone": "*"}), "gone"),
            (json!({"tags": ["a"]}), "tags"),
            (json!({"tags": ["a", "c"]}), "tags.1"),
            (json!({"tags": {"$has": "c"}}), "tags"),
            (json!({"id": 7}), "id"),
        ] {
            assert_eq!(compare(&expected, &got).map(|found| found.at), Some(path.to_owned()));
        }
        assert_eq!(find(&got, "tags.1"), Some(&json!("b")));
        assert_eq!(find(&got, "message.at.x"), None);
    }

    #[test]
    fn names_are_filled_in_and_unknown_ones_refused() {
        let mut names = Names::default();
        names.set("id", "17");
        names.set("count", 3);
        let filled = names.fill(&json!({"a": "${count}", "b": ["/x/${id}/${count}?"], "c": "${"}));
        assert_eq!(filled, Ok(json!({"a": 3, "b": ["/x/17/3?"], "c": "${"})));
        assert_eq!(names.fill_path("${id}"), Ok("17".to_owned()));
        let refused = names.fill(&json!("a ${idd}")).unwrap_err();
        assert_eq!(refused, "nothing is called idd; there are count, id");
    }
}
