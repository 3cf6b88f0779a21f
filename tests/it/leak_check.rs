//! The leak check: personal data in a column without a rule ends the run, whatever way it got there, and nobody is told
//! what it was.

use crate::cli_common::{pull, run};
use crate::harness::{Add, FLAVOURS, Serve, Site, exec, short, wide_table};
use crate::srv_http::Http;
use backfill::wire::api::{Code, RunPhase};
use mysql::Conn;
use mysql::prelude::Queryable;
use std::io::Read;
use zstd::stream::read::Decoder;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("leak_check::what_rules_replace_leaves_by_no_other_column::{}", short(flavour)),
            Box::new(move |servers| leaves_by_no_other_column(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("leak_check::nothing_leaves_behind_a_find::{}", short(flavour)),
            Box::new(move |servers| nothing_leaves_behind_a_find(&Site::new(servers, flavour, flavour))),
        );
    }
}

/// Rows 1 to 40 of `people` have rules; `Support Desk` is excepted. What the other tables hold is harmless.
const TABLES: &[&str] = &[
    "CREATE TABLE people (id INT NOT NULL PRIMARY KEY, name VARCHAR(60) NOT NULL, mail VARCHAR(90) NOT NULL) ENGINE=InnoDB",
    "INSERT INTO people WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 40) \
     SELECT n, CONCAT('Canary', CHAR(64 + n % 26 USING utf8mb4), ' Bérg'), CONCAT('canary-', n, '@real.de') FROM n",
    "UPDATE people SET name = 'Support Desk' WHERE id = 40",
    // Without a key it is read by one statement.
    "CREATE TABLE visitors (name VARCHAR(60) NULL) ENGINE=InnoDB",
    "INSERT INTO visitors VALUES ('Canary of Walk-In'), (NULL), ('x')",
    "CREATE TABLE leak_notes (id INT NOT NULL PRIMARY KEY, body TEXT NULL, extra JSON NULL, raw VARBINARY(200) NULL) ENGINE=InnoDB",
    "INSERT INTO leak_notes VALUES (1, 'paid 1.234,50 on 2024-02-01 12:30:45, id 4711-0815', '{\"by\": \"Support Desk\"}', x'00ff41'), \
     (2, 'see 6f9619ff-8b86-4011-b42d-00c04fc964ff from 192.168.3.4 or info@shop.example', NULL, 'v 1.2.3.4'), \
     (3, 'Bérg', '[]', NULL)",
    "CREATE TABLE leak_tickets (id INT NOT NULL PRIMARY KEY, author VARCHAR(60) CHARACTER SET latin1 NULL) ENGINE=InnoDB",
    "INSERT INTO leak_tickets VALUES (1, 'Support Desk'), (2, 'open')",
];

const RULES: &str = "[sanitize.people]\nname = { type = \"name\", exclude = [\"Support*\"] }\nmail = \"email\"\n\
     [sanitize.visitors]\nname = \"text\"\n";
const ON: &str = "[privacy]\nleak_check = true\n";

/// A server with the check on; everything that it and its callers say is searched.
struct Checked<'a> {
    site: &'a Site<'a>,
    serve: Serve,
}

impl<'a> Checked<'a> {
    fn new(site: &'a Site<'a>, privacy: &str) -> Self {
        Self::by("database", site, privacy)
    }

    fn by(strategy: &str, site: &'a Site<'a>, privacy: &str) -> Self {
        site.configure_server(&format!("temp_strategy = \"{strategy}\""), &format!("{privacy}{RULES}"));
        Self { site, serve: site.serve() }
    }

    /// A pull passes.
    fn passes(&self, what: &str) {
        pull(self.site, &self.serve.url, &["--yes"]).good(what);
    }

    /// A pull fails with these words, is told no value, and leaves the target as it was.
    #[track_caller]
    fn fails(&self, what: &str, words: &[&str]) {
        let before = target(self.site);
        let out = pull(self.site, &self.serve.url, &["--yes", "-v", "-v"]);
        let words = [&["leak_found", "leak_check_except"], words].concat();
        let all = out.refused(what, 10, &words).all();
        assert_eq!(target(self.site), before, "{what}: the target was touched");
        let log = self.serve.log();
        assert!(log.contains(words[2]), "{what}: the log does not say it:\n{log}");
        for text in [all.to_lowercase(), log.to_lowercase()] {
            assert!(
                !text.contains("canary") && !text.contains("b\u{e9}rg"),
                "{what}: a value is told:\n{text}"
            );
        }
    }
}

/// What a pull would replace.
fn target(site: &Site<'_>) -> Vec<(String, Option<String>)> {
    site.target_conn()
        .query("SELECT name, mail FROM people UNION ALL SELECT 'note', body FROM leak_notes")
        .unwrap()
}

