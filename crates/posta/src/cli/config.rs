//! `posta config`: every setting, its value, and where the value is from.

use clap::Args;
use serde_json::json;

use super::say;
use crate::config::{DEFAULTS, Layers};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print one JSON object per setting.
    #[arg(long, conflicts_with = "defaults")]
    json: bool,
    /// Print the commented defaults, to begin a file of your own with.
    #[arg(long)]
    defaults: bool,
}

pub(super) fn run(layers: &Layers, arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.defaults {
        say(DEFAULTS.trim_end());
        return Ok(());
    }
    for setting in layers.settings() {
        if arguments.json {
            let row = json!({
                "key": setting.key, "value": setting.shown_value(), "from": setting.origin.to_string(),
                "environment": setting.variable(),
            });
            say(&row.to_string());
        } else {
            say(&format!("{} = {}  # {}", setting.key, setting.shown(), setting.origin));
        }
    }
    // A wrong value is told after the list, so that the list helps to find it.
    layers.config()?;
    Ok(())
}
