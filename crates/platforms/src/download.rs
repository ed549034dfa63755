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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use axum::http::StatusCode;
    use axum::response::{IntoResponse, Redirect, Response};
    use tokio::net::TcpListener;

    use super::*;
    use crate::guard::{Guard, Schemes};

    async fn answer(uri: axum::http::Uri) -> Response {
        match uri.path() {
            "/file" => ([(CONTENT_TYPE, "image/png")], "a picture").into_response(),
            "/moved" => Redirect::temporary("file").into_response(),
            "/around" => Redirect::temporary("/around").into_response(),
            "/inside" => Redirect::temporary("https://10.0.0.1/secret").into_response(),
            "/nowhere" => StatusCode::FOUND.into_response(),
            "/busy" => StatusCode::TOO_MANY_REQUESTS.into_response(),
            "/broken" => StatusCode::BAD_GATEWAY.into_response(),
            _ => StatusCode::FORBIDDEN.into_response(),
        }
    }

    #[tokio::test]
    async fn a_link_is_followed_as_far_as_it_may_be() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = axum::Router::new().fallback(answer);
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        let _serving = tokio::spawn(axum::serve(listener, server).into_future());
        let (http, platform) = (Http::new(), crate::ALL[0]);
        let guard = Guard::new("".parse().unwrap(), "443".parse().unwrap(), Schemes::Both);
        let guarded = Http::guarded(guard);
        let urls = BTreeMap::from([(platform.urls()[0].0.to_owned(), base.parse().unwrap())]);
        let here = Site::new(platform, &urls, None).unwrap();
        let real = Site::new(platform, &BTreeMap::new(), None).unwrap();
        let open =
            async |site: &Site, link: &str| Download::open(&http, &guarded, site, link).await;

        for path in ["file", "moved"] {
            let mut file = open(&here, &format!("{base}/{path}")).await.unwrap();
            assert_eq!(file.content_type(), Some("image/png"));
            let mut all = Vec::new();
            while let Some(piece) = file.piece().await.unwrap() {
                all.extend_from_slice(piece.as_ref());
            }
            assert_eq!(all, b"a picture");
        }
        let refused = async |path: &str| open(&here, &format!("{base}/{path}")).await.unwrap_err();
        for path in ["gone", "nowhere"] {
            assert!(matches!(refused(path).await, Closed::Refused(_)), "{path}");
        }
        for path in ["busy", "broken"] {
            assert!(matches!(refused(path).await, Closed::Later(_)), "{path}");
        }
        for path in ["around", "inside"] {
            assert!(matches!(refused(path).await, Closed::Forbidden(_)), "{path}");
        }
        let links =
            ["https://127.0.0.1/", "https://169.254.169.254/latest", "http://x.example/", ""];
        for link in links.into_iter().chain([base.as_str()]) {
            let closed = open(&real, link).await.unwrap_err();
            assert!(matches!(closed, Closed::Forbidden(_)), "{link}: {closed:?}");
        }
    }
}
