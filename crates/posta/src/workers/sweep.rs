//! Deletes files whose time is over, as it ends.

use posta_store::media::find_next_due;

use super::tend;
use crate::app::App;
use crate::flows::media;

pub(super) async fn run(app: App) {
    tend(&app, "sweep", &app.wake.sweep, find_next_due, || media::sweep(&app)).await;
}