fn leaves_by_no_other_column(site: &Site<'_>) {
    let mut source = site.source_conn();
    TABLES.iter().for_each(|statement| exec(&mut source, statement));
    site.structure_to_target();
    let planted = "INSERT INTO leak_notes VALUES (8, 'mail canary-new@gmail.com', NULL, NULL), (9, NULL, NULL, 'canary-3@real.de')";
    exec(&mut source, planted);
    Checked::new(site, "").passes("without the check everything leaves");

    let checked = Checked::new(site, ON);
    checked.fails(
        "an address that is in no other table, and one that is",
        &[
            "table `leak_notes`: the leak check found in 5 rows: an e-mail address in 1 cell of column `body`, a value that a \
             rule replaces elsewhere in 1 cell of column `raw`",
            "`leak_notes.body`, `leak_notes.raw`",
        ],
    );
    streams_abort(&checked.serve);
    exec(&mut source, "DELETE FROM leak_notes WHERE id > 3");
    checked.passes("masks, excepted values and what only looks alike");

    exec(
        &mut source,
        "INSERT INTO leak_tickets VALUES (8, 'CANARYc  Bérg'), (9, 'CanaryD Bérg '), (10, 'canarydbérg'), \
         (11, 'Canary of Walk-In')",
    );
    checked.fails(
        "names, which have no shape",
        &[
            "a value that a rule replaces elsewhere in 3 cells of column `author`",
            "table `leak_tickets`: the leak check found in 6 rows",
        ],
    );
    drop(checked);
    let except = format!("{ON}leak_check_except = [\"leak_tick*.AUTHOR\", \"leak_tickets.auhtor\"]\n");
    let checked = Checked::by("select", site, &except);
    checked.passes("a column that was excepted");
    let told =
        "leak_check_except: no column is called \"leak_tickets.auhtor\"; did you mean `leak_tickets.author`?";
    assert!(checked.serve.log().contains(told), "{}", checked.serve.log());
    exec(
        &mut source,
        "UPDATE leak_notes SET extra = '{\"x\": [1, {\"by\": \"CanaryE B\\\\u00e9rg\"}]}' WHERE id = 1",
    );
    checked.fails(
        "a name in a document",
        &["a value that a rule replaces elsewhere in 1 cell of column `extra`"],
    );
    plan_tells(site, &mut source);
}

/// Whoever reads the streams is told by an abort; no chunk of the table is there.
fn streams_abort(serve: &Serve) {
    let http = Http::new(serve);
    let id = http.begin(&["leak_notes"]);
    let status = http.finished(&id);
    assert_eq!((status.phase, status.tables[0].chunks), (RunPhase::Failed, 0));
    let error = status.error.unwrap();
    assert_eq!(error.code, Code::LeakFound);
    assert!(error.error.contains("of column `raw`"), "tables that the run lacks count too: {}", error.error);
    assert_eq!(http.get(&format!("dump/leak_notes?run={id}")).code(), Code::LeakFound);
    http.delete(&format!("runs/{id}"));
}

fn plan_tells(site: &Site<'_>, source: &mut Conn) {
    let plan = run(site.command("server").args(["serve", "--plan", "--sql"])).good("the plan");
    assert!(
        plan.stdout.contains("The leak check is on: a pull first reads the ruled columns of 2 tables"),
        "{}",
        plan.all()
    );
    let shown =
        plan.stdout.lines().skip_while(|line| !line.contains("the leak check: what rules replace")).nth(1);
    let statement = shown.unwrap().trim_end_matches(';');
    let read: Vec<(Option<String>, Option<String>)> = source.query(statement).unwrap();
    assert_eq!(read.iter().filter(|(name, _)| name.is_none()).count(), 1, "the excepted name is not read");
}

/// Of a table of several chunks, what comes before the find may have left, and is clean.
fn nothing_leaves_behind_a_find(site: &Site<'_>) {
    let mut source = site.source_conn();
    wide_table(&mut source, "leak_wide", 12);
    let ids: Vec<u32> = source.query("SELECT id FROM leak_wide ORDER BY id").unwrap();
    let (first, last) = (ids[0], ids[ids.len() - 1]);
    // The rest of the row takes its time in a debug build.
    let except = "policy = \"open\"\nleak_check_except = [\"leak_wide.pad\"]\n";
    site.configure_server("", &format!("{ON}{except}"));
    let serve = site.serve();
    let http = Http::new(&serve);
    for (id, rows_may_leave) in [(first, false), (last, true)] {
        exec(&mut source, "UPDATE leak_wide SET mail = 'x@y.z'");
        exec(&mut source, &format!("UPDATE leak_wide SET mail = 'canary@real.de' WHERE id = {id}"));
        let run = http.begin(&["leak_wide"]);
        let stream = http.get(&format!("dump/leak_wide?run={run}")).body;
        let error = http.finished(&run).error.unwrap();
        assert_eq!(error.code, Code::LeakFound);
        assert!(
            error.error.contains("in 16384 rows: an e-mail address in 1 cell of column `mail`"),
            "{}",
            error.error
        );
        let mut plain = Vec::new();
        // It ends by an abort, after which a decoder fails.
        assert!(Decoder::new(&stream[..]).unwrap().read_to_end(&mut plain).is_err());
        let has = |needle: &str| memchr::memmem::find(&plain, needle.as_bytes()).is_some();
        assert!(!has("canary") && has("SET NAMES"), "row {id}");
        assert!(rows_may_leave || !has("INSERT"), "row {id}: its batch left");
        http.delete(&format!("runs/{run}"));
    }
}
