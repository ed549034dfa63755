//! The program as it is really run: its commands for whole databases, and its end.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use posta::telemetry::Stopwatch;
use serde_json::Value;

#[path = "../../store/tests/support/postgres.rs"]
mod postgres;

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

fn command(folder: &Path, database: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_posta"));
    command.args(arguments).current_dir(folder).env_clear();
    command.env("POSTA_DATABASE_URL", database).env("POSTA_MASTER_KEY", KEY);
    command.env("POSTA_OUTBOUND_ALLOW", "127.0.0.0/8").stdin(Stdio::null());
    command
}

/// Runs a command to its end.
fn posta(folder: &Path, database: &str, arguments: &[&str]) -> Output {
    command(folder, database, arguments).output().unwrap()
}

/// Runs one that must go well, and returns what it printed.
fn done(folder: &Path, database: &str, arguments: &[&str]) -> String {
    let output = posta(folder, database, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs one that must be refused, and returns why.
fn refused(folder: &Path, database: &str, arguments: &[&str]) -> String {
    let output = posta(folder, database, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stdout));
    text(&output.stderr)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn begun(folder: &Path) -> &'static str {
    const DATABASE: &str = "sqlite:posta.db";
    done(folder, DATABASE, &["migrate"]);
    done(folder, DATABASE, &["keys", "create", "--name", "first"]);
    DATABASE
}

fn names(folder: &Path, database: &str) -> Vec<String> {
    let keys = done(folder, database, &["keys", "list", "--json"]);
    let name = |line: &str| {
        let key: Value = serde_json::from_str(line).unwrap();
        key["name"].as_str().unwrap().to_owned()
    };
    keys.lines().map(name).collect()
}

#[test]
fn a_backup_is_made_examined_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let database = begun(folder);
    let told = done(folder, database, &["backup", "one.db"]);
    assert!(told.contains("is sound") && told.contains("master key"), "{told}");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(folder.join("one.db")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    assert!(refused(folder, database, &["backup", "one.db"]).contains("is there already"));

    done(folder, database, &["keys", "create", "--name", "second"]);
    let report = done(folder, database, &["restore", "--verify", "--json", "one.db"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["tables"]["api_keys"], &report["restored"]), (&1.into(), &false.into()));
    assert!(refused(folder, database, &["restore", "one.db"]).contains("--force"));
    assert_eq!(names(folder, database), ["first", "second"]);

    let bytes = std::fs::read(folder.join("one.db")).unwrap();
    std::fs::write(folder.join("half.db"), &bytes[..bytes.len() / 2]).unwrap();
    refused(folder, database, &["restore", "--force", "half.db"]);
    std::fs::write(folder.join("none.db"), "no database at all").unwrap();
    assert!(refused(folder, database, &["restore", "--force", "none.db"]).contains("no SQLite"));
    assert_eq!(names(folder, database), ["first", "second"], "what is no backup replaces nothing");

    let told = done(folder, database, &["restore", "--force", "one.db"]);
    assert!(told.contains("restored"), "{told}");
    assert_eq!(names(folder, database), ["first"]);
    let left: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_str().unwrap().contains("restoring")), "{left:?}");

    let other = "sqlite:elsewhere.db";
    done(folder, other, &["restore", "one.db"]);
    assert_eq!(names(folder, other), ["first"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_is_moved_to_postgres() {
    let Some(target) = postgres::Database::create().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let (folder, url) = (folder.path(), target.url());
    let database = begun(folder);
    let report = done(folder, database, &["move", "--json", "--to", &url]);
    let report: Value = serde_json::from_str(&report).unwrap();
    let keys = report["tables"].as_array().unwrap().iter().find(|one| one["name"] == "api_keys");
    assert_eq!(keys.unwrap()["rows"], 1);
    assert_eq!(names(folder, &url), ["first"]);
    assert_eq!(names(folder, database), ["first"], "the file is as it was");
    let again = refused(folder, database, &["move", "--to", &url]);
    assert!(again.contains("move to an empty one"), "{again}");
    assert!(refused(folder, &url, &["move", "--to", &url]).contains("only a SQLite file"));
    assert!(refused(folder, &url, &["backup", "x.db"]).contains("pg_dump"));
    target.shut().await;
    let away = refused(folder, database, &["move", "--to", &url]);
    assert!(away.contains("cannot open the Postgres server"), "{away}");
    target.open().await;
}

/// A server, killed when the test ends however it ends.
struct Server(Child, SocketAddr);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    fn start(folder: &Path, database: &str) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = command(folder, database, &["serve", "--listen", &address.to_string()]);
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut server = Self(child, address);
        while server.call("GET", "/readyz", "", "").is_none_or(|answer| !answer.contains(" 200 ")) {
            let ended = server.0.try_wait().unwrap();
            let log = || std::fs::read_to_string(folder.join("log")).unwrap();
            assert!(ended.is_none(), "it ended: {}", log());
            std::thread::yield_now();
        }
        server
    }

    fn call(&self, method: &str, path: &str, key: &str, body: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.1).ok()?;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: posta\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }
}

/// SIGTERM lets a request and its delivery end that are under way, and the program ends well and soon;
/// nobody else can have the file before.
#[test]
fn a_stop_lets_what_is_under_way_end() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let database = begun(folder);
    let key = done(folder, database, &["keys", "create"]);
    let key = key.trim();
    let mut server = Server::start(folder, database);
    let endpoint = TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = format!(
        r#"{{"name":"slow","url":"http://{}/","events":["message.received"]}}"#,
        endpoint.local_addr().unwrap()
    );
    let made = server.call("POST", "/v1/webhooks/settings", key, &hook).unwrap();
    let made: Value = serde_json::from_str(made.split_once("\r\n\r\n").unwrap().1).unwrap();
    let test = format!(r#"{{"webhookId":{}}}"#, made["webhook"]["_id"]);

    for arguments in
        [["restore", "--force", "posta.db"], ["move", "--to", "postgres://127.0.0.1:1/x"]]
    {
        refused(folder, database, &arguments);
    }
    let (answer, watch) = std::thread::scope(|scope| {
        let server = &server;
        let asked = scope.spawn(move || server.call("POST", "/v1/webhooks/test", key, &test));
        let (mut delivery, _) = endpoint.accept().unwrap();
        let mut some = [0; 1024];
        assert!(delivery.read(&mut some).unwrap() > 0);
        server.signal("-TERM");
        let watch = Stopwatch::start();
        // It has heard of it when it takes nobody else.
        while TcpStream::connect(server.1).is_ok() {
            std::thread::yield_now();
        }
        delivery
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .unwrap();
        (asked.join().unwrap().unwrap(), watch)
    });
    assert!(answer.contains(" 200 ") && answer.contains("\"success\":true"), "{answer}");
    assert_eq!(server.0.wait().unwrap().code(), Some(0));
    assert!(watch.elapsed() < Duration::from_secs(5), "{:?}", watch.elapsed());
    assert!(!folder.join("posta.db-wal").exists(), "the file was closed well");
}

/// SIGKILL loses nothing that was answered.
#[test]
fn what_was_answered_is_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let database = begun(folder);
    let key = done(folder, database, &["keys", "create"]);
    let server = Server::start(folder, database);
    let made = server.call("POST", "/v1/profiles", key.trim(), r#"{"name":"kept"}"#).unwrap();
    assert!(made.contains(" 201 "), "{made}");
    server.signal("-KILL");
    drop(server);
    let server = Server::start(folder, database);
    let list = server.call("GET", "/v1/profiles", key.trim(), "").unwrap();
    assert!(list.contains("\"kept\""), "{list}");
}
