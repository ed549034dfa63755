//! Makes deliveries to webhook endpoints as they fall due: a lane for each endpoint, and one
//! transaction that notes what was tried and takes what is next.

use std::pin::pin;
use std::time::Duration;

use posta_core::id::{EndpointId, WorkspaceId};
use posta_core::time::{Timestamp, pause};
use posta_store::deliveries::{self, Claimed, Lane, Lanes};
use posta_store::{Tx, endpoints};
use tokio::sync::mpsc;

use super::recover;
use crate::app::App;
use crate::flows::deliver::note::{self, Look, PATIENCE};
use crate::flows::deliver::pace::Paces;
use crate::flows::deliver::{self, Tried, fate};
use crate::telemetry::Stopwatch;

/// What one transaction did.
struct Cycle {
    claimed: Vec<Claimed>,
    looks: Vec<(WorkspaceId, EndpointId, Look)>,
    /// When to look again, if nothing was taken and nothing comes back meanwhile.
    next_due: Option<Timestamp>,
}

pub(super) async fn run(app: App) {
    let webhooks = &app.config.webhooks;
    let most = usize::from(webhooks.endpoint_concurrency);
    let mut paces = Paces::new(most, usize::from(webhooks.concurrency));
    // As long as what is under way, which has a bound.
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut tried: Vec<Tried> = Vec::new();
    loop {
        while let Ok(one) = receiver.try_recv() {
            paces.back(&one);
            tried.push(one);
        }
        let is_stopping = app.stop.is_cancelled();
        if is_stopping && paces.in_flight() == 0 && tried.is_empty() {
            return;
        }
        let busy = app.under_way.enter();
        let watch = Stopwatch::start();
        let cycle = match cycle(&app, &paces, &tried, is_stopping).await {
            Ok(cycle) => cycle,
            Err(error) => {
                // What the database refuses for good it would refuse again.
                if !posta_store::is_outage(&error) {
                    note_apart(&app, std::mem::take(&mut tried)).await;
                }
                drop(busy);
                // What cannot be noted any more is tried again when its lease ends.
                if !recover(&app, "deliver", &error).await {
                    return;
                }
                continue;
            }
        };
        tried.clear();
        look(&app, cycle.looks).await;
        let found = !cycle.claimed.is_empty();
        for delivery in cycle.claimed {
            paces.sent(&delivery.endpoint_id, 1);
            let (app, sender, busy) = (app.clone(), sender.clone(), busy.clone());
            app.tasks.clone().spawn(async move {
                let tried = deliver::attempt(&app, delivery, busy).await;
                // Nobody listens any more after a panic; then the lease ends and it is tried again.
                let _ = sender.send(tried);
            });
        }
        drop(busy);
        gather(&mut receiver, &mut paces, &mut tried, watch.elapsed()).await;
        if !found && tried.is_empty() {
            if is_stopping && paces.in_flight() == 0 {
                continue;
            }
            let next = Next { due: cycle.next_due, is_stopping };
            rest(&app, &mut receiver, &mut paces, &mut tried, next).await;
        }
    }
}

/// Notes tries one by one: one that the database refuses must not hold up the others.
async fn note_apart(app: &App, tried: Vec<Tried>) {
    for one in tried {
        let noted = async {
            let mut tx = app.db.write().await?;
            note::note(app, &mut tx, std::slice::from_ref(&one)).await?;
            tx.commit().await
        };
        if let Err(error) = noted.await {
            tracing::error!(delivery.id = %one.delivery.id, %error, "a delivery's try was not noted");
        }
    }
}

/// The longest that answers are waited for in order to note more of them at once.
const GATHERING: Duration = Duration::from_millis(5);

/// Takes what comes back for as long again as the transaction took, so that the next one is worth as
/// much; no longer than until half of it is back.
async fn gather(
    receiver: &mut mpsc::UnboundedReceiver<Tried>,
    paces: &mut Paces,
    tried: &mut Vec<Tried>,
    time: Duration,
) {
    let mut end = pin!(pause(time.min(GATHERING)));
    while tried.len() < paces.in_flight() {
        tokio::select! {
            biased;
            Some(one) = receiver.recv() => {
                paces.back(&one);
                tried.push(one);
            }
            () = &mut end => return,
        }
    }
}

