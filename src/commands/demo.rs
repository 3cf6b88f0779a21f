//! `backfill demo`: the whole way on two throwaway servers that it starts itself. Touches nothing of the user's.
//!
//! The demo runs this very program as `serve` and as `pull`, as a user would, and shows what went in and what came out.

use crate::commands::Context;
use crate::db::{Connection, Role};
use crate::error::{Context as _, Error, Kind, Result};
use crate::random;
use crate::sandbox::shop::{self, Scale};
use crate::sandbox::{Options, Server};
use crate::schema::Flavour;
use crate::ui::format;
use crate::ui::table::{Align, Table};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The database that plays production, and the one that plays the laptop's.
const PRODUCTION: &str = "shop";
const LAPTOP: &str = "shop_dev";
/// Tables that the limits are about, one that they are not, and why they have the rows that they have.
const COUNTED: [(&str, &str); 5] = [
    ("orders", "its limit: the newest 300"),
    ("order_items", "follows orders: items of those 300"),
    ("order notes", "follows orders"),
    ("activity_log", "its limit: the newest 500, by primary key"),
    ("users", "no limit: everybody"),
];
/// Variables that would configure the two programs otherwise than their files do.
const KEPT_VARIABLES: [&str; 6] = ["PATH", "HOME", "TERM", "LANG", "LC_ALL", "TMPDIR"];

/// Shows a pull from end to end.
///
/// # Errors
/// `Source` when servers cannot be had; the exit of the two programs.
pub fn run(context: &Context) -> Result<()> {
    let demo = Demo { context, took: Vec::new() };
    demo.run()
}

struct Demo<'a> {
    context: &'a Context,
    took: Vec<(&'static str, Duration)>,
}

impl Demo<'_> {
    fn run(mut self) -> Result<()> {
        let folder = tempfile::tempdir()
            .map_err(|error| Error::internal("making a temporary folder").source(error))?;
        self.say("1. Two throwaway servers: one plays production, one plays your laptop");
        let (production, laptop) = self.timed("start two servers", two_servers)?;
        self.say(&format!(
            "   production is {}, the laptop is {}",
            describe(&production)?,
            describe(&laptop)?
        ));

        self.say("2. Production gets a small shop, full of people who do not exist");
        self.timed("fill production", || {
            shop::load(&mut production.connect()?, PRODUCTION, &Scale::default())
        })?;
        laptop_database(&laptop)?;

        self.say("3. `backfill serve` runs beside production; its backfill.toml says what is masked, and how much is wanted:");
        let token = random::hex(32)?;
        write_private(&folder.path().join("server.toml"), &server_config(&production, &token))?;
        write_private(&folder.path().join("laptop.toml"), &laptop_config(&laptop, &token))?;
        self.say(&indent(&format!("{}\n{}", shop::rules_toml(), shop::limits_toml())));
        let serve = self.timed("start `backfill serve`", || Serve::start(folder.path()))?;

        self.say("4. `backfill pull` on the laptop:");
        self.timed("`backfill pull`", || pull(folder.path(), &serve.url))?;

        self.say(
            "   The line about `token` is meant: what looks sensitive and has no rule is named until it has one.",
        );

        self.say("\n5. The same people, before and after:\n");
        self.compare(&production, &laptop)?;
        self.say("   A colleague's address stays (exclude = [\"*@yourcompany.com\"]); keys and everything without a rule are as they were.");

        self.say("\n6. The limits, and what follows from them:\n");
        self.count(&production, &laptop)?;
        self.say("   Nothing came without the rows that it refers to: each order has its user, each item its order.");
        self.times()
    }

    fn say(&self, text: &str) {
        self.context.screen.note(text);
    }

    fn timed<T>(&mut self, what: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let begun = Instant::now();
        let value = work()?;
        self.took.push((what, begun.elapsed()));
        Ok(value)
    }

    fn compare(&self, production: &Server, laptop: &Server) -> Result<()> {
        let query = "SELECT CAST(id AS CHAR), email, name, phone, LEFT(password, 14), CAST(birthday AS CHAR), \
                     address FROM users WHERE id IN (1, 6, 7, 8) ORDER BY id";
        let before = rows(production, PRODUCTION, query)?;
        let after = rows(laptop, LAPTOP, query)?;
        let mut table = Table::new(&[
            ("id", Align::Right),
            ("column", Align::Left),
            ("production", Align::Left),
            ("laptop", Align::Left),
        ]);
        for (before, after) in before.iter().zip(&after) {
            let columns = ["email", "name", "phone", "password", "birthday", "address"];
            for (at, column) in columns.iter().enumerate() {
                let id = if at == 0 { before[0].clone() } else { String::new() };
                table.row(vec![id, (*column).to_owned(), before[at + 1].clone(), after[at + 1].clone()]);
            }
        }
        self.context.screen.table(&table)
    }

    fn count(&self, production: &Server, laptop: &Server) -> Result<()> {
        let mut table = Table::new(&[
            ("table", Align::Left),
            ("production", Align::Right),
            ("laptop", Align::Right),
            ("why", Align::Left),
        ]);
        for (name, why) in COUNTED {
            let count = |server: &Server, database: &str| -> Result<String> {
                let mut connection = Connection::open(&server.endpoint(database), Role::Target)?;
                let counted = connection.query::<u64>(&format!("SELECT COUNT(*) FROM `{name}`"))?;
                Ok(format::count(counted.first().copied().unwrap_or(0)))
            };
            let (before, after) = (count(production, PRODUCTION)?, count(laptop, LAPTOP)?);
            table.row(vec![name.to_owned(), before, after, why.to_owned()]);
        }
        self.context.screen.table(&table)
    }

    fn times(&self) -> Result<()> {
        let mut table = Table::new(&[("step", Align::Left), ("took", Align::Right)]);
        for (what, took) in &self.took {
            table.row(vec![(*what).to_owned(), format::duration(*took)]);
        }
        self.say("");
        self.context.screen.table(&table)?;
        let seconds: f64 = self.took.iter().map(|(_, took)| took.as_secs_f64()).sum();
        self.context.screen.json(&serde_json::json!({ "demo": "complete", "seconds": seconds }))?;
        self.say("\nThe servers are gone again. For a real production and a laptop: see \"Five minutes\" in the README.");
        Ok(())
    }
}

