//! Accounts with exactly the rights that `serve` needs, and what it says when one is missing.

use crate::harness::{Account, Add, FLAVOURS, Site, exec, short, wait_for};
use crate::srv_http::Http;
use backfill::sandbox::{Options, Server};
use backfill::schema::Flavour;
use mysql::prelude::Queryable;
use std::io::{Read, Write};
use std::net::TcpListener;

/// Enough to serve tables without rules.
const READ: &str = "SELECT ON {db}.*";
/// What rules need besides, with a schema of its own for each run.
const WORKSPACE: &str = "SELECT, INSERT, UPDATE, CREATE, DROP ON `\\_backfill\\_temp\\_%`.*";

const RULES: &str = "[sanitize.users]\nmail = \"email\"\n";
const OPEN: &str = "[privacy]\npolicy = \"open\"\n";

pub fn tests(add: &mut Add<'_>) {
    type Case = fn(&Site<'_>);
    let cases: [(&str, Case); 8] = [
        ("documented_grants_are_enough", documented_grants_are_enough),
        ("reading_needs_select_alone", reading_needs_select_alone),
        ("a_missing_right_is_named", a_missing_right_is_named),
        ("a_right_that_is_taken_away_later_is_named", a_right_that_is_taken_away_later_is_named),
        ("a_wrong_account_for_copies_is_named", a_wrong_account_for_copies_is_named),
        ("temp_database_needs_rights_on_itself", temp_database_needs_rights_on_itself),
        ("wrong_accounts_and_databases_are_named", wrong_accounts_and_databases_are_named),
        ("other_programs_are_no_database", other_programs_are_no_database),
    ];
    for flavour in FLAVOURS {
        for (name, case) in cases {
            add(
                format!("srv_rights::{name}::{}", short(flavour)),
                Box::new(move |servers| {
                    let site = Site::new(servers, flavour, flavour);
                    let mut conn = site.source_conn();
                    exec(
                        &mut conn,
                        "CREATE TABLE users (id INT PRIMARY KEY, mail VARCHAR(90)) ENGINE=InnoDB",
                    );
                    exec(&mut conn, "INSERT INTO users VALUES (1, 'a@b.c'), (2, NULL)");
                    case(&site);
                }),
            );
        }
    }
    add(
        "srv_rights::literal_patterns_are_named::mysql".to_owned(),
        Box::new(|servers| {
            let options =
                Options { arguments: vec!["--partial-revokes=ON".to_owned()], ..Options::default() };
            let source = Server::start(Flavour::Mysql, &options).unwrap();
            literal_patterns(&Site::between(&source, servers.target(Flavour::Mysql)));
        }),
    );
    for flavour in FLAVOURS {
        add(
            format!("srv_rights::a_read_only_server_is_refused_for_rules_only::{}", short(flavour)),
            Box::new(move |servers| {
                let source = Server::start(flavour, &Options::default()).unwrap();
                read_only(&Site::between(&source, servers.target(flavour)));
            }),
        );
    }
}

fn pulls(site: &Site<'_>, account: &Account<'_>, server: &str, rules: &str) {
    site.configure_server_as(&account.url(&site.source_db), server, rules);
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&["users"]);
    http.complete(&run);
    let dump = http.table(&run, "users");
    assert_eq!(dump.rows, 2);
    assert_eq!(dump.batches[0].1.contains("a@b.c"), rules == OPEN);
    assert_eq!(http.delete(&format!("runs/{run}")).status, 204);
}

/// Expects a refusal with this exit code and all of these words.
fn refused(site: &Site<'_>, url: &str, server: &str, rules: &str, code: i32, words: &[&str]) {
    site.configure_server_as(url, server, rules);
    let (exit, printed) = site.serve_refused();
    assert_eq!(exit, code, "{printed}");
    for word in words {
        assert!(printed.contains(word), "`{word}` is not in:\n{printed}");
    }
    assert!(!printed.contains("pw-"), "a password is shown:\n{printed}");
}

