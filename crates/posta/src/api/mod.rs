//! The unified API: one file per resource, each with its shapes, its handlers and their OpenAPI.

pub(crate) mod account_health;
pub(crate) mod accounts;
pub(crate) mod auth;
pub(crate) mod connect;
pub(crate) mod conversations;
pub(crate) mod describe;
pub(crate) mod docs;
pub(crate) mod doctor;
pub(crate) mod error;
pub(crate) mod events;
pub(crate) mod extract;
pub(crate) mod health;
pub(crate) mod idempotency;
pub(crate) mod inbound;
pub(crate) mod keys;
pub(crate) mod messages;
pub(crate) mod oauth_apps;
pub(crate) mod observe;
pub(crate) mod page;
pub(crate) mod profiles;
pub(crate) mod send;
pub(crate) mod webhook_logs;
pub(crate) mod webhook_test;
pub(crate) mod webhooks;
