//! A port that stays while what is behind it comes and goes, and whose connections can be cut.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A proxy on loopback. Connections go to whatever is behind it, in turns; who refuses is passed over.
#[derive(Clone)]
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    cut: Arc<Mutex<CancellationToken>>,
}

impl Proxy {
    pub(crate) async fn start(
        behind: Vec<SocketAddr>,
        tasks: &TaskTracker,
        end: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
        let address = listener.local_addr()?;
        let cut = Arc::new(Mutex::new(CancellationToken::new()));
        let proxy = Self { address, cut };
        let (this, tasks, end) = (proxy.clone(), tasks.clone(), end.clone());
        tasks.clone().spawn(async move {
            let mut turn = 0;
            loop {
                let come = tokio::select! {
                    () = end.cancelled() => return,
                    come = listener.accept() => come,
                };
                let Ok((client, _)) = come else { continue };
                turn += 1;
                let mut order = behind.clone();
                order.rotate_left(turn % behind.len());
                let cut = this.token();
                let end = end.clone();
                tasks.spawn(async move {
                    tokio::select! {
                        () = end.cancelled() => {}
                        () = cut.cancelled() => {}
                        () = carry(client, order) => {}
                    }
                });
            }
        });
        Ok(proxy)
    }

    /// Ends all connections at once, without a word.
    pub(crate) fn cut(&self) {
        let mut cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *cut, CancellationToken::new()).cancel();
    }

    fn token(&self) -> CancellationToken {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn carry(mut client: TcpStream, order: Vec<SocketAddr>) {
    for address in order {
        if let Ok(mut server) = TcpStream::connect(address).await {
            // However it ends, both sides see the end of their connection.
            let _ = copy_bidirectional(&mut client, &mut server).await;
            return;
        }
    }
}