/// A MariaDB and a MySQL where both are there, else two of what is there.
fn two_servers() -> Result<(Server, Server)> {
    let options = Options::default();
    let mariadb = Server::obtain(Flavour::Mariadb, &options);
    let mysql = Server::obtain(Flavour::Mysql, &options);
    match (mariadb, mysql) {
        (Ok(mariadb), Ok(mysql)) => Ok((mariadb, mysql)),
        (Ok(mariadb), Err(_)) => Ok((mariadb, Server::start(Flavour::Mariadb, &options)?)),
        (Err(_), Ok(mysql)) => Ok((mysql, Server::start(Flavour::Mysql, &options)?)),
        (Err(error), Err(_)) => Err(error),
    }
}

fn describe(server: &Server) -> Result<String> {
    let connection = Connection::open_in(&server.endpoint(""), Role::Target, None)?;
    Ok(format!("{} {}", connection.flavour(), connection.version()))
}

fn laptop_database(laptop: &Server) -> Result<()> {
    let mut connection = Connection::open_in(&laptop.endpoint(""), Role::Target, None)?;
    connection.execute(&format!("CREATE DATABASE {LAPTOP} CHARACTER SET utf8mb4")).map(|_| ())
}

fn rows(server: &Server, database: &str, query: &str) -> Result<Vec<[String; 7]>> {
    type Cell = Option<String>;
    type Cells = (Cell, Cell, Cell, Cell, Cell, Cell, Cell);
    let mut connection = Connection::open(&server.endpoint(database), Role::Target)?;
    let rows: Vec<Cells> = connection.query(query).context(|| format!("reading `{database}`.`users`"))?;
    let text = |cell: Option<String>| cell.unwrap_or_else(|| "NULL".to_owned());
    Ok(rows.into_iter().map(|(a, b, c, d, e, f, g)| [a, b, c, d, e, f, g].map(text)).collect())
}

fn server_config(production: &Server, token: &str) -> String {
    format!(
        "token = \"{token}\"\n[database]\nurl = \"{}\"\n[server]\nenabled = true\nbind = \"127.0.0.1:0\"\n{}{}",
        production.url(PRODUCTION),
        shop::rules_toml(),
        shop::limits_toml()
    )
}

fn laptop_config(laptop: &Server, token: &str) -> String {
    format!(
        "token = \"{token}\"\nenvironment = \"local\"\n[database]\nurl = \"{}\"\n[client]\nstate_file = \"state.json\"\n",
        laptop.url(LAPTOP)
    )
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Error::internal(format!("writing {}", path.display())).source(error))
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("      {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// This program with a configuration of the demo's and nothing from the user's environment.
fn program(folder: &Path, config: &str) -> Result<Command> {
    let program =
        std::env::current_exe().map_err(|error| Error::internal("finding this program").source(error))?;
    let mut command = Command::new(program);
    command.env_clear().current_dir(folder).stdin(Stdio::null()).arg("--config").arg(folder.join(config));
    for name in KEPT_VARIABLES {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    Ok(command)
}

/// A running `backfill serve`.
struct Serve {
    child: Child,
    url: String,
}

impl Serve {
    fn start(folder: &Path) -> Result<Self> {
        let mut child = program(folder, "server.toml")?
            .args(["--quiet", "serve"])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Error::internal("starting `backfill serve`").source(error))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            // An unreadable line is a line without an address.
            let _ = BufReader::new(stdout).read_line(&mut line);
        }
        let address = line.split_whitespace().find_map(|word| word.strip_prefix("http://"));
        match address.and_then(|address| address.split('/').next()) {
            Some(address) => Ok(Self { url: format!("http://{address}"), child }),
            None => {
                let status = child
                    .wait()
                    .map_err(|error| Error::internal("waiting for `backfill serve`").source(error))?;
                Err(Error::new(Kind::Source, format!("`backfill serve` did not start ({status})")))
            }
        }
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(id) = id {
            // It may have ended by itself.
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

fn pull(folder: &Path, url: &str) -> Result<()> {
    let status: ExitStatus = program(folder, "laptop.toml")?
        .env("BACKFILL_SOURCE_URL", url)
        .args(["pull", "--yes"])
        .status()
        .map_err(|error| Error::internal("starting `backfill pull`").source(error))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::internal(format!("`backfill pull` failed ({status}); its message is above")))
}
