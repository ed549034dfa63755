//! The pretend platforms, spoken to as any program would: raw HTTP, and nothing of the connectors.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod control;
mod coverage;
mod deeds;
mod errors;
mod faults;
mod guide;
mod limits;
mod reads;
mod sends;
mod support;
mod webhooks;
