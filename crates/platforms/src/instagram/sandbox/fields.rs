//! The `fields` parameter, and pages of lists: what the Graph API's reads have in common.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use url::Url;

use super::NAME;
use super::params::Params;
use super::refusal::Refusal;
use crate::sandbox::Sandbox;

/// The longest page that can be asked for.
const MOST: usize = 100;

/// One field that is asked for, such as `messages.limit(5){from,to}`.
#[derive(Clone, Debug, Default)]
pub(super) struct Field {
    pub(super) name: String,
    limit: Option<usize>,
    pub(super) inner: Vec<Field>,
}

/// Reads the parameter; without it these are meant.
pub(super) fn read(params: &Params, otherwise: &str) -> Result<Vec<Field>, Refusal> {
    let given: Vec<&str> = params.all("fields").filter_map(Value::as_str).collect();
    let given = given.join(",");
    parse(if given.trim().is_empty() { otherwise } else { &given })
}

/// Reads a list of fields.
pub(super) fn parse(text: &str) -> Result<Vec<Field>, Refusal> {
    let mut rest = text;
    let fields = parse_list(&mut rest)?;
    if rest.is_empty() { Ok(fields) } else { Err(syntax(rest)) }
}

fn parse_list(rest: &mut &str) -> Result<Vec<Field>, Refusal> {
    let mut fields = Vec::new();
    loop {
        *rest = rest.trim_start_matches([',', ' ']);
        if rest.is_empty() || rest.starts_with('}') {
            return Ok(fields);
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
        if name.is_empty() {
            return Err(syntax(rest));
        }
        *rest = after;
        let mut field = Field { name: name.to_owned(), ..Field::default() };
        while let Some(after) = rest.strip_prefix('.') {
            let (call, after) = after.split_once(')').ok_or_else(|| syntax(after))?;
            let (modifier, value) = call.split_once('(').ok_or_else(|| syntax(call))?;
            if modifier == "limit" {
                field.limit = Some(value.parse().map_err(|_| syntax(call))?);
            }
            *rest = after;
        }
        if let Some(after) = rest.strip_prefix('{') {
            *rest = after;
            field.inner = parse_list(rest)?;
            *rest = rest.strip_prefix('}').ok_or_else(|| syntax(rest))?;
        }
        fields.push(field);
    }
}

fn syntax(rest: &str) -> Refusal {
    Refusal::parameter(format!("Syntax error in fields at \"{rest}\""))
}

/// Keeps the fields that were asked for, and the id always. What is null stays away if it is said so.
pub(super) fn select(object: &Value, fields: &[Field], keeps_null: bool) -> Result<Value, Refusal> {
    let mut selected = Map::new();
    if let Some(id) = object.get("id") {
        selected.insert("id".to_owned(), id.clone());
    }
    for field in fields {
        let name = &field.name;
        let value = object.get(name).ok_or_else(|| {
            Refusal::parameter(format!("Tried accessing nonexisting field ({name})"))
        })?;
        let value = match value {
            Value::Null if !keeps_null => continue,
            Value::Null => Value::Null,
            whole if field.inner.is_empty() => whole.clone(),
            whole => narrow(whole, &field.inner, keeps_null)?,
        };
        selected.insert(name.clone(), value);
    }
    Ok(Value::Object(selected))
}

/// Keeps what was asked for of an object, or of each in a list.
fn narrow(whole: &Value, fields: &[Field], keeps_null: bool) -> Result<Value, Refusal> {
    match whole.get("data").and_then(Value::as_array) {
        Some(items) => {
            let items: Result<Vec<Value>, Refusal> =
                items.iter().map(|item| select(item, fields, keeps_null)).collect();
            Ok(json!({ "data": items? }))
        }
        None => select(whole, fields, keeps_null),
    }
}

/// A part of a list, and how to get at the rest.
pub(super) struct Page {
    /// The path of the list, from the version on.
    pub(super) path: String,
    /// The parameters that go into the links to other pages.
    pub(super) query: Vec<(String, String)>,
    limit: usize,
    after: Option<String>,
    before: Option<String>,
}

impl Page {
    /// Reads which part of a list is asked for.
    pub(super) fn read(params: &Params, path: String, usual: usize) -> Result<Self, Refusal> {
        let limit = match params.text("limit") {
            None => usual,
            Some(text) => {
                let wrong = || Refusal::parameter("Param limit must be a positive integer");
                text.parse().ok().filter(|limit| *limit > 0).ok_or_else(wrong)?
            }
        };
        let cursor = |name| params.text(name).map(read_cursor).transpose();
        let kept = ["fields", "platform", "user_id", "access_token"].into_iter();
        let query = kept.filter_map(|name| Some((name.to_owned(), params.text(name)?.to_owned())));
        Ok(Self {
            path,
            query: query.collect(),
            limit: limit.min(MOST),
            after: cursor("after")?,
            before: cursor("before")?,
        })
    }

    /// The first part of a list that is a field of something else.
    pub(super) fn inside(params: &Params, path: String, field: &Field, usual: usize) -> Self {
        let token = params.text("access_token");
        let mut query: Vec<(String, String)> = Vec::new();
        let names: Vec<&str> = field.inner.iter().map(|inner| inner.name.as_str()).collect();
        if !names.is_empty() {
            query.push(("fields".to_owned(), names.join(",")));
        }
        query.extend(token.map(|token| ("access_token".to_owned(), token.to_owned())));
        let limit = field.limit.unwrap_or(usual).clamp(1, MOST);
        Self { path, query, limit, after: None, before: None }
    }

    /// Returns which of these ids are on the page.
    pub(super) fn range(&self, ids: &[String]) -> std::ops::Range<usize> {
        let place = |cursor: &Option<String>| {
            let cursor = cursor.as_ref()?;
            ids.iter().position(|id| id == cursor)
        };
        match (place(&self.after), place(&self.before)) {
            (Some(after), _) => (after + 1).min(ids.len())..(after + 1 + self.limit).min(ids.len()),
            (None, Some(before)) => before.saturating_sub(self.limit)..before,
            (None, None) => 0..self.limit.min(ids.len()),
        }
    }

    /// Writes the page: what is on it, and links to what is before and after.
    pub(super) fn write(&self, sandbox: &Sandbox, ids: &[String], items: &[Value]) -> Value {
        let range = self.range(ids);
        let (Some(first), Some(last)) = (ids.get(range.start), ids[range.clone()].last()) else {
            return json!({ "data": items });
        };
        let (first, last) = (cursor(first), cursor(last));
        let mut paging = json!({"cursors": {"before": first, "after": last}});
        if range.end < ids.len() {
            paging["next"] = self.link(sandbox, "after", &last).into();
        }
        if range.start > 0 {
            paging["previous"] = self.link(sandbox, "before", &first).into();
        }
        json!({"data": items, "paging": paging})
    }

    fn link(&self, sandbox: &Sandbox, name: &str, cursor: &str) -> String {
        let base = sandbox.url(NAME, "graph").map(String::from).unwrap_or_default();
        let whole = format!("{base}/{}", self.path);
        let Ok(mut url) = Url::parse(&whole) else {
            return whole;
        };
        url.query_pairs_mut()
            .extend_pairs(&self.query)
            .append_pair("limit", &self.limit.to_string())
            .append_pair(name, cursor);
        url.into()
    }
}

fn cursor(id: &str) -> String {
    URL_SAFE_NO_PAD.encode(id)
}

fn read_cursor(text: &str) -> Result<String, Refusal> {
    let plain = URL_SAFE_NO_PAD.decode(text).ok().and_then(|plain| String::from_utf8(plain).ok());
    plain.ok_or_else(|| Refusal::parameter("Invalid cursors values"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_nest_and_take_limits() {
        let fields = parse("id, messages.limit(5){from,to{id}},updated_time").unwrap();
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["id", "messages", "updated_time"]);
        assert_eq!(fields[1].limit, Some(5));
        assert_eq!(fields[1].inner[1].inner[0].name, "id");
        for wrong in ["a{b", "a}", "a.limit(x)", "a.limit", "{a}", "a b;"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
