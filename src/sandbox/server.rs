//! One server, private or somebody's own, and its life.

use super::folder::Folder;
use super::program::Program;
use super::template::{common_arguments, failed};
use super::{USER, mariadb, mysql as mysql_server, template, variable, way_out};
use crate::db::{Endpoint, Tls, TlsMode};
use crate::error::{Error, Kind, Result};
use crate::schema::Flavour;
use crate::secret::Secret;
use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rustix::process::{Pid, Signal, kill_process};
use std::borrow::Cow;
use std::fs::OpenOptions;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use url::Url;

/// How long a server may take to answer. Two seconds are usual; a busy machine takes longer.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// How long a server may take to stop when asked.
const STOPPED_WITHIN: Duration = Duration::from_secs(30);
/// How often is looked.
const TICK: Duration = Duration::from_millis(10);
/// How often another port is tried when somebody took ours between picking and binding.
const PORT_ATTEMPTS: u32 = 5;

/// What kind of private server is wanted.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it lives. `None`: in a folder that is removed with it. A named one is made if it is not there, taken
    /// with the data in it if it is, and kept.
    pub folder: Option<PathBuf>,
    /// Size of InnoDB's buffer pool, in MiB.
    pub buffer_pool_mib: u32,
    /// More arguments for the server, as `--local-infile=ON`; they win over ours.
    pub arguments: Vec<String>,
    /// Whether the kernel is to end the server when the thread that started it ends. True by default, so that
    /// servers must be started on a thread that lives as long as they are needed: usually the main one.
    pub die_with_parent: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { folder: None, buffer_pool_mib: 64, arguments: Vec::new(), die_with_parent: true }
    }
}

/// A running server. Dropping it stops it, unless it is somebody's own.
#[derive(Debug)]
pub struct Server {
    flavour: Flavour,
    host: String,
    port: u16,
    user: String,
    password: Secret,
    private: Option<Private>,
}

#[derive(Debug)]
struct Private {
    program: Program,
    folder: Folder,
    options: Options,
    child: Option<Child>,
}

impl Server {
    /// The server that the environment names for `flavour` (`BACKFILL_TEST_MARIADB_URL`,
    /// `BACKFILL_TEST_MYSQL_URL`), to which `options` do not apply; else a private one.
    ///
    /// # Errors
    /// As [`Server::external`] and [`Server::start`]; the hint says how to get a server.
    pub fn obtain(flavour: Flavour, options: &Options) -> Result<Self> {
        let variable = variable(flavour);
        let Some(url) = std::env::var(variable).ok().filter(|url| !url.is_empty()) else {
            return Self::start(flavour, options);
        };
        let server = Self::external(&url).map_err(|error| error.context(variable))?;
        if server.flavour != flavour {
            let what = format!("{variable} names a server that is {}, not {flavour}", server.flavour);
            return Err(Error::new(Kind::Source, what).hint(way_out(flavour)));
        }
        Ok(server)
    }

    /// Starts a private server and returns when it answers.
    ///
    /// With [`Options::die_with_parent`], call it on a thread that outlives the server: the kernel ties the
    /// server's life to the thread, not to the process.
    ///
    /// # Errors
    /// Kind `Source`: there is no program (the hint says how to get one), or the server does not start (the
    /// message ends with its log's last lines).
    pub fn start(flavour: Flavour, options: &Options) -> Result<Self> {
        let program = Program::find(flavour)?;
        let folder = Folder::new(options.folder.as_deref())?;
        if !folder.data().is_dir() {
            template::make(flavour, &program, &options.arguments, &folder.data())?;
        }
        let private = Private { program, folder, options: options.clone(), child: None };
        let mut server = Self {
            flavour,
            host: Ipv4Addr::LOCALHOST.to_string(),
            port: 0,
            user: USER.to_owned(),
            password: Secret::new(""),
            private: Some(private),
        };
        for attempt in 1.. {
            server.port = free_port()?;
            match server.launch() {
                Err(error) if attempt < PORT_ATTEMPTS && error.what().contains("Address already in use") => {}
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        Ok(server)
    }

    /// A server that is somebody's own, `mysql://user:password@host:port`; it is asked for its flavour, and never
    /// stopped.
    ///
    /// # Errors
    /// Kind `Config` if the URL is none, `Source` if the server does not answer.
    pub fn external(url: &str) -> Result<Self> {
        let mut server = parse(url)?;
        let version: Option<String> = server
            .connect()?
            .query_first("SELECT VERSION()")
            .map_err(|error| Error::new(Kind::Source, "asking a server for its version").source(error))?;
        if version.is_some_and(|version| version.contains("MariaDB")) {
            server.flavour = Flavour::Mariadb;
        }
        Ok(server)
    }

    /// Which family it belongs to.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// How `database` on it is reached over TCP.
    #[must_use]
    pub fn endpoint(&self, database: &str) -> Endpoint {
        Endpoint {
            host: self.host.clone(),
            port: self.port,
            socket: None,
            user: self.user.clone(),
            password: self.password.clone(),
            database: database.to_owned(),
            tls: Tls { mode: TlsMode::Prefer, ca: None },
        }
    }

    /// `mysql://user:password@host:port/database`, with everything in it percent-encoded as needed.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let password = match self.password.expose() {
            "" => String::new(),
            password => format!(":{}", encode(password)),
        };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("mysql://{}{password}@{host}:{}/{}", encode(&self.user), self.port, encode(database))
    }

