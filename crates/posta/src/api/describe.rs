//! The API's description: what is read off the handlers, completed by what holds for all of them
//! and by the events that Posta sends.

use posta_core::failure::Code;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::error::ErrorBody;
use crate::flows::announce::ANNOUNCED;
use crate::flows::events::Envelope;

const ABOUT: &str = "One API over every social inbox and feed.

Every path also works under `/api`, and with a slash at its end. Every answer carries \
`X-Request-Id`, `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`; 429 and 503 \
carry `Retry-After`. Times are UTC with three decimals.";

#[derive(OpenApi)]
#[openapi(
    info(title = "Posta", license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")),
    components(schemas(ErrorBody, Envelope<'static>))
)]
struct Base;

const TAGS: [(&str, &str); 10] = [
    ("Inbox", "Conversations and their messages."),
    ("Comments", "Comments on posts, replies to them, and mentions."),
    ("Accounts", "Connected accounts and how they are."),
    ("Connect", "Connecting accounts, and your own apps at the platforms."),
    ("Profiles", "The brands or customers that group accounts."),
    ("Webhooks", "Where you want to hear of events, and what became of each delivery."),
    ("Logs", "What was asked of platforms, and what they said."),
    ("API keys", "Keys for this API."),
    ("Server", "Probes; they need no key."),
    ("Events", "What Posta sends to webhook endpoints."),
];

/// A text that is one of these, for fields whose type belongs to the store.
pub(crate) fn one_of(about: &str, values: &[&'static str]) -> Object {
    let values = values.iter().copied();
    let text = ObjectBuilder::new().schema_type(Type::String).description(Some(about));
    text.enum_values(Some(values)).build()
}

/// Describes the operations and everything around them.
pub(crate) fn describe(operations: utoipa::openapi::OpenApi) -> Value {
    let mut whole = Base::openapi();
    whole.info.version = env!("CARGO_PKG_VERSION").to_owned();
    whole.info.description = Some(ABOUT.to_owned());
    whole.merge(operations);
    let mut whole = serde_json::to_value(whole).expect("the description is plain data");
    complete_operations(&mut whole["paths"]);
    let components = &mut whole["components"];
    complete_schemas(&mut components["schemas"]);
    components["responses"] = json!({"Error": {
        "description": "What failed and why. `code` is stable; `docUrl` leads to what it means.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}},
    }});
    components["securitySchemes"] = json!({"apiKey": {
        "type": "http", "scheme": "bearer",
        "description": "A key from `posta keys create` or from POST /v1/api-keys.",
    }});
    let webhooks = webhooks(&mut components["schemas"]);
    whole["webhooks"] = webhooks;
    whole["security"] = json!([{"apiKey": []}]);
    let tags = TAGS.map(|(name, text)| json!({"name": name, "description": text}));
    whole["tags"] = json!(tags);
    whole
}

fn complete_operations(paths: &mut Value) {
    for (path, methods) in paths.as_object_mut().into_iter().flatten() {
        for operation in methods.as_object_mut().into_iter().flat_map(Map::values_mut) {
            if path.starts_with("/v1/") {
                for failures in ["4XX", "5XX"] {
                    operation["responses"][failures] =
                        json!({"$ref": "#/components/responses/Error"});
                }
            } else {
                operation["security"] = json!([]);
            }
            for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
                if response.get("$ref").is_none() && response.get("description").is_none() {
                    response["description"] = meaning(status).into();
                }
            }
        }
    }
}

fn meaning(status: &str) -> &'static str {
    match status {
        "200" => "Done.",
        "201" => "Made.",
        "202" => "Accepted; what comes of it is not known yet.",
        _ => "Not done.",
    }
}

fn complete_schemas(schemas: &mut Value) {
    for (name, schema) in schemas.as_object_mut().into_iter().flatten() {
        if name.ends_with("Id") {
            schema["pattern"] = "^[0-9a-f]{24}$".into();
        }
    }
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    schemas["ErrorBody"]["properties"]["code"]["examples"] = json!(codes);
}

/// What each event means.
fn event_means(kind: &str) -> &'static str {
    match kind {
        "message.received" => "A person wrote to an account.",
        "message.sent" => "A message of an account was sent, through Posta or in the app.",
        "message.edited" => "The text of a message was changed.",
        "message.deleted" => "A person took a message back.",
        "reaction.received" => "A person reacted to a message, or took the reaction back.",
        "referral.received" => "A person came to an existing conversation by a link or an ad.",
        "conversation.control_changed" => "Control of a conversation moved between apps.",
        "comment.received" => "Somebody commented on a post.",
        "message.failed" => "A message of an account will not be sent; `error` says why.",
        "message.read" => "A person read what an account wrote.",
        "conversation.started" => "A person wrote to an account for the first time.",
        "automation.stopped" => {
            "Programs send nothing more in a conversation until a person has seen to it."
        }
        "account.connected" => "An account was connected, or connected again.",
        "account.disconnected" => "An account can no longer be used.",
        "account.token_expiring" => "An account's token ends soon, and could not be renewed.",
        "account.recovered" => "An account that was lost, or about to be, works again.",
        "subscription.repaired" => "An account was no longer subscribed to events, and is again.",
        _ => "Somebody tried out a webhook endpoint.",
    }
}

