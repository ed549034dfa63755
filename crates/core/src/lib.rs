//! The words Posta is written in: ids, time, secrets, messages, events, failures. No I/O.
//!
//! Reading order: [`id`], [`time`], [`message`] (what we ask a platform to send), [`event`] (what
//! a platform tells us), [`capability`] (what a platform can do), [`failure`] (what can go wrong),
//! [`finding`] (why something went wrong unnoticed).

pub mod capability;
pub mod chance;
pub mod event;
pub mod failure;
pub mod finding;
pub mod id;
pub mod message;
pub mod secret;
pub mod time;
