//! Every named moment of a pull and of a run, and what may happen there: the program is killed, asked to stop, or
//! loses its database connections. Clients that are killed are in `cli_kill`, over the same moments.

use super::{Before, Ground, Side, attempt, expect_none};
use crate::cli_common::{Out, account, client, pull};
use crate::cli_kill::{STAGING, SWAP};
use crate::extent::share;
use crate::harness::{
    Add, FLAVOURS, Serve, Servers, Site, exec, is_held, let_go, rustix_pid, short, wait_for,
};
use crate::oracle;
use crate::target_merge_kill::MERGE;
use backfill::fault::{HOLD_AT, KILL_AT};
use backfill::sandbox::{Options, Server};
use backfill::schema::Flavour;
use mysql::Conn;
use mysql::prelude::Queryable;
use rustix::process::{Signal, kill_process};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Mutex;

/// Every moment that a run names at the server, in order.
const RUN: &[&str] =
    &["run.begun", "subset.listed", "table.sanitized", "table.read", "workspace.dropped", "rows.checked"];

/// The same where nothing is copied.
const SELECT: &[&str] = &["run.begun", "snapshot.opened", "subset.listed", "table.read", "rows.checked"];

/// Moments at which the pull has a connection that it cannot do without; at all others it makes itself a new one. Up to
/// the swap it then finds that its locks are gone; once deltas are merged it takes the swap to its end.
const NEEDS_ITS_CONNECTION: &[&str] = &["staging.created", "swap.journal_written"];

/// What happens to a server at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blow {
    Kill,
    Stop,
    LoseConnections,
}

pub fn tests(add: &mut Add<'_>) {
    add("faults::moments_are_all_named".into(), Box::new(|_| moments_are_all_named()));
    for flavour in FLAVOURS {
        for (name, test) in [
            ("client_stops", client_stops as fn(&Servers, Flavour)),
            ("client_loses_connections", client_loses_connections),
            ("server_at_moments", |servers, flavour| server_at_moments(servers, flavour, false)),
            ("server_with_select_at_moments", |servers, flavour| server_at_moments(servers, flavour, true)),
        ] {
            add(
                format!("faults::{name}::{}", short(flavour)),
                Box::new(move |servers| test(servers, flavour)),
            );
        }
    }
}

/// Whoever names another moment has to say what happens when everything ends there.
fn moments_are_all_named() {
    let mut found = Vec::new();
    collect(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut found);
    found.sort();
    found.dedup();
    let mut known: Vec<&str> =
        STAGING.iter().chain(SWAP).chain(MERGE).chain(RUN).chain(SELECT).copied().collect();
    known.sort_unstable();
    known.dedup();
    assert_eq!(found, known, "a moment without a test");
}

fn collect(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let calls = text.split("phase(\"").skip(1).filter_map(|rest| rest.split('"').next());
        found.extend(calls.map(str::to_owned));
    }
}

/// Ends every connection of the account, and waits until they are gone.
pub fn end_connections(conn: &mut Conn, user: &str) {
    let list = |conn: &mut Conn| -> Vec<u64> {
        conn.exec("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = ?", (user,)).unwrap()
    };
    let ids = list(conn);
    assert!(!ids.is_empty(), "no connection to end");
    for id in ids {
        // It may have ended by itself.
        let _ = conn.query_drop(format!("KILL {id}"));
    }
    wait_for("the connections to end", || list(conn).is_empty());
}

/// Waits until a process has stopped itself. False if it ended before.
fn stops_itself(child: &mut Child) -> bool {
    let mut ended = false;
    wait_for("the moment", || {
        ended = child.try_wait().unwrap().is_some();
        ended || is_held(child.id())
    });
    !ended
}

/// Holds a pull at a moment, does `what` and lets it go on.
pub fn held_pull(ground: &Ground<'_>, url: &str, moment: &str, what: impl FnOnce(&mut Child)) -> Out {
    let mut command = ground.site.pull_command(&ground.serve.url, &["--yes"]);
    command.env(HOLD_AT, moment).env("DATABASE_URL", url);
    let mut pull = Pulling(Some(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()));
    if !stops_itself(pull.child()) {
        panic!("{moment}: the pull ended before:\n{}", pull.out().all());
    }
    what(pull.child());
    // Some moments come once for each table or key.
    wait_for("the pull to end", || {
        let child = pull.child();
        if is_held(child.id()) {
            let_go(child.id());
        }
        child.try_wait().unwrap().is_some()
    });
    pull.out()
}

