//! The Posta server: the unified API, the flows behind it, the workers and the command line.
//!
//! Reading order: [`router`] (what the server offers), [`api`] (one file per resource), [`flows`]
//! (what happens), [`workers`] (what happens later), [`boot`] (how it all starts), [`cli`].

pub mod api;
pub mod app;
pub mod boot;

pub mod cli;
pub mod config;
pub mod flows;
pub mod origin;
pub mod router;
#[cfg(test)]
mod seeded;

pub mod telemetry;
pub mod traces;
pub mod wake;
pub mod workers;
