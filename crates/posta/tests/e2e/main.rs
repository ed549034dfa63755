//! Stories over a real server and a real sandbox on loopback, each told on both databases.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod announced;
mod answers;
mod api;
mod care;
mod comments;
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
mod limits;
mod media;
mod messages;
mod order;
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
mod windows;
