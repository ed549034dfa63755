//! Files that apps point at, fetched as a platform fetches them.

use std::time::Duration;

use url::Url;

use super::Sandbox;

/// A file as its server gave it.
pub(crate) struct Fetched {
    pub(crate) status: u16,
    /// What the server says it is.
    pub(crate) kind: String,
    /// At most one byte more than was asked for.
    pub(crate) body: Vec<u8>,
}

impl Sandbox {
    /// Fetches a file of at most so many bytes, and one more to see that it is longer.
    pub(crate) async fn fetch(&self, url: Url, most: usize, within: Duration) -> Option<Fetched> {
        let request = self.http().get(url).timeout(within);
        let reply = self.http().send_bounded(request, most + 1).await.ok()?;
        let kind = reply.headers.get("content-type").and_then(|value| value.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default();
        let (status, kind) = (reply.status.as_u16(), kind.trim().to_ascii_lowercase());
        Some(Fetched { status, kind, body: reply.body })
    }
}
