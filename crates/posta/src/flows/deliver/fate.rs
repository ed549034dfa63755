//! What becomes of an endpoint that fails: it is warned of, in the end switched off, and all of that
//! is told to the workspace's other endpoints. Only time decides, never the number of failures.

use std::time::Duration;

use posta_core::id::{EndpointId, WorkspaceId};
use posta_core::time::Timestamp;
use posta_store::{endpoints, workspaces};

use super::note::Look;
use crate::app::App;
use crate::flows::announce;
use crate::flows::events::{EndpointBlock, Payload};

/// At how many percent of the time to its end an endpoint is warned of.
const WARNINGS: [i64; 3] = [50, 75, 90];

/// Why Posta switches an endpoint off.
const NEVER_ANSWERED: &str = "no_success";
const GONE: &str = "gone";

fn longest(app: &App) -> Duration {
    Duration::from_hours(24) * app.config.webhooks.disable_after_days
}

/// How long an endpoint has to fail before that is worth a word.
#[must_use]
pub fn shortest(app: &App) -> Duration {
    longest(app).mul_f64(0.5)
}

/// Looks at an endpoint after its tries were noted.
///
/// # Errors
/// When the database failed; the next try looks again.
pub async fn look(
    app: &App,
    workspace: &WorkspaceId,
    id: &EndpointId,
    why: Look,
) -> posta_store::Result<()> {
    let mut tx = app.db.write().await?;
    workspaces::lock(&mut tx, workspace).await?;
    let Some(mut endpoint) = endpoints::find(&mut tx, workspace, id).await? else {
        return Ok(());
    };
    let now = app.clock.now();
    let told = match (why, endpoint.failing_since) {
        _ if !endpoint.is_active => None,
        (Look::Gone, _) => {
            endpoint.is_active = false;
            endpoint.disabled_reason = Some(GONE.to_owned());
            Some("endpoint.disabled")
        }
        (_, None) if endpoint.warned_percent > 0 => {
            endpoint.warned_percent = 0;
            Some("endpoint.recovered")
        }
        (_, None) => None,
        (_, Some(since)) => {
            let reached = percent(since, now, longest(app));
            let warning = WARNINGS.into_iter().rfind(|one| *one <= reached);
            if reached >= 100 {
                endpoint.is_active = false;
                endpoint.disabled_reason = Some(NEVER_ANSWERED.to_owned());
                Some("endpoint.disabled")
            } else if warning.is_some_and(|warning| warning > endpoint.warned_percent) {
                endpoint.warned_percent = warning.unwrap_or(0);
                Some("endpoint.failing")
            } else {
                None
            }
        }
    };
    let Some(kind) = told else {
        return Ok(());
    };
    tracing::warn!(endpoint.id = %endpoint.id, event.kind = kind, "an endpoint's fate changed");
    endpoints::update_fate(&mut tx, &endpoint).await?;
    let payload = Payload::Endpoint {
        disables_at: endpoint.failing_since.map(|since| since.plus(longest(app))),
        webhook: EndpointBlock::from(&endpoint),
    };
    announce::announce_endpoint(app, &mut tx, &endpoint, kind, &payload).await?;
    tx.commit().await?;
    app.wake.announced();
    Ok(())
}

fn percent(since: Timestamp, now: Timestamp, whole: Duration) -> i64 {
    let (passed, whole) = (now.since(since).as_millis(), whole.as_millis().max(1));
    i64::try_from(passed * 100 / whole).unwrap_or(i64::MAX)
}
