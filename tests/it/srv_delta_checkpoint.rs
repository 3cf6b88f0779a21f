//! How far a table was read for sure, whatever its columns hold and whoever writes beside.

use crate::harness::{Add, FLAVOURS, Site, connect, exec, short, wait_for};
use crate::oracle;
use crate::srv_delta::begin;
use crate::srv_http::{Http, load};
use backfill::sandbox::{Options, Server};
use backfill::schema::Flavour;
use backfill::wire::moment::Moment;
use mysql::Conn;
use mysql::prelude::Queryable;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

pub fn tests(add: &mut Add<'_>) {
    type Case = fn(&Site<'_>);
    let cases: [(&str, Case); 3] = [
        ("values_prove_it", values_prove_it),
        ("open_transactions", open_transactions),
        ("nothing_is_lost_over_many_deltas", nothing_is_lost_over_many_deltas),
    ];
    for flavour in FLAVOURS {
        for (name, case) in cases {
            add(
                format!("srv_delta_checkpoint::{name}::{}", short(flavour)),
                Box::new(move |servers| case(&Site::new(servers, flavour, flavour))),
            );
        }
    }
}

fn moment(text: &str) -> Moment {
    text.parse().unwrap()
}

/// UTC at the source, with what the expression adds.
fn now(conn: &mut Conn, added: &str) -> Moment {
    let text: String = conn
        .query_first(format!("SELECT DATE_FORMAT(UTC_TIMESTAMP(6) {added}, '%Y-%m-%d %H:%i:%s.%f')"))
        .unwrap()
        .unwrap();
    moment(&text)
}

/// The checkpoints of a run of these tables.
fn checkpoints(http: &Http, tables: &[(&str, Option<&str>)]) -> Vec<Option<Moment>> {
    let run = begin(http, tables);
    let status = http.complete(&run);
    http.delete(&format!("runs/{run}"));
    status.tables.into_iter().map(|table| table.checkpoint).collect()
}

fn table(conn: &mut Conn, name: &str, kind: &str, rows: &[&str]) {
    exec(
        conn,
        &format!(
            "CREATE TABLE {name} (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, created_at {kind} NULL, \
             updated_at {kind} NULL, name VARCHAR(90) NULL) ENGINE=InnoDB"
        ),
    );
    for row in rows {
        exec(conn, &format!("INSERT INTO {name} (created_at, updated_at) VALUES ({row})"));
    }
}

fn values_prove_it(site: &Site<'_>) {
    let mut conn = site.source_conn();
    for (suffix, kind) in [("utc", "TIMESTAMP(6)"), ("local", "DATETIME(6)")] {
        let mut make = |name: &str, rows: &[&str]| table(&mut conn, &format!("{name}_{suffix}"), kind, rows);
        make("empty", &[]);
        make("unknown", &["NULL, NULL", "'0000-00-00 00:00:00', NULL", "'2037-01-01', '2037-01-01'"]);
        make("old", &["'2026-01-01 10:00:00.123456', NULL", "'2026-01-01 09:00:00', '0000-00-00 00:00:00'"]);
        make(
            "future",
            &["'2026-01-02 10:00:00', '2037-01-01'", "'2026-01-01 10:00:00', '2026-01-01 10:00:00'"],
        );
        make("fresh", &["UTC_TIMESTAMP(6) - INTERVAL 1 MINUTE, UTC_TIMESTAMP(6) - INTERVAL 2 SECOND"]);
        // Eight hours to the east and to the west of UTC.
        make("east", &["UTC_TIMESTAMP(6) + INTERVAL 8 HOUR, UTC_TIMESTAMP(6) + INTERVAL 8 HOUR"]);
        make(
            "west",
            &["UTC_TIMESTAMP(6) - INTERVAL 8 HOUR, UTC_TIMESTAMP(6) - INTERVAL 8 HOUR", "'2037-01-01', NULL"],
        );
    }
    exec(&mut conn, "CREATE TABLE plain (id INT PRIMARY KEY) ENGINE=InnoDB");
    // It must not see what other tests have open.
    let account = site.account(&["ALL ON {db}.*"]);
    let ruled = "[sanitize.\"*\"]\nname = \"text\"\n";
    for (server, rules) in
        [("", ""), ("temp_strategy = \"tables\"", ruled), ("temp_strategy = \"select\"", ruled)]
    {
        let rules = format!("[privacy]\npolicy = \"open\"\n{rules}");
        site.configure_server_as(&account.url(&site.source_db), server, &rules);
        let serve = site.serve();
        let http = Http::new(&serve);
        for suffix in ["utc", "local"] {
            let is_local = suffix == "local";
            let name = |name: &str| format!("{name}_{suffix}");
            // A look at the clock serves for a second.
            let before = now(&mut conn, "- INTERVAL 1 SECOND");
            let clock = |conn: &mut Conn| now(conn, "");
            let of = |table: &str, after: Option<&str>| checkpoints(&http, &[(&name(table), after)])[0];
            // No row tells: a day is left, and a delta proves nothing new.
            for table in ["empty", "unknown"] {
                let told = of(table, None).unwrap();
                assert!(before.before(DAY) <= told && told <= clock(&mut conn).before(DAY), "{told}");
                assert_eq!(of(table, Some("2026-01-01 00:00:00")), None, "{table}");
            }
            // What is settled is told as it is; years to come tell nothing.
            for after in [None, Some("2026-01-01 00:00:00")] {
                assert_eq!(of("old", after), Some(moment("2026-01-01 10:00:00.123456")));
                assert_eq!(of("future", after), Some(moment("2026-01-02 10:00:00")));
            }
            assert_eq!(of("old", Some("2026-01-01 10:00:00.123457")), None, "without a time it comes always");
            let value = |conn: &mut Conn, table: &str| {
                let query = format!("SELECT CAST(updated_at AS CHAR) FROM {} WHERE id = 1", name(table));
                moment(&conn.query_first::<String, _>(query).unwrap().unwrap())
            };
            let back = if is_local { HOUR } else { Duration::ZERO };
            for table in ["fresh", "west"] {
                assert_eq!(of(table, None), Some(value(&mut conn, table).before(back)), "{table}_{suffix}");
            }
            let east = of("east", None).unwrap();
            assert!(east <= clock(&mut conn).before(DAY), "{east}");
        }
        assert_eq!(checkpoints(&http, &[("plain", None)]), [None]);
    }
}

/// One after the other, on a source of their own: what hides transactions does so for everybody on the server.
fn open_transactions(shared: &Site<'_>) {
    let source = Server::start(shared.source.flavour(), &Options::default()).unwrap();
    let site = &Site::between(&source, shared.target);
    hold_it_back(site);
    in_a_list_that_others_read(site);
    that_cannot_be_shown(site);
}

/// Rows of transactions that are open while a table is read say that they are older than what was read.
fn hold_it_back(site: &Site<'_>) {
    let mut conn = site.source_conn();
    table(&mut conn, "stamps", "TIMESTAMP(6)", &[]);
    table(&mut conn, "dates", "DATETIME(6)", &[]);
    table(&mut conn, "others", "DATETIME(6)", &[]);
    let mut writer = connect(site.source, &site.source_db);
    exec(&mut writer, "BEGIN");
    exec(&mut writer, "INSERT INTO others (created_at) VALUES (UTC_TIMESTAMP(6))");
    let started = now(&mut conn, "");
    // The transaction is told by whole seconds.
    exec(&mut conn, "DO SLEEP(2.1)");
    for table in ["stamps", "dates"] {
        exec(&mut conn, &format!("INSERT INTO {table} (created_at) VALUES (UTC_TIMESTAMP(6))"));
    }
    let delivered = |conn: &mut Conn, table: &str| {
        let query = format!("SELECT CAST(MAX(created_at) AS CHAR) FROM {table}");
        moment(&conn.query_first::<String, _>(query).unwrap().unwrap())
    };
    let (stamp, date) = (delivered(&mut conn, "stamps"), delivered(&mut conn, "dates"));
    let select = "SELECT ON {db}.*";
    for (grants, sees) in [(&[select, "PROCESS ON *.*"][..], true), (&[select], false)] {
        let account = site.account(grants);
        let rules = "[privacy]\npolicy = \"open\"\n";
        site.configure_server_as(&account.url(&site.source_db), "", rules);
        let serve = site.serve();
        let http = Http::new(&serve);
        let told = checkpoints(&http, &[("stamps", None), ("dates", None)]);
        let (stamps, dates) = (told[0].unwrap(), told[1].unwrap());
        if sees {
            assert!(
                stamps <= started && stamps >= started.before(Duration::from_secs(600)),
                "{stamps} {started}"
            );
            assert!(dates < date.before(HOUR).before(Duration::from_secs(1)), "{dates}");
            // By the age of the transaction: in the zone of whoever wrote the rows it began so long before them.
            assert!(dates >= date.before(HOUR).before(Duration::from_secs(600)), "{dates}");
        } else {
            assert_eq!((stamps, dates), (stamp, date.before(HOUR)));
        }
    }
    exec(&mut writer, "ROLLBACK");
}

/// The servers make the list of transactions anew only if nobody read it for a tenth of a second: whoever watches it
/// closely hides what began meanwhile from everybody.
fn in_a_list_that_others_read(site: &Site<'_>) {
    let mut conn = site.source_conn();
    table(&mut conn, "watched", "TIMESTAMP(6)", &[]);
    site.configure_server("", "[privacy]\npolicy = \"open\"\n");
    let serve = site.serve();
    let http = Http::new(&serve);
    let mut writer = connect(site.source, &site.source_db);
    let mut watch = site.source_conn();
    let (is_watched, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let (started, told) = std::thread::scope(|scope| {
        let _over = Over(&is_over);
        scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                // It is refused while somebody else's emoji is in the list.
                let _ = watch.query_drop("SELECT 1 FROM information_schema.INNODB_TRX");
                is_watched.store(true, Ordering::Release);
            }
        });
        wait_for("the watch", || is_watched.load(Ordering::Acquire));
        exec(&mut writer, "BEGIN");
        exec(&mut writer, "INSERT INTO watched (created_at) VALUES (UTC_TIMESTAMP(6))");
        let started = now(&mut conn, "");
        exec(&mut conn, "DO SLEEP(1.1)");
        exec(&mut conn, "INSERT INTO watched (created_at) VALUES (UTC_TIMESTAMP(6))");
        (started, checkpoints(&http, &[("watched", None)])[0].unwrap())
    });
    assert!(told <= started, "{told} {started}");
    exec(&mut writer, "ROLLBACK");
}