/// A pull that does not outlive its test.
struct Pulling(Option<Child>);

impl Pulling {
    fn child(&mut self) -> &mut Child {
        self.0.as_mut().unwrap()
    }

    fn out(mut self) -> Out {
        Out::of(&self.0.take().unwrap().wait_with_output().unwrap())
    }
}

impl Drop for Pulling {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Ctrl-C and SIGTERM at every moment: up to the swap the pull ends with the old data; from there on it goes to its
/// end.
fn client_stops(servers: &Servers, flavour: Flavour) {
    let mut ground = Ground::new(Site::new(servers, flavour, flavour));
    let url = ground.site.target.url(&ground.site.target_db);
    let failed = Mutex::default();
    for (round, moment) in share(flavour, STAGING.iter().chain(SWAP)).into_iter().enumerate() {
        attempt(&failed, moment, || {
            let before = ground.before();
            let (signal, code) = if round % 2 == 0 { (Signal::INT, 130) } else { (Signal::TERM, 143) };
            let out = held_pull(&ground, &url, moment, |child| {
                kill_process(rustix_pid(child.id()), signal).unwrap();
            });
            if STAGING.contains(moment) {
                out.refused(moment, code, &["interrupted"]);
                before.expect_whole(&ground.site, Side::Old, moment);
                let status = client(&ground.site, &["status"]).good("status").stdout;
                assert!(status.contains("Interrupted"), "{moment}: {status}");
                ground.next_pull(&before, moment);
            } else {
                out.good(moment);
                before.expect_whole(&ground.site, Side::New, moment);
            }
        });
    }
    expect_none(failed);
}

/// All connections to the target are ended at every moment, that of the lock among them.
fn client_loses_connections(servers: &Servers, flavour: Flavour) {
    let mut ground = Ground::new(Site::new(servers, flavour, flavour));
    // An account for the pull alone, so that its connections can be told from the test's.
    let (user, url) =
        (format!("own_{}", ground.site.target_db), account(&ground.site, "own", &["ALL ON *.*".into()]));
    let failed = Mutex::default();
    for moment in share(flavour, STAGING.iter().chain(SWAP)) {
        attempt(&failed, moment, || {
            let before = ground.before();
            // In no schema: whoever is in the target's counts as a connection of the pull.
            let mut conn = ground.site.target.connect().unwrap();
            let out = held_pull(&ground, &url, moment, |_| end_connections(&mut conn, &user));
            if NEEDS_ITS_CONNECTION.contains(moment) {
                out.refused(moment, 6, &["the database connection broke", "hint:"]);
                assert_eq!(before.side(&ground.site, moment), Side::Old, "{moment}");
            } else if STAGING.contains(moment) {
                out.refused(moment, 11, &["another pull may have begun", "hint:"]);
                before.expect_whole(&ground.site, Side::Old, moment);
                // What was loaded is kept, and comes before anything newer.
                ground.next_pull(&before, moment);
                return;
            } else {
                out.good(moment);
                assert_eq!(before.side(&ground.site, moment), Side::New, "{moment}");
            }
            ground.refill();
            ground.next_pull(&before.and_now(&ground.site), moment);
        });
    }
    expect_none(failed);
}

/// A run at every moment of which the server is killed, asked to stop, or loses its connections to production.
struct Struck<'a, 'b> {
    site: &'a Site<'b>,
    user: String,
    conn: Conn,
    /// Nothing is copied.
    selects: bool,
}

fn server_at_moments(servers: &Servers, flavour: Flavour, selects: bool) {
    // A source of its own: a `serve` of another test, on a shared one, would sweep as well.
    let options =
        Options { arguments: vec!["--log-bin=bin".into(), "--server-id=13".into()], ..Options::default() };
    let source = Server::start(flavour, &options).unwrap();
    let mut ground = Ground::new(Site::between(&source, servers.target(flavour)));
    ground.serve.stop();
    let own = ground.site.account(&["ALL ON *.*"]);
    let (user, url) = (own.user.clone(), own.url(&ground.site.source_db));
    // Nothing is copied without a rule or a limit; these change nothing.
    let rules =
        "[sanitize.parents]\nnote = \"null\"\n[limits]\ntags = { max_rows = 1000, order_by = \"name\" }\n";
    let (moments, strategy) = if selects { (SELECT, "select") } else { (RUN, "database") };
    let server = format!("max_runs = 50\ntemp_strategy = \"{strategy}\"");
    ground.site.configure_server_as(&url, &server, rules);
    let failed = Mutex::default();
    let blows = |moment| [Blow::Kill, Blow::Stop, Blow::LoseConnections].map(|blow| (moment, blow));
    for (moment, blow) in share(flavour, moments.iter().copied().flat_map(blows)) {
        attempt(&failed, &format!("{moment}, {blow:?}"), || {
            ground.refill();
            let conn = ground.site.source.connect().unwrap();
            exec(&mut ground.site.source_conn(), "UPDATE parents SET note = NULL");
            Struck { site: &ground.site, user: user.clone(), conn, selects }.at(moment, blow);
        });
    }
    expect_none(failed);
}

impl Struck<'_, '_> {
    fn at(mut self, moment: &str, blow: Blow) {
        let what = format!("{moment}, {blow:?}");
        let before = Before::of(self.site);
        let production = || oracle::contents(&mut self.site.source_conn(), &[]);
        let rows = production();

        let mut command = self.site.command("server");
        command.env(if blow == Blow::Kill { KILL_AT } else { HOLD_AT }, moment);
        let mut serve = Serve::start(command.args(["-v", "serve"]));
        let mut pulling = self.site.pull_command(&serve.url, &["--yes"]);
        let mut pulling =
            Pulling(Some(pulling.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()));
        self.strike(&mut serve, blow, &what);
        wait_for("the pull to end", || {
            // Some moments come once for each table.
            if serve.ended().is_none() && is_held(serve.pid()) {
                let_go(serve.pid());
            }
            pulling.child().try_wait().unwrap().is_some()
        });
        let out = pulling.out();

        // A snapshot ends with its connections.
        let is_over = blow != Blow::LoseConnections || (self.selects && out.code != Some(0));
        if !is_over {
            // The server makes itself new ones.
            out.good(&what);
            before.expect_whole(self.site, Side::New, &what);
        } else {
            out.refused(&what, 9, &["hint:"]);
            before.expect_whole(self.site, Side::Old, &what);
        }
        let left = self.workspaces();
        let stays = !self.selects && !["workspace.dropped", "rows.checked"].contains(&moment);
        let expected = usize::from(blow == Blow::Kill && stays);
        if blow != Blow::LoseConnections {
            assert_eq!(left.len(), expected, "{what}: {left:?}\n{}", serve.log());
        }
        drop(serve);
        self.wait_until_gone();
        let next = self.site.serve();
        assert_eq!(self.workspaces(), Vec::<String>::new(), "{what}: after the next start:\n{}", next.log());
        pull(self.site, &next.url, &["--yes"]).good(&format!("{what}: the next pull"));
        before.expect_whole(self.site, Side::New, &format!("{what}: the next pull"));
        assert_eq!(rows, production(), "{what}: production changed");
    }

