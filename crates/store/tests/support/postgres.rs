//! Postgres for tests: each gets a database of its own, on the server that the environment names or
//! on one that this process starts for itself. Other crates include this file with `#[path]`.
//!
//! `POSTA_TEST_POSTGRES_URL` names a server, as a user who may create databases. Without it, the
//! programs of Postgres are looked for and a server without network is started in a temporary
//! folder. Where there is neither, tests are skipped, unless `POSTA_REQUIRE_POSTGRES` is `1`.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::OnceLock;

use posta_core::chance::Chance;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

const SKIPPED: &str = "postgres: skipped, no server and no programs found";

/// An empty database of one test, dropped with this value.
pub(crate) struct Database {
    server: PgConnectOptions,
    name: String,
}

impl Database {
    /// Makes a database; `None`, and a line that says so, when there is no Postgres to be had.
    pub(crate) async fn create() -> Option<Self> {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        let Some(server) = SERVER.get_or_init(Server::find) else {
            let is_required = setting("POSTA_REQUIRE_POSTGRES").is_some_and(|text| text == "1");
            assert!(!is_required, "{SKIPPED}, but POSTA_REQUIRE_POSTGRES is 1");
            return None;
        };
        let database = Self {
            server: server.options.clone(),
            name: format!("posta_test_{}", Chance::system().hex::<8>()),
        };
        database.run("CREATE DATABASE", "TEMPLATE template0").await;
        Some(database)
    }

    /// The URL of the database.
    pub(crate) fn url(&self) -> String {
        let options = self.server.clone().database(&self.name);
        options.to_url_lossy().to_string()
    }

    /// Lets nobody in any more, and throws out who is in.
    pub(crate) async fn shut(&self) {
        self.run("ALTER DATABASE", "ALLOW_CONNECTIONS false").await;
        let name = &self.name;
        self.say(format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        ))
        .await;
    }

    /// Lets everybody in again.
    pub(crate) async fn open(&self) {
        self.run("ALTER DATABASE", "ALLOW_CONNECTIONS true").await;
    }

    async fn run(&self, command: &str, rest: &str) {
        self.say(format!("{command} {} {rest}", self.name)).await;
    }

    async fn say(&self, text: String) {
        let connection = PgConnection::connect_with(&self.server).await;
        let mut connection = connection.expect("the test server takes connections");
        let done = sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection);
        done.await.expect("the user may create databases");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop_it = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime can be made");
            runtime.block_on(self.run("DROP DATABASE", "WITH (FORCE)"));
        };
        // A thread of its own, because a test that fails has no runtime left to wait on; and what
        // goes wrong in it must not hide why the test failed.
        std::thread::scope(|scope| scope.spawn(drop_it).join().ok());
    }
}

/// The server of this process.
struct Server {
    options: PgConnectOptions,
    // The script below ends, and the server with it, when the pipe to its standard input closes.
    // That happens when this process ends, however it ends.
    _script: Option<Child>,
}

impl Server {
    fn find() -> Option<Self> {
        if let Some(url) = setting("POSTA_TEST_POSTGRES_URL") {
            let options = PgConnectOptions::from_str(&url);
            return Some(Self {
                options: options.expect("POSTA_TEST_POSTGRES_URL is a connection URL"),
                _script: None,
            });
        }
        let Some(programs) = programs() else {
            // Past the capture of test output, so that a skipped run says so.
            writeln!(std::io::stderr(), "{SKIPPED}").ok();
            return None;
        };
        Some(Self::start(&programs))
    }

    fn start(programs: &Path) -> Self {
        let mut script = shell()
            .args(["-c", SCRIPT, "sh"])
            .arg(programs)
            // Whoever started us may be in a folder that the server's user cannot enter.
            .current_dir("/")
            // Signals to the group of the tests must not end the script before it has cleaned up.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell can be started");
        let mut folder = String::new();
        let output = script.stdout.take().expect("the output is piped");
        let read = BufReader::new(output).read_line(&mut folder);
        read.expect("the script writes text");
        if folder.is_empty() {
            let mut reason = String::new();
            let mut errors = script.stderr.take().expect("the errors are piped");
            errors.read_to_string(&mut reason).ok();
            panic!("Postgres does not start: {reason}");
        }
        Self {
            options: PgConnectOptions::new_without_pgpass()
                .socket(folder.trim_end())
                .port(5432)
                .username("posta")
                .database("postgres"),
            _script: Some(script),
        }
    }
}

/// Starts a server in a temporary folder, says which, and undoes everything when its input ends.
const SCRIPT: &str = r#"
folder=$(mktemp -d /tmp/posta-postgres.XXXXXX) || exit 1
trap 'rm -rf "$folder"' EXIT
trap '' HUP INT TERM
"$1/initdb" -D "$folder/data" -U posta -A trust -E UTF8 --locale=C --no-sync \
    >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
"$1/pg_ctl" start -w -t 60 -D "$folder/data" -l "$folder/log" \
    -o "-F -k '$folder' -p 5432 -c listen_addresses='' -c max_connections=200" \
    >/dev/null 2>&1 || { cat "$folder/log" >&2; exit 1; }
echo "$folder"
read -r _
"$1/pg_ctl" stop -m immediate -D "$folder/data" >/dev/null 2>&1
"#;

/// A shell as a user under whom Postgres agrees to run, which root is not.
fn shell() -> Command {
    let id = Command::new("id").arg("-u").output();
    if id.is_ok_and(|output| output.stdout == b"0\n") {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "sh"]);
        command
    } else {
        Command::new("sh")
    }
}

/// Finds the programs of the newest Postgres here.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut folders: Vec<PathBuf> =
        versions.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect();
    folders.sort();
    if let Some(path) = std::env::var_os("PATH") {
        folders.splice(0..0, std::env::split_paths(&path));
    }
    folders.into_iter().rfind(|folder| {
        ["initdb", "pg_ctl", "postgres"].iter().all(|one| folder.join(one).is_file())
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "which server to test against is no setting of Posta's"
)]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
