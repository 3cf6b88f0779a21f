//! Servers, schemas, and the binary under test.

use backfill::error::Result;
use backfill::sandbox::{Options, Server};
use backfill::schema::Flavour;
use mysql::Conn;
use mysql::prelude::Queryable;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A test: panics when something is wrong.
pub type Test = Box<dyn Fn(&Servers) + Send + 'static>;

/// Registers a test under a name.
pub type Add<'a> = dyn FnMut(String, Test) + 'a;

/// The token of every test.
pub const TOKEN: &str = "test-token-0123456789-abcdefghijklmnopqrstuvwxyz";

/// Both families.
pub const FLAVOURS: [Flavour; 2] = [Flavour::Mariadb, Flavour::Mysql];

/// After which what did not come will not come; machines are busy at times.
const LONGEST_WAIT: Duration = Duration::from_secs(180);

/// Two servers of each family: a source must not be its own target.
pub struct Servers {
    sources: [Server; 2],
    targets: [Server; 2],
}

impl Servers {
    /// Starts all four.
    pub fn start() -> Result<Self> {
        let source = Options {
            arguments: vec!["--log-bin=bin".into(), "--server-id=11".into()],
            ..Options::default()
        };
        let target = Options { arguments: vec!["--server-id=12".into()], ..Options::default() };
        Ok(Self {
            sources: [Server::start(Flavour::Mariadb, &source)?, Server::start(Flavour::Mysql, &source)?],
            targets: [Server::start(Flavour::Mariadb, &target)?, Server::start(Flavour::Mysql, &target)?],
        })
    }

    /// The server that plays production.
    pub fn source(&self, flavour: Flavour) -> &Server {
        &self.sources[index(flavour)]
    }

    /// The server that plays the laptop.
    pub fn target(&self, flavour: Flavour) -> &Server {
        &self.targets[index(flavour)]
    }
}

fn index(flavour: Flavour) -> usize {
    match flavour {
        Flavour::Mariadb => 0,
        Flavour::Mysql => 1,
    }
}

/// A short name for test names.
pub fn short(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Mariadb => "mariadb",
        Flavour::Mysql => "mysql",
    }
}

