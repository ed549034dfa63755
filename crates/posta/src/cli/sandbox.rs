//! `posta sandbox`: the pretend networks alone.

use std::net::SocketAddr;

use anyhow::Context;
use clap::Args;
use posta_core::chance::Chance;
use posta_platforms::sandbox::Sandbox;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, address};
use crate::{boot, telemetry};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address, default_value = "127.0.0.1:8701")]
    listen: SocketAddr,
}

pub(super) async fn run(config: &Config, arguments: Arguments) -> anyhow::Result<()> {
    telemetry::start(&config.log)?;
    let listener = boot::bind(arguments.listen, "--listen").await?;
    let address = listener.local_addr()?;
    super::say(&format!("The sandbox listens on http://{address}; see http://{address}/_sandbox/"));
    let stop = CancellationToken::new();
    let sandbox = Sandbox::new(super::clock(), Chance::system());
    let (served, ()) =
        tokio::join!(sandbox.serve(listener, stop.clone()), super::stop_when_asked(stop));
    served.context("the listener failed")
}
