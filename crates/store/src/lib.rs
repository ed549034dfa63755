//! Tables, rows and queries, for SQLite and Postgres alike. All SQL of Posta is in this crate.
//!
//! Everything runs in a [`Tx`] from [`Db::read`] or [`Db::write`]; opening and committing is the
//! caller's business. Functions are named for what they promise: `get` must find, `find` may not,
//! `list` pages, `claim` takes work for a while, `insert`, `update` and `delete` write.

mod outage;
mod rows;
mod sql;
mod text;

pub mod accounts;
pub mod attempts;
pub mod backup;
mod bells;
pub mod budgets;
pub mod calls;
pub mod comments;
pub mod connects;
pub mod conversations;
pub mod copy;
#[cfg(debug_assertions)]
pub mod crash;
pub mod deliveries;
pub mod early;
pub mod endpoints;
pub mod erasures;
pub mod events;
pub mod failures;
pub mod fetches;
pub mod health;
pub mod idempotency;
pub mod inbound;
pub mod jobs;
pub mod keeps;
pub mod keys;
pub mod media;
pub mod message_changes;
pub mod messages;
pub mod oauth_apps;
pub mod people;
pub mod private_replies;
pub mod profiles;
pub mod purges;
pub mod queue;
pub mod recoveries;
pub mod renewals;
pub mod replays;
pub mod search;
pub mod sends;
pub mod subscriptions;
pub mod told;
pub mod turns;
pub mod verifications;
pub mod walks;
pub mod windows;
pub mod workspaces;

pub use bells::Listener;
pub use outage::is_outage;
pub use sql::{Db, Open, Schema, Tx};
pub use sqlx::types::Json;

/// What every query of this crate answers.
pub type Result<T> = std::result::Result<T, sqlx::Error>;

/// The database's own error, for callers that pass it on.
pub use sqlx::Error;
