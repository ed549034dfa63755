//! The API's description, for machines and as a page for people.

use std::sync::OnceLock;

use axum::Json;
use axum::response::IntoResponse;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use posta_core::failure::Code;
use serde_json::Value;

/// The OpenAPI description as JSON.
pub(crate) async fn openapi() -> impl IntoResponse {
    Json(description())
}

fn description() -> &'static Value {
    static DESCRIPTION: OnceLock<Value> = OnceLock::new();
    DESCRIPTION.get_or_init(crate::router::openapi)
}

/// The page about all operations.
pub(crate) async fn reference() -> Markup {
    let description = description();
    let operations = operations(description);
    let mut tags: Vec<&str> = Vec::new();
    for operation in &operations {
        if !tags.contains(&operation.tag) {
            tags.push(operation.tag);
        }
    }
    let body = html! {
        nav {
            a.home href="/docs" { "Posta" }
            @for tag in &tags {
                h2 { (tag) }
                @for operation in operations.iter().filter(|one| one.tag == *tag) {
                    a href={ "#" (operation.id) } { (operation.id.replace('_', " ")) }
                }
            }
            h2 { "More" }
            a href="/docs/errors" { "error codes" }
            a href="/openapi.json" { "openapi.json" }
        }
        main {
            h1 { "API reference" }
            p {
                "Every path also works under " code { "/api" } ". Send "
                code { "Authorization: Bearer <api key>" }
                "; make a key with " code { "posta keys create" } "."
            }
            @for operation in &operations { (section(operation, description)) }
        }
    };
    page("API reference", &body)
}

struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    id: &'a str,
    tag: &'a str,
    spec: &'a Value,
}

fn operations(description: &Value) -> Vec<Operation<'_>> {
    let paths = description["paths"].as_object().into_iter().flatten();
    let each = paths.flat_map(|(path, methods)| {
        methods.as_object().into_iter().flatten().map(move |(method, spec)| Operation {
            method,
            path,
            id: spec["operationId"].as_str().unwrap_or_default(),
            tag: spec["tags"][0].as_str().unwrap_or("Other"),
            spec,
        })
    });
    each.filter(|operation| !operation.id.is_empty()).collect()
}

fn section(operation: &Operation<'_>, description: &Value) -> Markup {
    let spec = operation.spec;
    let summary = ["summary", "description"].map(|key| spec[key].as_str().unwrap_or_default());
    html! {
        section id=(operation.id) {
            h3 { span.method { (operation.method.to_uppercase()) } " " code { (operation.path) } }
            p { (summary[0]) " " (summary[1]) }
            @if let Some(parameters) = spec["parameters"].as_array() {
                table {
                    @for one in parameters {
                        (row(
                            one["name"].as_str().unwrap_or_default(),
                            one["in"].as_str().unwrap_or_default(),
                            one["required"] == true,
                            one["description"].as_str().unwrap_or_default(),
                        ))
                    }
                }
            }
            @let request = &spec["requestBody"]["content"]["application/json"]["schema"];
            @if !request.is_null() { h4 { "Body" } (schema(request, description)) }
            @for (status, response) in spec["responses"].as_object().into_iter().flatten() {
                @let answer = &response["content"]["application/json"]["schema"];
                @if status.starts_with('2') && !answer.is_null() {
                    h4 { "Answer " (status) } (schema(answer, description))
                }
            }
        }
    }
}

fn row(name: &str, place: &str, is_required: bool, text: &str) -> Markup {
    html! {
        tr {
            td { code { (name) } @if is_required { span.required title="required" { " *" } } }
            td.place { (place) }
            td { (text) }
        }
    }
}

fn schema(schema: &Value, description: &Value) -> Markup {
    let resolved = resolve(schema, description);
    let required = |name: &str| {
        resolved["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name))
    };
    let parts = resolved["allOf"].as_array().map(Vec::as_slice).unwrap_or_default();
    html! {
        @for part in parts { (self::schema(part, description)) }
        table {
            @for (name, property) in resolved["properties"].as_object().into_iter().flatten() {
                (row(
                    name,
                    &type_of(property),
                    required(name),
                    property["description"].as_str().unwrap_or_default(),
                ))
            }
        }
    }
}

fn resolve<'a>(schema: &'a Value, description: &'a Value) -> &'a Value {
    schema["$ref"]
        .as_str()
        .and_then(|reference| description.pointer(reference.trim_start_matches('#')))
        .unwrap_or(schema)
}

fn type_of(property: &Value) -> String {
    if let Some(reference) = property["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if property["type"] == "array" {
        return format!("list of {}", type_of(&property["items"]));
    }
    match &property["type"] {
        Value::String(one) => one.clone(),
        Value::Array(several) => {
            several.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")
        }
        _ => property["oneOf"]
            .as_array()
            .map(|all| all.iter().map(type_of).collect::<Vec<_>>().join(" or "))
            .unwrap_or_default(),
    }
}

/// The page about all error codes.
pub(crate) async fn errors() -> Markup {
    let body = html! {
        nav { a.home href="/docs" { "Posta" } }
        main {
            h1 { "Error codes" }
            p {
                "Every failure is JSON with " code { "error" } ", " code { "type" } " and "
                code { "code" } ". Codes never change once released."
            }
            @for code in Code::ALL {
                section id=(code) {
                    h3 { code { (code) } " " span.method { (code.status()) } }
                    p { (code.means()) " " (code.remedy()) }
                }
            }
        }
    };
    page("Error codes", &body)
}

fn page(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Posta" }
                style { (PreEscaped(include_str!("docs.css"))) }
            }
            body { (body) }
        }
    }
}