/// Describes each event as a request that Posta makes, taking the shapes out of the components.
fn webhooks(schemas: &mut Value) -> Value {
    let mut take = |name: &str| schemas.as_object_mut().and_then(|all| all.remove(name));
    let [envelope, payload] = ["Envelope", "Payload"].map(|name| take(name).unwrap_or_default());
    let headers = [
        ("X-Zernio-Event", "What happened; also as `X-Late-Event`."),
        ("X-Zernio-Event-Id", "The event's id; also as `X-Late-Event-Id`."),
        ("X-Zernio-Signature", "HMAC-SHA256 of the body, in hex; also as `X-Late-Signature`."),
        ("webhook-id", "The event's id."),
        ("webhook-timestamp", "When this try was made, in seconds."),
        ("webhook-signature", "`v1,` and the signature of Standard Webhooks, in base64."),
    ]
    .map(|(name, text)| {
        json!({"name": name, "in": "header", "required": true, "description": text,
            "schema": {"type": "string"}})
    });
    let operation = |kind: &str| {
        let own = json!({"type": "object", "properties": {"event": {"const": kind}}});
        let schema = json!({"allOf": [blocks(&payload, kind), envelope["allOf"][1], own]});
        json!({"post": {
            "operationId": format!("on_{}", kind.replace('.', "_")),
            "tags": ["Events"],
            "summary": event_means(kind),
            "security": [],
            "parameters": headers,
            "requestBody": {"required": true, "content": {"application/json": {"schema": schema}}},
            "responses": {"2XX": {"description": "Taken. After any other answer it comes again."}},
        }})
    };
    ANNOUNCED.iter().map(|kind| ((*kind).to_owned(), operation(kind))).collect()
}

/// Finds the blocks of an event: its name stands in their description.
fn blocks(payload: &Value, kind: &str) -> Value {
    let name = format!("`{kind}`");
    let mut variants = payload["oneOf"].as_array().into_iter().flatten();
    let is_it = |one: &&Value| one["description"].as_str().is_some_and(|text| text.contains(&name));
    variants.find(is_it).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description() -> Value {
        crate::router::openapi()
    }

    #[test]
    fn every_operation_has_what_clients_are_made_from() {
        let description = description();
        let paths = description["paths"].as_object().unwrap();
        assert!(paths.len() > 15);
        for (path, operation) in paths
            .iter()
            .flat_map(|(path, all)| all.as_object().unwrap().values().map(move |one| (path, one)))
        {
            let id = operation["operationId"].as_str().unwrap_or_default();
            assert!(!id.is_empty(), "{path} has no id");
            assert!(operation["summary"].is_string(), "{id} has no summary");
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            assert!(TAGS.iter().any(|(name, _)| *name == tag), "{id} has the tag {tag}");
            assert_eq!(operation["security"] == json!([]), !path.starts_with("/v1/"), "{id}");
        }
    }

    #[test]
    fn every_schema_says_what_it_is() {
        let description = description();
        for (name, schema) in description["components"]["schemas"].as_object().unwrap() {
            let all = schema["allOf"].as_array().into_iter().flatten().chain([schema]);
            for (field, property) in
                all.flat_map(|one| one["properties"].as_object().into_iter().flatten())
            {
                let is_known = ["type", "$ref", "oneOf", "allOf"];
                assert!(
                    is_known.iter().any(|key| property.get(key).is_some()),
                    "{name}.{field} may be anything"
                );
            }
        }
    }

    #[test]
    fn every_event_has_its_blocks() {
        let description = description();
        for kind in ANNOUNCED {
            let body = &description["webhooks"][kind]["post"]["requestBody"];
            let parts = &body["content"]["application/json"]["schema"]["allOf"];
            assert!(parts[0]["properties"].is_object(), "{kind} has no blocks");
            assert!(parts[1]["properties"]["timestamp"].is_object(), "{kind} has no envelope");
            let names = parts[0]["properties"].as_object().unwrap().keys();
            assert!(names.clone().all(|name| !name.contains('_')), "{kind}: {names:?}");
        }
    }
}