/// What to wait for beside what comes back.
struct Next {
    due: Option<Timestamp>,
    /// Whether the stop was seen when it was decided to wait. A later one ends the waiting.
    is_stopping: bool,
}

/// Waits until something comes back, falls due or is announced.
async fn rest(
    app: &App,
    receiver: &mut mpsc::UnboundedReceiver<Tried>,
    paces: &mut Paces,
    tried: &mut Vec<Tried>,
    Next { due: next_due, is_stopping }: Next,
) {
    tokio::select! {
        biased;
        Some(one) = receiver.recv() => {
            paces.back(&one);
            tried.push(one);
        }
        () = app.stop.cancelled(), if !is_stopping => {}
        () = app.wake.deliver.notified() => {}
        () = super::due(app, next_due), if !is_stopping => {}
    }
}

async fn cycle(
    app: &App,
    paces: &Paces,
    tried: &[Tried],
    is_stopping: bool,
) -> posta_store::Result<Cycle> {
    let mut tx = app.db.write().await?;
    let looks = note::note(app, &mut tx, tried).await?;
    let owner = |id: &EndpointId| {
        let one = tried.iter().find(|one| one.delivery.endpoint_id == *id);
        one.map(|one| one.delivery.workspace_id.clone())
    };
    let looks = looks.into_iter().filter_map(|(id, look)| Some((owner(&id)?, id, look))).collect();
    let mut cycle = Cycle { claimed: Vec::new(), looks, next_due: None };
    if !is_stopping {
        cycle.next_due = claim(app, paces, &mut tx, &mut cycle.claimed).await?;
    }
    tx.commit().await?;
    Ok(cycle)
}

/// Takes what is due, for each endpoint as much as there is room for. Returns when more is due: where
/// there was no room, what comes back makes it.
async fn claim(
    app: &App,
    paces: &Paces,
    tx: &mut Tx,
    claimed: &mut Vec<Claimed>,
) -> posta_store::Result<Option<Timestamp>> {
    let now = app.clock.now();
    let timeout = Duration::from_secs(u64::from(app.config.webhooks.timeout_seconds));
    let until = now.plus(timeout * 2 + Duration::from_secs(20));
    let mut in_all = usize::from(app.config.webhooks.concurrency).saturating_sub(paces.in_flight());
    let Lanes { due, mut next_due } = deliveries::list_lanes(tx, now).await?;
    for lane in due {
        let room = paces.room(&lane.endpoint_id).min(in_all);
        if room == 0 {
            continue;
        }
        let taken = claim_lane(tx, &lane, room, now, until).await?;
        if taken.is_empty() {
            // Another node is taking it.
            next_due = Some(now);
        }
        in_all -= taken.len();
        claimed.extend(taken);
    }
    Ok(next_due)
}

async fn claim_lane(
    tx: &mut Tx,
    lane: &Lane,
    room: usize,
    now: Timestamp,
    until: Timestamp,
) -> posta_store::Result<Vec<Claimed>> {
    let mut room = i64::try_from(room).unwrap_or(i64::MAX);
    let id = &lane.endpoint_id;
    if lane.failure_count >= PATIENCE {
        // One tries how it is; the others wait for what it finds.
        let is_mine = endpoints::hold(tx, id, now, until).await?;
        return if is_mine {
            deliveries::claim(tx, id, now, until, 1).await
        } else {
            Ok(Vec::new())
        };
    }
    let Some(most) = lane.max_per_second else {
        return deliveries::claim(tx, id, now, until, room).await;
    };
    room = room.min(most.max(1));
    let second = Duration::from_secs(1);
    if !endpoints::hold(tx, id, now, now.plus(second)).await? {
        return Ok(Vec::new());
    }
    let taken = deliveries::claim(tx, id, now, until, room).await?;
    let count = u32::try_from(taken.len()).unwrap_or(u32::MAX);
    let share = second * count / u32::try_from(most.max(1)).unwrap_or(u32::MAX);
    endpoints::update_held(tx, id, now.plus(share)).await?;
    Ok(taken)
}

/// Looks at endpoints whose tries were noted; what fails here is looked at after the next try.
async fn look(app: &App, looks: Vec<(WorkspaceId, EndpointId, Look)>) {
    for (workspace, endpoint, why) in looks {
        if let Err(error) = fate::look(app, &workspace, &endpoint, why).await {
            tracing::error!(endpoint.id = %endpoint, %error, "an endpoint was not looked at");
        }
    }
}