fn documented_grants_are_enough(site: &Site<'_>) {
    for mask_at in ["update", "copy"] {
        pulls(site, &site.account(&[READ, WORKSPACE]), &format!("mask_at = \"{mask_at}\""), RULES);
    }
}

fn reading_needs_select_alone(site: &Site<'_>) {
    pulls(site, &site.account(&[READ]), "", OPEN);
}

fn a_missing_right_is_named(site: &Site<'_>) {
    let database = site.source_db.as_str();
    let none = site.account(&[]);
    refused(site, &none.url(database), "", RULES, 7, &[&format!("GRANT SELECT ON `{database}`.*")]);
    let reader = site.account(&[READ]);
    let words = ["hint", "GRANT SELECT, INSERT, UPDATE, CREATE, DROP ON `\\_backfill\\_temp\\_%`.*"];
    refused(site, &reader.url(database), "", RULES, 7, &words);
    // Rights that are first used when a run is on its way are looked for at start, too.
    for rights in [
        "CREATE, DROP",
        "CREATE, DROP, INSERT, UPDATE",
        "CREATE, DROP, SELECT, UPDATE",
        "CREATE, DROP, SELECT, INSERT",
    ] {
        let rights = format!("{rights} ON `\\_backfill\\_temp\\_%`.*");
        let account = site.account(&[READ, &rights]);
        refused(site, &account.url(database), "", RULES, 7, &words);
    }
}

fn a_right_that_is_taken_away_later_is_named(site: &Site<'_>) {
    let (main, temp) = (site.account(&[READ]), site.account(&[READ, WORKSPACE]));
    let server = format!("temp_username = \"{0}\"\ntemp_password = \"pw-{0}\"", temp.user);
    site.configure_server_as(&main.url(&site.source_db), &server, RULES);
    let serve = site.serve();
    let http = Http::new(&serve);
    let mut conn = site.source_conn();
    let workspace = WORKSPACE.split_once(" ON ").unwrap().1;
    exec(&mut conn, &format!("REVOKE INSERT ON {workspace} FROM {}@'%'", temp.user));
    let run = http.begin(&["users"]);
    let failed = http.finished(&run).error.unwrap();
    assert!(failed.error.contains("lacks a right") && !failed.error.contains(&temp.user), "{failed:?}");
    let named = |user: &str, grant: &str| {
        let account = format!("the account `{user}` of");
        serve.log().lines().any(|line| line.contains(&account) && line.contains(&format!("GRANT {grant}")))
    };
    wait_for("the grant in the log", || named(&temp.user, WORKSPACE));
    exec(&mut conn, &format!("REVOKE SELECT ON {}.* FROM {}@'%'", site.source_db, main.user));
    exec(&mut conn, &format!("GRANT INSERT ON {}.* TO {}@'%'", site.source_db, main.user));
    let refused = http.post("runs", &serde_json::json!({"tables": [{"name": "users"}]}));
    assert_eq!(refused.status, 503, "{}", refused.text());
    wait_for("the grant in the log", || named(&main.user, &format!("SELECT ON `{}`.*", site.source_db)));
}

fn a_wrong_account_for_copies_is_named(site: &Site<'_>) {
    let (main, temp) = (site.account(&[READ]), site.account(&[READ, WORKSPACE]));
    let url = main.url(&site.source_db);
    let server = format!("temp_username = \"{}\"\ntemp_password = \"wrong-pw-x\"", temp.user);
    let words = ["hint", "server.temp_username", "BACKFILL_TEMP_PASSWORD", &temp.user];
    refused(site, &url, &server, RULES, 7, &words);
    let server = "temp_username = \"nobody_here\"\ntemp_password = \"wrong-pw-x\"";
    refused(site, &url, server, RULES, 7, &["hint", "server.temp_username", "nobody_here"]);
    // Without rules it is not needed.
    pulls(site, &main, server, OPEN);
}

