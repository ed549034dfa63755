//! `posta sandbox`: the pretend networks alone.

use std::net::SocketAddr;

use anyhow::Context;
use clap::{Args, Subcommand};
use posta_core::chance::Chance;
use posta_platforms::sandbox::Sandbox;
use tokio_util::sync::CancellationToken;

use super::scenario;
use crate::config::{Config, Layers, address};
use crate::{boot, telemetry};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address, default_value = "127.0.0.1:8701")]
    listen: SocketAddr,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(scenario::Arguments),
}

pub(super) async fn run(mut layers: Layers, arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Some(Command::Run(play)) => {
            if layers.is_default("log.level") {
                // The report is what is to be read; faults make the log speak of trouble.
                layers.set("log.level", "error")?;
            }
            Box::pin(scenario::run(&layers.config()?.log, play)).await
        }
        None => serve(&layers.config()?, arguments.listen).await,
    }
}

async fn serve(config: &Config, listen: SocketAddr) -> anyhow::Result<()> {
    telemetry::start(&config.log)?;
    let listener = boot::bind(listen, "--listen").await?;
    let address = listener.local_addr()?;
    super::say(&format!("The sandbox listens on http://{address}; see http://{address}/_sandbox/"));
    let stop = CancellationToken::new();
    let sandbox = Sandbox::new(super::clock(), Chance::system());
    let (served, ()) =
        tokio::join!(sandbox.serve(listener, stop.clone()), super::stop_when_asked(stop));
    served.context("the listener failed")
}
