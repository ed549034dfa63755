//! What stands in a column, in one form for both databases.

use serde_json::Value as Json;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Error, Postgres, QueryBuilder};

use super::{cell, field};

/// A column of both tables.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

impl Column {
    /// How the server reads it out.
    pub(super) fn readable(&self) -> String {
        let cast = if self.kind == Kind::Json { "::text" } else { "" };
        format!("\"{}\"{cast}", self.name)
    }

    /// How the server takes it in.
    pub(super) fn converted(&self) -> String {
        let cast = if self.kind == Kind::Json { "::jsonb" } else { "" };
        format!("u.\"{}\"{cast}", self.name)
    }
}

/// The types that columns have on both databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Boolean,
    Bytes,
    Json,
}

impl Kind {
    /// By the server's name of the type; `None` for one that the two do not share.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Self::Text,
            "int8" => Self::Number,
            "bool" => Self::Boolean,
            "bytea" => Self::Bytes,
            "jsonb" => Self::Json,
            _ => return None,
        })
    }

    /// Adds the values of a column as one array.
    pub(super) fn push(self, query: &mut QueryBuilder<Postgres>, values: Vec<Value>) {
        match self {
            Self::Text | Self::Json => {
                query.push_bind(array(values, |value| match value {
                    Value::Text(text) => Some(text),
                    _ => None,
                }));
                query.push("::text[]");
            }
            Self::Number => {
                query.push_bind(array(values, |value| match value {
                    Value::Number(number) => Some(number),
                    _ => None,
                }));
                query.push("::bigint[]");
            }
            Self::Boolean => {
                query.push_bind(array(values, |value| match value {
                    Value::Boolean(is) => Some(is),
                    _ => None,
                }));
                query.push("::boolean[]");
            }
            Self::Bytes => {
                query.push_bind(array(values, |value| match value {
                    Value::Bytes(bytes) => Some(bytes),
                    _ => None,
                }));
                query.push("::bytea[]");
            }
        }
    }
}

/// Takes the values of one type out of their common form; what is none of it is null.
fn array<T>(values: Vec<Value>, of: impl Fn(Value) -> Option<T>) -> Vec<Option<T>> {
    values.into_iter().map(of).collect()
}

/// A value. JSON is a text whose writing does not count.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Text(String),
    Number(i64),
    Boolean(bool),
    Bytes(Vec<u8>),
}

impl Value {
    pub(super) fn of_sqlite(row: &SqliteRow, index: usize, kind: Kind) -> Result<Self, Error> {
        Ok(match kind {
            Kind::Text => cell(row, index)?.map_or(Self::Null, Self::Text),
            Kind::Number => cell(row, index)?.map_or(Self::Null, Self::Number),
            Kind::Boolean => cell(row, index)?.map_or(Self::Null, Self::Boolean),
            Kind::Bytes => cell(row, index)?.map_or(Self::Null, Self::Bytes),
            Kind::Json => cell(row, index)?.map_or(Ok(Self::Null), canonical)?,
        })
    }

    pub(super) fn of_postgres(row: &PgRow, index: usize, kind: Kind) -> Result<Self, Error> {
        Ok(match kind {
            Kind::Text => field(row, index)?.map_or(Self::Null, Self::Text),
            Kind::Number => field(row, index)?.map_or(Self::Null, Self::Number),
            Kind::Boolean => field(row, index)?.map_or(Self::Null, Self::Boolean),
            Kind::Bytes => field(row, index)?.map_or(Self::Null, Self::Bytes),
            Kind::Json => field(row, index)?.map_or(Ok(Self::Null), canonical)?,
        })
    }

    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Null | Self::Number(_) | Self::Boolean(_) => 8,
        }
    }

    /// Writes it so that no two rows of different values are written alike.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        let (kind, bytes): (u8, &[u8]) = match self {
            Self::Null => (0, &[]),
            Self::Text(text) => (1, text.as_bytes()),
            Self::Number(number) => (2, &number.to_be_bytes()),
            Self::Boolean(is) => (3, &[u8::from(*is)]),
            Self::Bytes(bytes) => (4, bytes),
        };
        to.push(kind);
        to.extend_from_slice(&bytes.len().to_be_bytes());
        to.extend_from_slice(bytes);
    }
}

/// Writes JSON in one way: the databases keep neither spaces nor the order of keys alike.
fn canonical(text: &str) -> Result<Value, Error> {
    let value: Json = serde_json::from_str(text).map_err(|error| Error::Decode(error.into()))?;
    let mut text = String::new();
    write_json(&value, &mut text);
    Ok(Value::Text(text))
}

fn write_json(value: &Json, to: &mut String) {
    match value {
        Json::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| name.as_str());
            to.push('{');
            for (index, (name, value)) in fields.into_iter().enumerate() {
                if index > 0 {
                    to.push(',');
                }
                to.push_str(&Json::from(name.as_str()).to_string());
                to.push(':');
                write_json(value, to);
            }
            to.push('}');
        }
        Json::Array(values) => {
            to.push('[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    to.push(',');
                }
                write_json(value, to);
            }
            to.push(']');
        }
        Json::Number(number) => to.push_str(&number_text(number)),
        Json::Null | Json::Bool(_) | Json::String(_) => to.push_str(&value.to_string()),
    }
}

/// A whole number is written without a point or an exponent, as the server does: 1e2 and 100.0 are 100.
fn number_text(number: &serde_json::Number) -> String {
    match number.as_f64() {
        // Nothing added makes a negative nothing a plain one.
        Some(float) if number.is_f64() && float.fract() == 0.0 => (float + 0.0).to_string(),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_the_same_however_it_is_written() {
        let one = |text: &str| canonical(text).unwrap();
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(
            one("{ \"b\": [1e2, 1.5, \"\\u00e9\"],\n \"a\": null }"),
            text("{\"a\":null,\"b\":[100,1.5,\"é\"]}")
        );
        assert_eq!(
            one("{\"a\":null,\"b\":[100, 1.50,\"é\"]}"),
            one("{\"b\":[100.0,1.5,\"é\"],\"a\":null}")
        );
        assert_eq!(one("[1e17, -0.0]"), text("[100000000000000000,0]"));
        assert_ne!(one("[1]"), one("[\"1\"]"));
        assert!(canonical("{").is_err());
    }

    #[test]
    fn rows_of_different_values_are_written_differently() {
        let written = |values: &[Value]| {
            let mut bytes = Vec::new();
            values.iter().for_each(|value| value.write(&mut bytes));
            bytes
        };
        let text = |text: &str| Value::Text(text.to_owned());
        let rows = [
            vec![text("ab"), text("c")],
            vec![text("a"), text("bc")],
            vec![text("abc"), Value::Null],
            vec![Value::Null, text("abc")],
            vec![text(""), text("abc")],
            vec![Value::Bytes(b"ab".to_vec()), text("c")],
            vec![Value::Number(1), Value::Boolean(true)],
            vec![Value::Boolean(true), Value::Number(1)],
        ];
        let all: std::collections::BTreeSet<_> = rows.iter().map(|row| written(row)).collect();
        assert_eq!(all.len(), rows.len());
    }
}
