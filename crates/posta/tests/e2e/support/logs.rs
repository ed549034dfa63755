//! Everything all stories log, at the most talkative level, to be searched for what must not be.

use std::io::Write;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

static LOGS: Mutex<Vec<u8>> = Mutex::new(Vec::new());

#[derive(Clone, Copy)]
struct Memory;

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGS.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Memory {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}

/// Begins to keep everything that is logged in this process. Returns where it stands now.
pub(crate) fn start() -> usize {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let filter = EnvFilter::new("debug,posta=trace,posta_platforms=trace,posta_store=trace");
        tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(Memory).init();
    });
    LOGS.lock().unwrap_or_else(PoisonError::into_inner).len()
}

/// Insists that none of these texts was logged since then, and that no worker panicked.
pub(crate) fn check(since: usize, secrets: &[String]) {
    let logs = LOGS.lock().unwrap_or_else(PoisonError::into_inner)[since..].to_vec();
    let text = String::from_utf8_lossy(&logs);
    assert!(text.contains("request.id"), "nothing was logged, so nothing was checked");
    assert!(!text.contains("panicked"), "something panicked; see the logs");
    for secret in secrets.iter().filter(|secret| secret.len() > 3) {
        let found = text.lines().find(|line| line.contains(secret.as_str()));
        assert!(found.is_none(), "a secret was logged: {secret} in {}", found.unwrap_or_default());
    }
}
