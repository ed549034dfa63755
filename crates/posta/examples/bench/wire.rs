//! Just enough HTTP/1.1 to load a server and to be one, so that neither side's library is measured.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use posta::telemetry::Stopwatch;
use posta_core::time::pause;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How many bytes are read at once, and the longest head that is understood.
const PIECE: usize = 16 << 10;

/// A connection that stays open.
pub(crate) struct Connection {
    stream: TcpStream,
    /// What has come and is not used up.
    buffer: Vec<u8>,
}

/// A request or an answer: where its head and its body end in the buffer.
struct Ends {
    head: usize,
    body: usize,
}

impl Connection {
    pub(crate) async fn open(at: SocketAddr) -> std::io::Result<Self> {
        Self::of(TcpStream::connect(at).await?)
    }

    fn of(stream: TcpStream) -> std::io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(PIECE) })
    }

    /// Sends a request and returns the status of the answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.exchange(request).await.map(|(status, _)| status)
    }

    /// Sends a request and returns the answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<(u16, Vec<u8>)> {
        self.stream.write_all(request).await?;
        let ends = self.read(|| ()).await?.context("the server closed the connection")?;
        let status = self.buffer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
        let status = status.and_then(|digits| digits.parse().ok()).context("no status")?;
        let body = self.buffer[ends.head..ends.body].to_vec();
        self.buffer.drain(..ends.body);
        Ok((status, body))
    }

    /// Reads until a whole message is there; `None` when the other side has closed between two.
    async fn read(&mut self, mut first_byte: impl FnMut()) -> anyhow::Result<Option<Ends>> {
        let mut is_begun = !self.buffer.is_empty();
        if is_begun {
            first_byte();
        }
        loop {
            if let Some(ends) = ends(&self.buffer)? {
                return Ok(Some(ends));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                ensure!(self.buffer.is_empty(), "the connection ended in the middle");
                return Ok(None);
            }
            if !is_begun {
                is_begun = true;
                first_byte();
            }
        }
    }
}

/// Finds the ends of the message at the beginning, if all of it is there.
fn ends(bytes: &[u8]) -> anyhow::Result<Option<Ends>> {
    let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4) else {
        ensure!(bytes.len() < PIECE, "the head is too long");
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..head]).context("the head is not text")?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let body = head + length.unwrap_or(0);
    Ok((bytes.len() >= body).then_some(Ends { head, body }))
}

/// A request that came.
pub(crate) struct Asked<'a> {
    /// The first line and the headers.
    pub(crate) head: &'a str,
    pub(crate) body: &'a [u8],
    /// When its first byte came.
    pub(crate) came: Duration,
}

/// What is answered.
pub(crate) enum Answer {
    /// 200 with this body.
    Now(Cow<'static, str>),
    /// The same, after a while.
    After(Duration),
    /// Nothing, ever.
    Never,
}

/// Answers requests at an address of loopback until the set is dropped.
pub(crate) async fn serve(
    watch: Stopwatch,
    answer: impl Fn(&Asked<'_>) -> Answer + Send + Sync + 'static,
) -> anyhow::Result<(SocketAddr, JoinSet<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let answer = Arc::new(answer);
    let mut set = JoinSet::new();
    set.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            connections.spawn(async move {
                // Whoever goes away in the middle has measured enough.
                let _ = converse(watch, stream, &*answer).await;
            });
            while connections.try_join_next().is_some() {}
        }
    });
    Ok((address, set))
}

async fn converse(
    watch: Stopwatch,
    stream: TcpStream,
    answer: &(impl Fn(&Asked<'_>) -> Answer + Send + Sync),
) -> anyhow::Result<()> {
    let mut connection = Connection::of(stream)?;
    loop {
        let mut came = Duration::ZERO;
        let Some(ends) = connection.read(|| came = watch.elapsed()).await? else {
            return Ok(());
        };
        let head = std::str::from_utf8(&connection.buffer[..ends.head])?;
        let body = &connection.buffer[ends.head..ends.body];
        let text = match answer(&Asked { head, body, came }) {
            Answer::Now(text) => text,
            Answer::After(wait) => {
                pause(wait).await;
                Cow::Borrowed("")
            }
            Answer::Never => std::future::pending().await,
        };
        connection.buffer.drain(..ends.body);
        let reply = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        );
        connection.stream.write_all(reply.as_bytes()).await?;
    }
}
