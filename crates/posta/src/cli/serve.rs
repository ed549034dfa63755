//! `posta serve`: the server for production.

use std::net::SocketAddr;

use clap::Args;
use posta_core::chance::Chance;

use crate::config::{Layers, address};
use crate::{boot, telemetry};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where to listen, instead of the setting `listen`.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address)]
    listen: Option<SocketAddr>,
}

pub(super) async fn run(mut layers: Layers, arguments: Arguments) -> anyhow::Result<()> {
    if let Some(listen) = arguments.listen {
        layers.set("listen", listen.to_string())?;
    }
    let config = layers.config()?;
    telemetry::start(&config.log)?;
    let listen = config.listen;
    let public_url = config.public_url.clone();
    let app = boot::build(config, super::clock(), Chance::system()).await?;
    let listener = boot::bind(listen, "--listen or POSTA_LISTEN").await?;
    tracing::info!(%listen, %public_url, version = env!("CARGO_PKG_VERSION"), "Posta listens");
    let stop = app.stop.clone();
    let (served, ()) = tokio::join!(boot::serve(app, listener), super::stop_when_asked(stop));
    tracing::info!("Posta has stopped");
    served
}
