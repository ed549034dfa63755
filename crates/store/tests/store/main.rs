//! Every function of the store, on both databases.

#[path = "../support/postgres.rs"]
mod postgres;
mod support;

mod accounts;
mod connects;
mod endpoints;
mod idempotency;
mod keys;
mod oauth_apps;
mod profiles;
mod workspaces;
