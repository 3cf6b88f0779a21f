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
    folder: TempDir,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl<'a> Site<'a> {
    /// Fresh schemas on both ends.
    pub fn new(servers: &'a Servers, source: Flavour, target: Flavour) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (source, target) = (servers.source(source), servers.target(target));
        let (source_db, target_db) = (format!("prod_{number}"), format!("dev_{number}"));
        let site = Self { source, target, source_db, target_db, folder: tempfile::tempdir().unwrap() };
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
        let text = format!(
            "token = \"{TOKEN}\"\n{}\n[database]\nurl = \"{}\"\n[server]\nenabled = true\nbind = \"127.0.0.1:0\"\n{server}\n{rest}\n",
            top_level(rest),
            self.source.url(&self.source_db),
            rest = below(rest)
        );
        write_private(&self.path("server/backfill.toml"), &text);
    }

    /// Writes the client's configuration but for `source_url`, which comes by the environment.
    pub fn configure_client(&self, client: &str, rest: &str) {
        let text = format!(
            "token = \"{TOKEN}\"\nenvironment = \"local\"\n{}\n[database]\nurl = \"{}\"\n[client]\n{client}\n{rest}\n",
            top_level(rest),
            self.target.url(&self.target_db),
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
        "SET NAMES utf8mb4",
        "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'",
        "SET SESSION time_zone = '+00:00'",
    ] {
        exec(&mut conn, statement);
    }
    conn
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

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as the kernel would when memory runs out.
    pub fn kill9(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop; gives its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let pid = rustix_pid(self.child.id());
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process id as the system calls want it.
pub fn rustix_pid(id: u32) -> rustix::process::Pid {
    rustix::process::Pid::from_raw(i32::try_from(id).unwrap()).unwrap()
}

/// Waits until `done` says so; panics with `what` after a minute.
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "waited a minute for: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
