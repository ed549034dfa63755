//! Following a link that a platform gave to what it leads to, read piece by piece.

use std::time::Duration;

use http::StatusCode;
use http::header::{CONTENT_TYPE, LOCATION};
use url::Url;

use crate::cx::Site;
use crate::http::{Http, NoReply, Opened};

/// How long one download may take.
pub const DOWNLOAD_TIMEOUT: Duration = Duration::from_mins(2);

/// How often a link may lead on to another.
const HOPS: usize = 4;

/// Why there is nothing to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Nothing is given out at this link, or no longer.
    Refused(String),
    /// Perhaps later.
    Later(String),
    /// This link is not to be followed.
    Forbidden(String),
}

/// A file on its way here.
#[derive(Debug)]
pub struct Download(Opened);

impl Download {
    /// Follows a link to where its content is: by TLS and as far as `guarded` lets it, because whoever
    /// has the secret of an app of their own can make up links; or within this machine by `http`, when
    /// the platform itself is there.
    ///
    /// # Errors
    /// Why there is nothing to read.
    pub async fn open(
        http: &Http,
        guarded: &Http,
        site: &Site,
        link: &str,
    ) -> Result<Self, Closed> {
        let forbidden = |why: &str| Closed::Forbidden(why.to_owned());
        let mut url: Url = link.parse().map_err(|_| forbidden("the link is no URL"))?;
        for _ in 0..HOPS {
            if !site.may_follow(&url) {
                return Err(forbidden("the link is not one of https"));
            }
            let client = if url.scheme() == "https" { guarded } else { http };
            client
                .check(url.as_str())
                .map_err(|why| Closed::Forbidden(format!("the link {why}")))?;
            let request = client.get(url.clone()).timeout(DOWNLOAD_TIMEOUT);
            let opened = client.open(request).await.map_err(Closed::Later)?;
            let status = opened.status;
            let why = format!("the host answered {status}");
            match status {
                _ if status.is_success() => return Ok(Self(opened)),
                _ if status.is_redirection() => {
                    let to = opened.headers.get(LOCATION).and_then(|value| value.to_str().ok());
                    let to = to.and_then(|to| url.join(to).ok());
                    url = to.ok_or(Closed::Refused(why))?;
                }
                StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                    return Err(Closed::Later(why));
                }
                _ if status.is_client_error() => return Err(Closed::Refused(why)),
                _ => return Err(Closed::Later(why)),
            }
        }
        Err(forbidden("the link leads on and on"))
    }

    /// Returns what the content is, as the host says.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.0.headers.get(CONTENT_TYPE)?.to_str().ok()
    }

    /// Reads the next piece; `None` at the end.
    ///
    /// # Errors
    /// When the rest does not come.
    pub async fn piece(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, NoReply> {
        self.0.piece().await
    }
}
