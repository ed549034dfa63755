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
    let operations = operations(&description["paths"]);
    let events = operations_of_events(description);
    let mut tags: Vec<&str> = Vec::new();
    for operation in operations.iter().chain(&events) {
        if !tags.contains(&operation.tag) {
            tags.push(operation.tag);
        }
    }
    let shapes = shapes(description);
    let body = html! {
        nav {
            a.home href="/docs" { "Posta" }
            @for tag in &tags {
                h2 { (tag) }
                @for operation in operations.iter().chain(&events).filter(|one| one.tag == *tag) {
                    a href={ "#" (operation.id) } { (title(operation)) }
                }
            }
            h2 { "More" }
            a href="#shapes" { "shapes" }
            a href="/docs/errors" { "error codes" }
            a href="/openapi.json" { "openapi.json" }
        }
        main {
            h1 { "API reference" }
            p {
                "Every path also works under " code { "/api" } ". Send "
                code { "Authorization: Bearer <api key>" }
                "; make a key with " code { "posta keys create" } ". A failure is JSON with one of the "
                a href="/docs/errors" { "error codes" } ". A star marks what is always there."
            }
            @for operation in &operations { (section(operation, description)) }
            h2 { "Events" }
            p { "What Posta sends to webhook endpoints." }
            @for event in &events { (section(event, description)) }
            h2 #shapes { "Shapes" }
            @for (name, shape) in &shapes {
                section id={ "shape-" (name) } {
                    h3 { code { (name) } }
                    p { (text(shape["description"].as_str().unwrap_or_default())) }
                    (schema(shape, description))
                }
            }
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

fn operations(paths: &Value) -> Vec<Operation<'_>> {
    let paths = paths.as_object().into_iter().flatten();
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

fn operations_of_events(description: &Value) -> Vec<Operation<'_>> {
    let mut events = operations(&description["webhooks"]);
    for event in &mut events {
        event.method = "event";
    }
    events
}

fn title(operation: &Operation<'_>) -> String {
    match operation.method {
        "event" => operation.path.to_owned(),
        _ => operation.id.replace('_', " "),
    }
}

/// The shapes that have fields; the others are said by their type.
fn shapes(description: &Value) -> Vec<(&String, &Value)> {
    let all = description["components"]["schemas"].as_object().into_iter().flatten();
    all.filter(|(_, shape)| has_fields(shape)).collect()
}

fn has_fields(shape: &Value) -> bool {
    ["properties", "allOf", "oneOf"].iter().any(|key| shape.get(key).is_some())
}

fn section(operation: &Operation<'_>, description: &Value) -> Markup {
    let spec = operation.spec;
    let said = ["summary", "description"].map(|key| spec[key].as_str().unwrap_or_default());
    html! {
        section id=(operation.id) {
            h3 { span.method { (operation.method.to_uppercase()) } " " code { (operation.path) } }
            p { (text(said[0])) " " (text(said[1])) }
            @if let Some(parameters) = spec["parameters"].as_array() {
                table {
                    @for one in parameters {
                        (row(
                            one["name"].as_str().unwrap_or_default(),
                            &html! { (one["in"].as_str().unwrap_or_default()) },
                            one["required"] == true,
                            about(one),
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

fn row(name: &str, kind: &Markup, is_required: bool, about: &str) -> Markup {
    html! {
        tr {
            td { code { (name) } @if is_required { span.required title="always there" { " *" } } }
            td.kind { (kind) }
            td { (text(about)) }
        }
    }
}

/// Text with code between backticks.
fn text(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn schema(schema: &Value, description: &Value) -> Markup {
    let resolved = resolve(schema, description);
    let required = |name: &str| {
        resolved["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name))
    };
    let list = |key: &str| resolved[key].as_array().map(Vec::as_slice).unwrap_or_default();
    html! {
        @for part in list("allOf") { (self::schema(part, description)) }
        @for (index, choice) in list("oneOf").iter().enumerate() {
            @if index > 0 { p { "or" } }
            (self::schema(choice, description))
        }
        @if let Some(properties) = resolved["properties"].as_object() {
            table {
                @for (name, property) in properties {
                    (row(name, &type_of(property, description), required(name), about(property)))
                }
            }
        }
    }
}

/// What a field or parameter is for; sometimes that stands beside its type.
fn about(field: &Value) -> &str {
    let places = [field, &field["oneOf"][0], &field["schema"]];
    places.iter().find_map(|place| place["description"].as_str()).unwrap_or_default()
}

fn resolve<'a>(schema: &'a Value, description: &'a Value) -> &'a Value {
    schema["$ref"]
        .as_str()
        .and_then(|reference| description.pointer(reference.trim_start_matches('#')))
        .unwrap_or(schema)
}

fn type_of(property: &Value, description: &Value) -> Markup {
    if let Some(reference) = property["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return if has_fields(resolve(property, description)) {
            html! { a href={ "#shape-" (name) } { (name) } }
        } else {
            html! { (name) }
        };
    }
    if let Some(choices) = property["oneOf"].as_array() {
        return html! {
            @for (index, choice) in choices.iter().enumerate() {
                @if index > 0 { " or " }
                (type_of(choice, description))
            }
        };
    }
    if let Some(values) = property["enum"].as_array() {
        let values: Vec<_> = values.iter().filter_map(Value::as_str).collect();
        return html! { (values.join(" | ")) };
    }
    if let Some(value) = property["const"].as_str() {
        return html! { (value) };
    }
    let is = |kind: &Value| kind == "array";
    let kinds: Vec<&Value> = match &property["type"] {
        Value::Array(several) => several.iter().collect(),
        one => vec![one],
    };
    html! {
        @for (index, kind) in kinds.into_iter().enumerate() {
            @if index > 0 { " or " }
            @if is(kind) { "list of " (type_of(&property["items"], description)) }
            @else { (kind.as_str().unwrap_or_default()) }
        }
    }
}

/// The page about all error codes.
pub(crate) async fn errors() -> Markup {
    let body = html! {
        nav {
            a.home href="/docs" { "Posta" }
            h2 { "Error codes" }
            @for code in Code::ALL { a href={ "#" (code) } { (code) } }
        }
        main {
            h1 { "Error codes" }
            p {
                "Every failure is JSON with " code { "error" } ", " code { "type" } " and "
                code { "code" } ". Codes never change once released."
            }
            @for code in Code::ALL {
                section id=(code) {
                    h3 { code { (code) } " " span.method { (code.status()) } }
                    p { (text(code.means())) " " (text(code.remedy())) }
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