    /// Lets the server come to its moment, strikes, and lets it go on until it or the run has ended.
    fn strike(&mut self, serve: &mut Serve, blow: Blow, what: &str) {
        wait_for(what, || serve.ended().is_some() || is_held(serve.pid()));
        assert_eq!(serve.ended().is_some(), blow == Blow::Kill, "{what}:\n{}", serve.log());
        match blow {
            Blow::Kill => {}
            Blow::Stop => {
                kill_process(rustix_pid(serve.pid()), Signal::TERM).unwrap();
                wait_for("the server to stop", || {
                    let ended = serve.ended();
                    if ended.is_none() && is_held(serve.pid()) {
                        let_go(serve.pid());
                    }
                    ended.is_some_and(|code| {
                        assert_eq!(code, Some(0), "{what}:\n{}", serve.log());
                        true
                    })
                });
            }
            Blow::LoseConnections => end_connections(&mut self.conn, &self.user),
        }
    }

    fn workspaces(&mut self) -> Vec<String> {
        let like = "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE '\\_backfill\\_temp\\_%'";
        self.conn.query(like).unwrap()
    }

    /// The database may take a moment to miss a client that was killed, and its locks are held as long.
    fn wait_until_gone(&mut self) {
        let Self { conn, user, .. } = self;
        wait_for("the connections of the server that ended", || {
            let count: Option<u64> = conn
                .exec_first("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = ?", (&*user,))
                .unwrap();
            count == Some(0)
        });
    }
}
