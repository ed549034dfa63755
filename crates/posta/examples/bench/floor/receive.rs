//! Taking webhooks in and nothing else: the same way through HTTP and the same check of the signature,
//! and, with a database, one writer that commits whatever has come meanwhile in one transaction.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use clap::Args;
use posta_core::secret::Secret;
use posta_platforms::contract::Inbound;
use posta_store::{Db, Open, Tx};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::webhook::SECRET;

/// How many rows share a transaction at most, as in Posta.
const BATCH: usize = 1024;

#[derive(Clone, Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    database: Option<Open>,
}

struct Waiting {
    body: String,
    stored: oneshot::Sender<()>,
}

#[derive(Clone)]
struct Door {
    inbound: &'static dyn Inbound,
    secrets: Arc<[Secret]>,
    writer: Option<mpsc::Sender<Waiting>>,
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let platform = posta_platforms::ALL.first().context("this build speaks no platform")?;
    let inbound = platform.inbound().context("the platform sends no webhooks")?;
    let mut set = JoinSet::new();
    let writer = match &arguments.database {
        Some(open) => {
            let db = Db::open(open).await?;
            execute(&db, include_str!("table.sql")).await?;
            let (sender, receiver) = mpsc::channel(4096);
            set.spawn(write(db, receiver));
            Some(sender)
        }
        None => None,
    };
    let door = Door { inbound, secrets: [Secret::new(SECRET)].into(), writer };
    let router = Router::new()
        .route("/readyz", get(|| async { StatusCode::OK }))
        .route(&format!("/webhooks/{}", platform.name()), post(take))
        .with_state(door);
    axum::serve(TcpListener::bind(arguments.listen).await?, router).await?;
    Ok(())
}

/// Makes a change to the database that returns nothing.
pub(super) async fn execute(db: &Db, text: &'static str) -> anyhow::Result<()> {
    let mut tx = db.write().await?;
    match &mut tx {
        Tx::Sqlite(tx) => sqlx::query(text).execute(&mut **tx).await?.rows_affected(),
        Tx::Postgres(tx) => sqlx::query(text).execute(&mut **tx).await?.rows_affected(),
    };
    Ok(tx.commit().await?)
}

async fn take(State(door): State<Door>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if door.inbound.verify(&headers, &body, &door.secrets).is_empty() {
        return StatusCode::UNAUTHORIZED;
    }
    let Some(writer) = &door.writer else { return StatusCode::OK };
    let (stored, answer) = oneshot::channel();
    let body = String::from_utf8_lossy(&body).into_owned();
    if writer.try_send(Waiting { body, stored }).is_err() || answer.await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    StatusCode::OK
}

async fn write(db: Db, mut receiver: mpsc::Receiver<Waiting>) -> anyhow::Result<()> {
    let (mut batch, mut id) = (Vec::with_capacity(BATCH), 0);
    while receiver.recv_many(&mut batch, BATCH).await > 0 {
        let mut tx = db.write().await?;
        insert(&mut tx, &batch, id).await?;
        tx.commit().await?;
        id += i64::try_from(batch.len())?;
        for one in batch.drain(..) {
            // A client that went away does not wait any more.
            let _ = one.stored.send(());
        }
    }
    Ok(())
}

async fn insert(tx: &mut Tx, batch: &[Waiting], first: i64) -> anyhow::Result<()> {
    let rows: Vec<(i64, &str)> = (first..).zip(batch.iter().map(|one| one.body.as_str())).collect();
    match tx {
        Tx::Sqlite(tx) => {
            // Few different texts, so that each is prepared once.
            let mut rest = rows.as_slice();
            while !rest.is_empty() {
                let (chunk, others) = rest.split_at(1 << rest.len().ilog2());
                let mut query = sqlx::QueryBuilder::new(include_str!("insert.sql"));
                query.push_values(chunk, |mut row, (id, body)| {
                    row.push_bind(id).push_bind(body).push_bind(0_i64);
                });
                query.build().execute(&mut **tx).await?;
                rest = others;
            }
        }
        Tx::Postgres(tx) => {
            let (ids, bodies): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
            let query = sqlx::query(include_str!("insert_arrays.sql"));
            query.bind(ids).bind(bodies).execute(&mut **tx).await?;
        }
    }
    Ok(())
}