    /// A new connection over TCP with all rights, without a database.
    ///
    /// # Errors
    /// Kind `Source` if the server does not answer or refuses.
    pub fn connect(&self) -> Result<Conn> {
        let options = OptsBuilder::new()
            .ip_or_hostname(Some(self.host.as_str()))
            .tcp_port(self.port)
            .user(Some(&self.user))
            .pass(Some(self.password.expose()))
            .prefer_socket(false)
            .tcp_connect_timeout(Some(Duration::from_secs(10)));
        Conn::new(options).map_err(|error| {
            let what = format!("connecting to the server at {}:{}", self.host, self.port);
            Error::new(Kind::Source, what).source(error)
        })
    }

    /// The process id of a private server that runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.private.as_ref()?.child.as_ref().map(Child::id)
    }

    /// The unix socket of a private server.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        self.private.as_ref().map(|private| private.folder.socket())
    }

    /// The error log of a private server.
    #[must_use]
    pub fn log(&self) -> Option<PathBuf> {
        self.private.as_ref().map(|private| private.folder.log())
    }

    /// Stops a private server as its administrator would, and kills it if it is not gone after 30 s. Its data
    /// stays until the value is dropped.
    pub fn stop(&mut self) {
        self.end(Signal::TERM);
    }

    /// Kills a private server as a crash would. Its data stays until the value is dropped.
    pub fn kill9(&mut self) {
        self.end(Signal::KILL);
    }

    fn end(&mut self, signal: Signal) {
        let Some(mut child) = self.private.as_mut().and_then(|private| private.child.take()) else { return };
        let deadline = Instant::now() + STOPPED_WITHIN;
        if let Some(pid) = Pid::from_raw(child.id().cast_signed())
            && kill_process(pid, signal).is_ok()
        {
            while Instant::now() < deadline {
                match child.try_wait() {
                    Ok(None) => std::thread::sleep(TICK),
                    Ok(Some(_)) | Err(_) => return,
                }
            }
        }
        tracing::warn!(pid = child.id(), "a throwaway server does not stop and is killed");
        if let Err(error) = child.kill().and_then(|()| child.wait()) {
            tracing::warn!(pid = child.id(), %error, "a throwaway server cannot be killed");
        }
    }

    /// Starts the process on our port and waits until it answers; ends it if it does not.
    fn launch(&mut self) -> Result<()> {
        let (flavour, port) = (self.flavour, self.port);
        let Some(private) = self.private.as_mut() else { return Ok(()) };
        private.child = Some(private.spawn(flavour, port)?);
        let ready = self.wait_until_ready();
        if ready.is_err() {
            self.kill9();
        }
        ready
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if self.answers() {
                return Ok(());
            }
            let Some(private) = self.private.as_mut() else { return Ok(()) };
            let log = private.folder.log();
            match private.child.as_mut().map(Child::try_wait) {
                Some(Ok(None)) => {}
                _ => return Err(failed(&format!("{} stopped while starting", self.flavour), &log)),
            }
            if Instant::now() > deadline {
                let what = format!("{} did not answer within {} s", self.flavour, READY_WITHIN.as_secs());
                return Err(failed(&what, &log));
            }
            std::thread::sleep(TICK);
        }
    }

    /// Whether the server that answers on our port is ours: another one may have taken it.
    fn answers(&self) -> bool {
        let Ok(mut connection) = self.connect() else { return false };
        let socket: Option<String> = connection.query_first("SELECT @@socket").ok().flatten();
        socket.as_deref() == self.socket().and_then(Path::to_str)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Data that is removed next needs no care.
        let kept = self.private.as_ref().is_some_and(|private| private.folder.kept());
        self.end(if kept { Signal::TERM } else { Signal::KILL });
    }
}

