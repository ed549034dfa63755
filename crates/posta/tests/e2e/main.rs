//! Stories over a real server and a real sandbox on loopback, each told on both databases.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod announced;
mod answers;
mod api;
mod care;
mod comments;
#[cfg(debug_assertions)]
mod commits;
mod connect;
mod conversations;
mod deliver;
mod doctor;
mod endpoints;
mod errors;
mod event_log;
mod failing;
mod forms;
mod happenings;
mod history;
mod inbound;
mod keep;
mod lanes;
mod limits;
mod logs;
mod media;
mod messages;
mod nodes;
mod order;
mod outage;
mod people;
mod pitfalls;
mod purge;
mod queue;
mod recover;
mod renew;
mod replays;
mod restart;
mod schedule;
mod scope;
mod send;
mod support;
mod traces;
mod windows;
