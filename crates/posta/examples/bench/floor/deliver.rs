//! Delivering and nothing else: claim, sign, post, complete, many at once, by one loop over one table.

use std::net::SocketAddr;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use clap::Args;
use hmac::{Hmac, KeyInit, Mac};
use posta_platforms::http::Http;
use posta_store::{Db, Open, Tx};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use url::Url;

use super::receive::execute;
use crate::world::ENDPOINT_SECRET;

#[derive(Clone, Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    database: Open,
    /// How many rows there are to deliver.
    #[arg(long)]
    count: i64,
    /// How many are under way at most.
    #[arg(long)]
    in_flight: usize,
    /// Where to.
    #[arg(long)]
    url: Url,
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let db = Db::open(&arguments.database).await?;
    execute(&db, include_str!("table.sql")).await?;
    execute(&db, include_str!("index.sql")).await?;
    seed(&db, arguments.count).await?;
    let router = Router::new().route("/readyz", get(|| async { StatusCode::OK }));
    let listener = TcpListener::bind(arguments.listen).await?;
    let mut set = JoinSet::new();
    set.spawn(axum::serve(listener, router).into_future());
    let (mut under_way, mut done) = (JoinSet::new(), Vec::new());
    let http = Http::new();
    loop {
        let mut tx = db.write().await?;
        complete(&mut tx, &done).await?;
        done.clear();
        let claimed = claim(&mut tx, arguments.in_flight - under_way.len()).await?;
        tx.commit().await?;
        for (id, body) in claimed {
            let (http, url) = (http.clone(), arguments.url.clone());
            under_way.spawn(async move { post(&http, url, body).await.then_some(id) });
        }
        match under_way.join_next().await {
            Some(one) => done.extend(one?),
            None => std::future::pending().await,
        }
        while let Some(one) = under_way.try_join_next() {
            done.extend(one?);
        }
    }
}

async fn post(http: &Http, url: Url, body: String) -> bool {
    let mac = Hmac::<Sha256>::new_from_slice(ENDPOINT_SECRET.as_bytes());
    let mac = mac.map(|mac| mac.chain_update(&body).finalize().into_bytes());
    let signature = mac.map(hex::encode).unwrap_or_default();
    let request = http.post(url).header("webhook-signature", signature);
    http.send(request.body(body)).await.is_ok_and(|reply| reply.status.is_success())
}

/// Bodies as long as those that Posta delivers.
async fn seed(db: &Db, count: i64) -> anyhow::Result<()> {
    let padding = "x".repeat(1200);
    let mut tx = db.write().await?;
    match &mut tx {
        Tx::Sqlite(tx) => {
            let query = sqlx::query(include_str!("seed_sqlite.sql"));
            query.bind(count).bind(padding).execute(&mut **tx).await?;
        }
        Tx::Postgres(tx) => {
            let query = sqlx::query(include_str!("seed_postgres.sql"));
            query.bind(count).bind(padding).execute(&mut **tx).await?;
        }
    }
    Ok(tx.commit().await?)
}

async fn claim(tx: &mut Tx, room: usize) -> anyhow::Result<Vec<(i64, String)>> {
    let (text, room) = (include_str!("claim.sql"), i64::try_from(room)?);
    Ok(match tx {
        Tx::Sqlite(tx) => sqlx::query_as(text).bind(room).fetch_all(&mut **tx).await?,
        Tx::Postgres(tx) => sqlx::query_as(text).bind(room).fetch_all(&mut **tx).await?,
    })
}

async fn complete(tx: &mut Tx, ids: &[i64]) -> anyhow::Result<()> {
    match tx {
        Tx::Sqlite(tx) => {
            let query = sqlx::query(include_str!("complete.sql"));
            query.bind(serde_json::to_string(ids)?).execute(&mut **tx).await?;
        }
        Tx::Postgres(tx) => {
            let query = sqlx::query(include_str!("complete_arrays.sql"));
            query.bind(ids).execute(&mut **tx).await?;
        }
    }
    Ok(())
}