impl Private {
    fn spawn(&self, flavour: Flavour, port: u16) -> Result<Child> {
        let io = |error| Error::new(Kind::Source, format!("starting {flavour}")).source(error);
        let log = OpenOptions::new().create(true).append(true).open(self.folder.log()).map_err(io)?;
        let mut command = if self.options.die_with_parent {
            self.program.command_that_dies_with_us()
        } else {
            self.program.command()
        };
        command
            .arg("--no-defaults")
            .arg(format!("--datadir={}", self.folder.data().display()))
            .arg(format!("--tmpdir={}", self.folder.tmp().display()))
            .arg(format!("--socket={}", self.folder.socket().display()))
            .arg(format!("--port={port}"))
            .args(["--bind-address=127.0.0.1", "--skip-name-resolve"])
            .arg(format!("--innodb-buffer-pool-size={}M", self.options.buffer_pool_mib))
            .args(common_arguments())
            .args(match flavour {
                Flavour::Mariadb => mariadb::arguments(&self.program),
                Flavour::Mysql => mysql_server::arguments(&self.program),
            })
            .args(&self.options.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(io)?)
            .stderr(log)
            // A Ctrl-C is for us, not for the servers that we stop in our own order.
            .process_group(0)
            .spawn()
            .map_err(io)
    }
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| Error::new(Kind::Source, "finding a free port").source(error))
}

/// Reads a server's URL; its flavour is not known yet.
fn parse(text: &str) -> Result<Server> {
    // The text may hold a password, so no error shows it.
    let invalid = |why: &str| {
        Error::config(format!("a server's URL {why}")).hint("write it as mysql://user:password@host:port")
    };
    let url = Url::parse(text).map_err(|_| invalid("cannot be read"))?;
    if !matches!(url.scheme(), "mysql" | "mariadb") {
        return Err(invalid("does not start with mysql://"));
    }
    let decode = |text: &str| {
        percent_decode_str(text).decode_utf8().map(Cow::into_owned).map_err(|_| invalid("is not UTF-8"))
    };
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| invalid("names no host"))?;
    let user = if url.username().is_empty() { "root".to_owned() } else { decode(url.username())? };
    Ok(Server {
        flavour: Flavour::Mysql,
        host: host.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(3306),
        user,
        password: Secret::new(decode(url.password().unwrap_or_default())?),
        private: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_written_the_same() {
        for (text, host, port, user, password, back) in [
            ("mysql://a:b@h:3307", "h", 3307, "a", "b", "mysql://a:b@h:3307/x"),
            ("mariadb://h", "h", 3306, "root", "", "mysql://root@h:3306/x"),
            (
                "mysql://a%40b:p%2Fw%3A@127.0.0.1:1/db",
                "127.0.0.1",
                1,
                "a@b",
                "p/w:",
                "mysql://a%40b:p%2Fw%3A@127.0.0.1:1/x",
            ),
            ("mysql://a@[::1]:5", "::1", 5, "a", "", "mysql://a@[::1]:5/x"),
        ] {
            let server = parse(text).unwrap();
            assert_eq!(
                (server.host.as_str(), server.port, server.user.as_str()),
                (host, port, user),
                "{text}"
            );
            assert_eq!(server.password.expose(), password, "{text}");
            assert_eq!(server.url("x"), back);
            assert!(server.pid().is_none() && server.socket().is_none());
        }
    }

    #[test]
    fn a_bad_url_is_refused_without_showing_it() {
        for text in ["", "hunter2", "postgres://a:hunter2@h", "mysql://a:hunter2@", "mysql://a:hunter2%ff@h"]
        {
            let error = parse(text).unwrap_err();
            assert_eq!(error.kind(), Kind::Config);
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
