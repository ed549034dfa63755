//! Every function of the store, on both databases.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by what it unwraps")]

#[path = "../support/postgres.rs"]
mod postgres;
mod support;

mod accounts;
mod backup;
mod calls;
mod comments;
mod connects;
mod conversations;
mod copy;
mod deliveries;
mod early;
mod endpoints;
mod erasures;
mod events;
mod failures;
mod fetches;
mod health;
mod idempotency;
mod inbound;
mod jobs;
mod keeps;
mod keys;
mod media;
mod messages;
mod migrations;
mod oauth_apps;
mod parity;
mod people;
mod plans;
mod profiles;
mod purges;
mod queue;
mod recoveries;
mod renewals;
mod replays;
mod search;
mod sends;
mod sql;
mod subscriptions;
mod text;
mod told;
mod turns;
mod verifications;
mod walks;
mod windows;
mod workspaces;