/// Says so at its end, even when the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// MySQL does not show its transactions while one of them runs an emoji.
fn that_cannot_be_shown(site: &Site<'_>) {
    let mut conn = site.source_conn();
    table(&mut conn, "shown", "TIMESTAMP(6)", &["UTC_TIMESTAMP(6), NULL"]);
    let mut writer = connect(site.source, &site.source_db);
    let id = writer.connection_id();
    site.configure_server("", "[privacy]\npolicy = \"open\"\n");
    let serve = site.serve();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            exec(&mut writer, "SET NAMES utf8mb4");
            exec(&mut writer, "BEGIN");
            writer.query_drop("UPDATE shown SET name = '\u{1f600}' WHERE id = 1 AND SLEEP(60) = 0")
        });
        let list = match site.source.flavour() {
            Flavour::Mariadb => "information_schema.PROCESSLIST",
            Flavour::Mysql => "performance_schema.processlist",
        };
        let asleep = format!("SELECT 1 FROM {list} WHERE ID = {id} AND STATE = 'User sleep'");
        wait_for("the transaction", || conn.query_first::<u8, _>(&asleep).unwrap().is_some());
        let told = checkpoints(&Http::new(&serve), &[("shown", None)]);
        exec(&mut conn, &format!("KILL QUERY {id}"));
        let (told, now) = (told[0].unwrap(), now(&mut conn, ""));
        let assumed = if site.source.flavour() == Flavour::Mysql { DAY } else { Duration::ZERO };
        assert!(told < now.before(assumed) && told > now.before(assumed + HOUR), "{told} {now}");
    });
}