/// A pair of empty schemas, a folder with a configuration for each side, and what it takes to run the binary there.
pub struct Site<'a> {
    pub source: &'a Server,
    pub target: &'a Server,
    pub source_db: String,
    pub target_db: String,
    /// What `serve` is configured to connect to.
    pub source_url: String,
    /// What `pull` is configured to connect to.
    pub target_url: String,
    folder: TempDir,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl<'a> Site<'a> {
    /// Fresh schemas on both ends.
    pub fn new(servers: &'a Servers, source: Flavour, target: Flavour) -> Self {
        Self::between(servers.source(source), servers.target(target))
    }

    /// Fresh schemas on these servers.
    pub fn between(source: &'a Server, target: &'a Server) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (source_db, target_db) = (format!("prod_{number}"), format!("dev_{number}"));
        let (source_url, target_url) = (source.url(&source_db), target.url(&target_db));
        let folder = tempfile::tempdir().unwrap();
        let site = Self { source, target, source_db, target_db, source_url, target_url, folder };
        exec(
            &mut source.connect().unwrap(),
            &format!("CREATE DATABASE {} CHARACTER SET utf8mb4", site.source_db),
        );
        exec(
            &mut target.connect().unwrap(),
            &format!("CREATE DATABASE {} CHARACTER SET utf8mb4", site.target_db),
        );
        std::fs::create_dir(site.path("server")).unwrap();
        std::fs::create_dir(site.path("client")).unwrap();
        site.configure_server("", "[privacy]\npolicy = \"open\"\n");
        site.configure_client("", "");
        site
    }

    /// A path inside the test's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the server's configuration: `server` goes under `[server]`, `rest` behind.
    pub fn configure_server(&self, server: &str, rest: &str) {
        self.configure_server_as(&self.source_url, server, rest);
    }

    /// As [`Site::configure_server`] with another `database.url`.
    pub fn configure_server_as(&self, url: &str, server: &str, rest: &str) {
        let text = format!(
            "token = \"{TOKEN}\"\n{}\n[database]\nurl = \"{}\"\n[server]\nenabled = true\nbind = \"127.0.0.1:0\"\n{server}\n{rest}\n",
            top_level(rest),
            url,
            rest = below(rest)
        );
        write_private(&self.path("server/backfill.toml"), &text);
    }

    /// Writes the client's configuration but for `source_url`, which comes by the environment.
    pub fn configure_client(&self, client: &str, rest: &str) {
        // A pull whose server stays away gives up after the timeout: long enough for a busy machine.
        let patience = if client.contains("timeout") { "" } else { "timeout = 20\n" };
        let text = format!(
            "token = \"{TOKEN}\"\nenvironment = \"local\"\n{}\n[database]\nurl = \"{}\"\n[client]\n{patience}{client}\n{rest}\n",
            top_level(rest),
            self.target_url,
            rest = below(rest)
        );
        write_private(&self.path("client/backfill.toml"), &text);
    }

    /// A connection into the source schema.
    pub fn source_conn(&self) -> Conn {
        connect(self.source, &self.source_db)
    }

    /// A connection into the target schema.
    pub fn target_conn(&self) -> Conn {
        connect(self.target, &self.target_db)
    }

    /// Starts `backfill serve` and waits until it listens.
    pub fn serve(&self) -> Serve {
        Serve::start(self.command("server").args(["-v", "serve"]))
    }

    /// Starts a `serve` that must refuse to; gives its exit code and what it printed.
    pub fn serve_refused(&self) -> (i32, String) {
        let mut command = self.command("server");
        command.arg("serve").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let deadline = Instant::now() + LONGEST_WAIT;
        while child.try_wait().unwrap().is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        let ended = child.try_wait().unwrap().is_some();
        let _ = child.kill();
        let output = child.wait_with_output().unwrap();
        assert!(ended, "serve started, or hangs:\n{}", both(&output));
        (output.status.code().unwrap(), both(&output))
    }

    /// An account on the source with a password and these grants; `{db}` in them is the source schema.
    pub fn account(&self, grants: &[&str]) -> Account<'a> {
        Account::new(self.source, &self.source_db, grants)
    }

    /// Makes the source's tables, empty, in the target schema.
    pub fn structure_to_target(&self) {
        let (mut source, mut target) = (self.source_conn(), self.target_conn());
        exec(&mut target, "SET FOREIGN_KEY_CHECKS = 0");
        let tables: Vec<(String, String)> = source.query("SHOW FULL TABLES").unwrap();
        for (table, _) in tables.iter().filter(|(_, kind)| kind == "BASE TABLE") {
            let shown: Option<(String, String)> =
                source.query_first(format!("SHOW CREATE TABLE `{}`", table.replace('`', "``"))).unwrap();
            exec(&mut target, &shown.unwrap().1);
        }
    }

    /// The binary, in one side's folder, with an environment of its own.
    pub fn command(&self, side: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backfill"));
        command
            .current_dir(self.path(side))
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap_or_default());
        command.stdin(Stdio::null());
        command
    }

    /// `backfill pull` with these arguments, from that server.
    pub fn pull_command(&self, url: &str, arguments: &[&str]) -> Command {
        let mut command = self.command("client");
        command.env("BACKFILL_SOURCE_URL", url).arg("pull").args(arguments);
        command
    }

    /// Runs `backfill pull --yes` and expects success; gives what it printed on both streams.
    pub fn pull(&self, serve: &Serve) -> String {
        let output = self.pull_command(&serve.url, &["--yes"]).output().unwrap();
        let text = both(&output);
        assert!(
            output.status.success(),
            "pull failed ({:?}):\n{text}\nserver:\n{}",
            output.status.code(),
            serve.log()
        );
        text
    }
}

/// An account that is dropped with its value.
pub struct Account<'a> {
    server: &'a Server,
    pub user: String,
}

impl<'a> Account<'a> {
    /// An account with a password and these grants; `{db}` in them is that schema.
    pub fn new(server: &'a Server, database: &str, grants: &[impl AsRef<str>]) -> Self {
        let user = format!("account_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut conn = server.connect().unwrap();
        exec(&mut conn, &format!("CREATE USER {user}@'%' IDENTIFIED BY 'pw-{user}'"));
        for grant in grants {
            exec(&mut conn, &format!("GRANT {} TO {user}@'%'", grant.as_ref().replace("{db}", database)));
        }
        Self { server, user }
    }

    /// The URL of a schema for this account.
    pub fn url(&self, database: &str) -> String {
        let endpoint = self.server.endpoint(database);
        format!("mysql://{0}:pw-{0}@{1}:{2}/{database}", self.user, endpoint.host, endpoint.port)
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        if let Ok(mut conn) = self.server.connect() {
            let _ = conn.query_drop(format!("DROP USER IF EXISTS {}@'%'", self.user));
        }
    }
}

impl Drop for Site<'_> {
    fn drop(&mut self) {
        if let Ok(mut conn) = self.source.connect() {
            let _ = conn.query_drop(format!("DROP DATABASE IF EXISTS {}", self.source_db));
        }
        if let Ok(mut conn) = self.target.connect() {
            let _ = conn.query_drop(format!("DROP DATABASE IF EXISTS {}", self.target_db));
        }
    }
}

/// Lines of `rest` before its first table header belong to the top level of the file.
fn top_level(rest: &str) -> String {
    rest.lines().take_while(|line| !line.starts_with('[')).collect::<Vec<_>>().join("\n")
}

fn below(rest: &str) -> String {
    rest.lines().skip_while(|line| !line.starts_with('[')).collect::<Vec<_>>().join("\n")
}

fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Both streams of a finished program.
pub fn both(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A connection with the session that the oracle and fixtures need.
pub fn connect(server: &Server, database: &str) -> Conn {
    let mut conn = server.connect().unwrap();
    for statement in [
        &format!("USE {database}"),
        // A server of a test's own may have others for all.
        "SET SESSION autocommit = 1, completion_type = 0, sql_select_limit = 18446744073709551615, sql_safe_updates = 0, \
         sql_big_selects = 1, sql_quote_show_create = 1",
        "SET NAMES utf8mb4",
        "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'",
        "SET SESSION time_zone = '+00:00'",
    ] {
        exec(&mut conn, statement);
    }
    conn
}

/// Workspaces on the server of `conn` that hold a copy of a table of this name. Give the table a name that no other
/// test uses, since tests share servers.
pub fn workspaces_with(conn: &mut Conn, table: &str) -> Vec<String> {
    conn.exec(
        "SELECT TABLE_SCHEMA FROM information_schema.TABLES WHERE TABLE_NAME = ? \
         AND TABLE_SCHEMA LIKE '\\_backfill\\_temp\\_%'",
        (table,),
    )
    .unwrap()
}

/// Makes `table (id, a, b, mail, pad)` of 32,768 rows and 40 MB, more than one chunk whatever the pace of reads:
/// `a + b = 0`, `pad` does not compress well.
pub fn large_table(conn: &mut Conn, table: &str) {
    wide_table(conn, table, 13);
}

/// As [`large_table`] with four rows doubled so often.
pub fn wide_table(conn: &mut Conn, table: &str, doublings: u32) {
    exec(
        conn,
        &format!(
            "CREATE TABLE {table} (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, a INT NOT NULL DEFAULT 0, \
             b INT NOT NULL DEFAULT 0, mail VARCHAR(90) NOT NULL DEFAULT 'x@y.z', pad VARCHAR(1300) CHARACTER SET latin1 NOT NULL DEFAULT '') ENGINE=InnoDB"
        ),
    );
    let pad = ["SHA2(RAND(), 512)"; 9].join(", ");
    exec(conn, &format!("INSERT INTO {table} (pad) VALUES (''), (''), (''), ('')"));
    for _ in 0..doublings {
        exec(conn, &format!("INSERT INTO {table} (pad) SELECT CONCAT({pad}) FROM {table}"));
    }
    exec(conn, &format!("ANALYZE TABLE {table}"));
}

/// Runs one statement of a fixture.
pub fn exec(conn: &mut Conn, sql: &str) {
    conn.query_drop(sql)
        .unwrap_or_else(|error| panic!("{error}\nin: {}", sql.chars().take(300).collect::<String>()));
}

/// A running `backfill serve`; killed when dropped.
pub struct Serve {
    child: Child,
    /// Where it listens, without the route prefix.
    pub url: String,
    log: Arc<Mutex<String>>,
}

impl Serve {
    /// Starts it and waits for its address.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let mut stderr = child.stderr.take().unwrap();
        std::thread::spawn({
            let log = Arc::clone(&log);
            move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = stderr.read(&mut buffer) {
                    log.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
                }
            }
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned);
        let Some(url) = url else {
            let _ = child.wait();
            panic!("serve did not start: {line}\n{}", log.lock().unwrap());
        };
        let url = url.split("/api/").next().unwrap().to_owned();
        Self { child, url, log }
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Where its log goes, to be read when it is gone as well.
    pub fn log_handle(&self) -> Arc<Mutex<String>> {
        Arc::clone(&self.log)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as the kernel would when memory runs out.
    pub fn kill9(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its exit code if it has ended by itself; none of a process that was killed.
    pub fn ended(&mut self) -> Option<Option<i32>> {
        self.child.try_wait().unwrap().map(|status| status.code())
    }

    /// Asks it to stop; gives its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let pid = rustix_pid(self.child.id());
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

/// Lines of a server's log that a failing test shows.
const LOG_LINES: usize = 40;

impl Drop for Serve {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // A pull is told only that its server failed: the log says why.
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!(
                "the end of what `serve` logged:\n{}",
                lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
            );
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process id as the system calls want it.
pub fn rustix_pid(id: u32) -> rustix::process::Pid {
    rustix::process::Pid::from_raw(i32::try_from(id).unwrap()).unwrap()
}

/// Whether a process has stopped itself, as it does at a moment that a test named in `HOLD_AT`.
pub fn is_held(pid: u32) -> bool {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    text.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}

/// Lets a process that has stopped itself go on.
pub fn let_go(pid: u32) {
    rustix::process::kill_process(rustix_pid(pid), rustix::process::Signal::CONT).unwrap();
}

/// Waits until `done` says so; panics with `what` after [`LONGEST_WAIT`].
pub fn wait_for(what: &str, done: impl FnMut() -> bool) {
    assert!(comes_true(done), "waited three minutes for: {what}");
}

/// Waits until `done` says so, for [`LONGEST_WAIT`] at most; whether it did.
pub fn comes_true(mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + LONGEST_WAIT;
    while !done() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}