fn temp_database_needs_rights_on_itself(site: &Site<'_>) {
    let mut conn = site.source_conn();
    let temp = format!("temp_of_{}", site.source_db);
    let server = format!("temp_database = \"{temp}\"");
    let account = site.account(&[READ]);
    refused(site, &account.url(&site.source_db), &server, RULES, 7, &["GRANT", &temp]);
    exec(&mut conn, &format!("CREATE DATABASE {temp}"));
    refused(site, &account.url(&site.source_db), &server, RULES, 7, &["GRANT", &temp]);
    let grant = format!("SELECT, INSERT, UPDATE, CREATE, DROP ON {temp}.*");
    pulls(site, &site.account(&[READ, &grant]), &server, RULES);
    exec(&mut conn, &format!("DROP DATABASE {temp}"));
}

fn wrong_accounts_and_databases_are_named(site: &Site<'_>) {
    let account = site.account(&[READ, WORKSPACE]);
    let url = account.url(&site.source_db);
    let wrong = url.replace(":pw-", ":wrong-pw-");
    refused(site, &wrong, "", RULES, 7, &["hint", "password", &account.user]);
    let missing = site.source.url("no_such_database");
    refused(site, &missing, "", RULES, 5, &["no_such_database", "hint"]);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    refused(site, &format!("mysql://x:pw-y@127.0.0.1:{closed}/app"), "", RULES, 5, &["127.0.0.1", "hint"]);
}

fn other_programs_are_no_database(site: &Site<'_>) {
    for greeting in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"\x10\x00\x00\x00\x0anot a greeting", b""] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.write_all(greeting);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let url = format!("mysql://x:pw-y@127.0.0.1:{port}/app");
        refused(site, &url, "", RULES, 5, &["127.0.0.1", "hint"]);
        answering.join().unwrap();
    }
}

fn literal_patterns(site: &Site<'_>) {
    let mut conn = site.source_conn();
    exec(&mut conn, "CREATE TABLE users (id INT PRIMARY KEY, mail VARCHAR(90)) ENGINE=InnoDB");
    exec(&mut conn, "INSERT INTO users VALUES (1, 'a@b.c'), (2, NULL)");
    let account = site.account(&[READ, WORKSPACE]);
    let rights = "SELECT, INSERT, UPDATE, CREATE, DROP ON `backfill_work`.*";
    let words = ["partial_revokes", "server.temp_database", &format!("GRANT {rights}"), &account.user];
    refused(site, &account.url(&site.source_db), "", RULES, 7, &words);
    pulls(site, &site.account(&[READ, rights]), "temp_database = \"backfill_work\"", RULES);
}

fn read_only(site: &Site<'_>) {
    let mut conn = site.source_conn();
    exec(&mut conn, "CREATE TABLE users (id INT PRIMARY KEY, mail VARCHAR(90)) ENGINE=InnoDB");
    exec(&mut conn, "INSERT INTO users VALUES (1, 'a@b.c'), (2, NULL)");
    let account = site.account(&[READ, WORKSPACE]);
    let variable = match site.source.flavour() {
        Flavour::Mysql => "super_read_only",
        Flavour::Mariadb => "read_only",
    };
    exec(&mut conn, &format!("SET GLOBAL {variable} = 1"));
    let flag = |conn: &mut mysql::Conn| conn.query_first::<u8, _>(format!("SELECT @@{variable}")).unwrap();
    wait_for("the server to be read-only", || flag(&mut conn) == Some(1));
    refused(site, &account.url(&site.source_db), "", RULES, 5, &["read", "only", "hint"]);
    pulls(site, &account, "", OPEN);
    exec(&mut conn, &format!("SET GLOBAL {variable} = 0"));
    if variable == "super_read_only" {
        exec(&mut conn, "SET GLOBAL read_only = 0");
    }
}
