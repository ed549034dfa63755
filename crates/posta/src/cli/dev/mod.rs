//! `posta dev`: Posta, the sandbox and a customer's receiver in one process, and a tour of them.

mod calls;
mod receiver;
mod stage;
mod tour;
mod transcript;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::config::{Layers, address};
use crate::telemetry;
use stage::Stage;
use transcript::Transcript;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder for the database and the keys; made when it is not there.
    #[arg(long, value_name = "FOLDER", default_value = "./posta-data")]
    data_dir: PathBuf,
    /// Where Posta listens.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address, default_value = "127.0.0.1:8700")]
    listen: SocketAddr,
    /// Where the sandbox listens.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address, default_value = "127.0.0.1:8701")]
    sandbox_listen: SocketAddr,
    /// End after the tour: with 0 when every step went well, else with 1, naming the step.
    #[arg(long)]
    once: bool,
    /// Print one JSON object per step.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(mut layers: Layers, arguments: Arguments) -> anyhow::Result<()> {
    if layers.is_default("log.level") {
        // The transcript is what is to be read; the log speaks only of trouble.
        layers.set("log.level", "warn")?;
    }
    telemetry::start(&layers.config()?.log)?;
    let transcript = Transcript::new(arguments.json);
    let stage = Stage::build(layers, &arguments, &transcript).await?;
    let stop = stage.stop.clone();
    let play = async {
        let result = match Box::pin(tour::run(&stage, &transcript)).await {
            Ok(shown) if !arguments.once => {
                transcript.invite(&stage, &shown);
                stop.cancelled().await;
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        stop.cancel();
        result
    };
    let (result, (), served) =
        tokio::join!(play, super::stop_when_asked(stop.clone()), stage.serve());
    if stage.was_interrupted(&result) {
        transcript.note("stopped; everything that was accepted is on the disk");
        return served;
    }
    result.and(served)
}