/// Deltas that begin where the last one ended, with no overlap at all, while rows are written in zones of every kind.
fn nothing_is_lost_over_many_deltas(site: &Site<'_>) {
    let mut conn = site.source_conn();
    let zones: [(&str, &str, &str); 5] = [
        ("stamps", "TIMESTAMP", "+ INTERVAL 0 HOUR"),
        ("utc", "DATETIME(3)", "+ INTERVAL 0 HOUR"),
        ("east", "DATETIME", "+ INTERVAL 14 HOUR"),
        ("west", "DATETIME(6)", "- INTERVAL 12 HOUR"),
        ("autumn", "DATETIME", "- INTERVAL 5 HOUR"),
    ];
    let mut target = site.target_conn();
    for (name, kind, _) in zones {
        table(&mut conn, name, kind, &["'9999-12-31', NULL"][..usize::from(kind != "TIMESTAMP")]);
    }
    site.structure_to_target();
    let serve = site.serve();
    let http = Http::new(&serve);
    let mut after: Vec<Option<String>> = vec![None; zones.len()];
    for round in 0..6 {
        for (name, _, zone) in zones {
            // The clock on the wall is put back between two pulls.
            let zone = if name == "autumn" && round >= 3 { "- INTERVAL 6 HOUR" } else { zone };
            let time = format!("UTC_TIMESTAMP(6) {zone}");
            exec(&mut conn, &format!("INSERT INTO {name} (created_at, updated_at) VALUES ({time}, {time})"));
            exec(
                &mut conn,
                &format!("UPDATE {name} SET updated_at = {time}, name = 'round {round}' WHERE id = 2"),
            );
        }
        let wanted: Vec<_> =
            zones.iter().zip(&after).map(|((name, ..), after)| (*name, after.as_deref())).collect();
        let run = begin(&http, &wanted);
        let status = http.complete(&run);
        for ((name, ..), (told, after)) in zones.iter().zip(status.tables.iter().zip(&mut after)) {
            load(&mut target, &http.table(&run, name));
            *after = told.checkpoint.map(|moment| moment.to_string()).or(after.take());
            let contents = |conn: &mut Conn| oracle::rows(conn, name, &[]);
            assert_eq!(contents(&mut target), contents(&mut conn), "{name}, round {round}");
        }
        http.delete(&format!("runs/{run}"));
    }
}
