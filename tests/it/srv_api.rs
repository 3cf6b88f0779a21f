//! Every endpoint, every error code, and what a stream promises.

use crate::fixture::{self, RULES};
use crate::harness::{Add, FLAVOURS, Site, TOKEN, exec, large_table, short, wait_for};
use crate::srv_http::{Answer, Http, bearer, decode, encoded};
use backfill::wire::api::{Code, RunPhase, RunStatus, TablePhase};
use backfill::wire::frame::Scope;
use serde_json::{Value, json};
use std::io::Read;

pub fn tests(add: &mut Add<'_>) {
    type Case = fn(&Site<'_>);
    let cases: [(&str, Case); 8] = [
        ("errors_have_their_codes", errors_have_their_codes),
        ("addresses_are_checked_first", addresses_are_checked_first),
        ("a_migration_that_breaks_a_rule_fails_runs_only", a_migration_that_breaks_a_rule),
        ("the_manifest_says_what_is_there", the_manifest_says_what_is_there),
        ("streams_are_equal_however_they_are_asked_for", streams_are_equal),
        ("a_row_larger_than_a_packet_is_named", a_row_larger_than_a_packet_is_named),
        ("a_table_comes_without_a_run", a_table_comes_without_a_run),
        ("control_requests_answer_while_streams_stall", control_requests_answer_while_streams_stall),
    ];
    for flavour in FLAVOURS {
        for (name, case) in cases {
            add(
                format!("srv_api::{name}::{}", short(flavour)),
                Box::new(move |servers| case(&Site::new(servers, flavour, flavour))),
            );
        }
    }
}

fn errors_have_their_codes(site: &Site<'_>) {
    fixture::load(&mut site.source_conn(), 20);
    site.configure_server("max_runs = 1", &format!("exclude_tables = [\"old_*\"]\n{RULES}"));
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&["users", "teams"]);
    http.complete(&run);

    let answer = http.ask("GET", "health", &[], b"");
    assert_eq!((answer.status, answer.text().contains("ok")), (200, true));
    for path in ["manifest", &format!("runs/{run}"), "dump/users", "nothing"] {
        let wrong = TOKEN.replace('x', "y");
        for token in ["", "Bearer", "Bearer x", TOKEN, &format!("Bearer {wrong}"), &format!("Basic {TOKEN}")]
        {
            let answer = http.ask("GET", path, &[("Authorization", token)], b"");
            assert_eq!(answer.code(), Code::Unauthorized, "{path} {token}");
            assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer"));
            assert!(!answer.text().contains("users"), "{}", answer.text());
        }
        assert_eq!(http.ask("GET", path, &[], b"").code(), Code::Unauthorized);
        let other = http.ask("GET", path, &[("Authorization", &bearer()), ("Backfill-Protocol", "2")], b"");
        assert_eq!(other.code(), Code::ProtocolMismatch);
    }
    let same = http.ask("GET", "manifest", &[("Authorization", &bearer()), ("Backfill-Protocol", "1")], b"");
    assert_eq!(same.status, 200);
    assert_eq!(same.header("Cache-Control"), Some("no-store"));

    for (path, code) in [
        ("", Code::NotFound),
        ("nothing", Code::NotFound),
        ("dump", Code::NotFound),
        ("dump/users/more", Code::NotFound),
        ("runs/0123", Code::RunGone),
        ("dump/users?run=0123", Code::RunGone),
        ("dump/nothing", Code::TableUnknown),
        ("dump/..", Code::TableUnknown),
        ("dump/old_style", Code::TableExcluded),
        ("dump/everybody", Code::TableUnknown),
        ("dump/users?format=csv", Code::BadRequest),
        ("dump/users?chunk=0", Code::BadRequest),
        ("dump/users?after=2024-01-01", Code::BadRequest),
        ("manifest?after=2024-01-01", Code::BadRequest),
        (&format!("dump/users?run={run}&chunk=x"), Code::BadRequest),
        (&format!("dump/users?run={run}&chunk=77"), Code::NotFound),
        (&format!("dump/orders?run={run}"), Code::TableUnknown),
        (&format!("runs/{run}?wait=soon"), Code::BadRequest),
        (&format!("runs/{run}?seen=-1"), Code::BadRequest),
        (&format!("runs/{run}?tables=few"), Code::BadRequest),
    ] {
        let answer = http.get(path);
        assert_eq!(answer.code(), code, "{path}: {}", answer.text());
    }
    for (method, path) in [
        ("DELETE", "manifest"),
        ("POST", "manifest"),
        ("GET", "runs"),
        ("POST", "dump/users"),
        ("DELETE", "dump/users"),
    ] {
        let answer = http.ask(method, path, &[("Authorization", &bearer())], b"");
        assert_eq!(answer.code(), Code::MethodNotAllowed, "{method} {path}");
    }
    http.delete(&format!("runs/{run}"));
    bodies_are_checked(&http);

    let run = http.begin(&["users"]);
    let refused = http.post("runs", &json!({"tables": [{"name": "teams"}]}));
    assert_eq!(refused.code(), Code::TooManyRuns);
    assert!(refused.header("Retry-After").unwrap().parse::<u32>().unwrap() > 0);
    assert_eq!(http.get("dump/teams").code(), Code::TooManyRuns);
    assert_eq!(http.delete(&format!("runs/{run}")).status, 204);
    assert_eq!(http.delete(&format!("runs/{run}")).code(), Code::RunGone);
    assert_eq!(http.get("dump/teams").status, 200);
}

fn bodies_are_checked(http: &Http) {
    let users = json!([{"name": "users"}]);
    for (body, code) in [
        (json!({}), Code::BadRequest),
        (json!([]), Code::BadRequest),
        (json!({"tables": []}), Code::BadRequest),
        (json!({"tables": "users"}), Code::BadRequest),
        (json!({"tables": users, "shape": 1}), Code::BadRequest),
        (json!({"tables": users, "format": "csv"}), Code::BadRequest),
        (json!({"tables": users, "batch_rows": 0}), Code::BadRequest),
        (json!({"tables": users, "batch_bytes": 10}), Code::BadRequest),
        (json!({"tables": [{"name": "users"}, {"name": "users"}]}), Code::BadRequest),
        (json!({"tables": [{"name": "users", "columns": ["id", "nope"]}]}), Code::BadRequest),
        (json!({"tables": [{"name": "users", "columns": ["id", "id"]}]}), Code::BadRequest),
        (json!({"tables": [{"name": "variants", "columns": ["gross"]}]}), Code::BadRequest),
        (json!({"tables": [{"name": "old_style"}]}), Code::TableExcluded),
        (json!({"tables": [{"name": "users"}, {"name": "nope"}]}), Code::TableUnknown),
    ] {
        let answer = http.post("runs", &body);
        assert_eq!(answer.code(), code, "{body}: {}", answer.text());
    }
    let broken = http.ask("POST", "runs", &[("Authorization", &bearer())], b"{\"tables\": [secret-words");
    assert_eq!(broken.code(), Code::BadRequest);
    assert!(!broken.text().contains("secret-words"));
}

fn addresses_are_checked_first(site: &Site<'_>) {
    fixture::load(&mut site.source_conn(), 5);
    site.configure_server("allow_ips = [\"192.0.2.0/24\"]", RULES);
    let serve = site.serve();
    let http = Http::new(&serve);
    for path in ["health", "manifest", "dump/users", "nothing"] {
        let answer =
            http.ask("GET", path, &[("Authorization", &bearer()), ("X-Forwarded-For", "192.0.2.1")], b"");
        assert_eq!(answer.code(), Code::AddressDenied, "{path}");
    }
}

fn a_migration_that_breaks_a_rule(site: &Site<'_>) {
    let mut conn = site.source_conn();
    fixture::load(&mut conn, 20);
    site.configure_server("", RULES);
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&["users"]);
    exec(&mut conn, "ALTER TABLE users CHANGE COLUMN phone mobile VARCHAR(40) NULL");
    let manifest = http.get("manifest");
    let asked = http.post("runs", &json!({"tables": [{"name": "teams"}]}));
    for answer in [manifest, asked, http.get("dump/teams")] {
        assert_eq!(answer.code(), Code::ConfigInvalid);
        let text = answer.text();
        assert!(text.contains("[sanitize.users] phone") && !text.contains("canary"), "{text}");
    }
    assert_eq!(http.get("health").status, 200);
    assert_eq!(http.delete(&format!("runs/{run}")).status, 204);
    exec(&mut conn, "ALTER TABLE users CHANGE COLUMN mobile phone VARCHAR(40) NULL");
    assert_eq!(http.get("dump/teams").status, 200);
}

fn the_manifest_says_what_is_there(site: &Site<'_>) {
    fixture::load(&mut site.source_conn(), 20);
    exec(&mut site.source_conn(), "CREATE TABLE `a/b %2F ü?` (id INT PRIMARY KEY) ENGINE=InnoDB");
    site.configure_server("", &format!("exclude_tables = [\"old_*\", \"absent\"]\n{RULES}"));
    let serve = site.serve();
    let http = Http::new(&serve);
    let manifest = http.manifest();
    assert_eq!((manifest.protocol, manifest.database.as_str()), (1, site.source_db.as_str()));
    assert_eq!(manifest.flavour, site.source.flavour());
    assert_eq!(manifest.not_copied.views, 1);
    assert_eq!(manifest.not_copied.triggers, 1);
    assert_eq!(manifest.excluded.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(), ["old_style"]);
    let entry = |name: &str| manifest.tables.iter().find(|entry| entry.table.name == name).unwrap();
    let users = entry("users");
    assert!(users.has_timestamps && users.has_sanitization && !users.has_limit);
    let mut ruled = users.sanitized_columns.clone();
    ruled.sort();
    assert_eq!(ruled, ["email", "home", "last_ip", "name", "notes", "password", "phone", "token"]);
    assert_eq!(users.table.primary_key, ["id"]);
    assert!(!entry("teams").has_sanitization && !entry("teams").has_timestamps);
    let variants = serde_json::to_value(&entry("variants").table).unwrap();
    assert_ne!(variants["columns"][3]["generated"], variants["columns"][0]["generated"], "{variants}");
    assert_eq!(manifest.table_order.len(), manifest.tables.len());
    let position = |name: &str| manifest.table_order.iter().position(|table| table == name).unwrap();
    assert!(position("variants") < position("orders") && position("users") < position("orders"));
    assert_eq!(manifest.foreign_keys.len(), 5);
    assert!(http.get("dump/a%2Fb%20%252F%20%C3%BC%3F").status == 200);
    let name = "a/b %2F ü?";
    let run = http.begin(&[name]);
    http.complete(&run);
    let answer = http.get(&format!("dump/{}?run={run}", encoded(name)));
    assert_eq!(answer.header("Content-Type"), Some("application/zstd"));
    let file = answer.header("Content-Disposition").unwrap();
    assert!(file.starts_with("attachment") && !file.contains('/') && !file.contains('ü'), "{file}");
    let dump = decode(name, Scope::Table, &answer.body).unwrap();
    assert_eq!((dump.rows, dump.batches.len()), (0, 0));
}

fn streams_are_equal(site: &Site<'_>) {
    let mut conn = site.source_conn();
    fixture::load(&mut conn, 700);
    large_table(&mut conn, "large");
    site.configure_server("chunk_size = 300", &format!("{RULES}[sanitize.large]\nmail = \"email\"\n"));
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&["large", "users", "measures"]);
    let status = http.complete(&run);
    assert!(status.tables[0].chunks > 1);
    for table in &status.tables {
        let whole = http.table(&run, &table.name);
        assert_eq!(whole.rows, table.rows);
        let mut parts = Vec::new();
        for chunk in 0..table.chunks {
            let bytes = http.chunk(&run, &table.name, chunk);
            assert!(bytes == http.chunk(&run, &table.name, chunk), "a chunk asked for again is other bytes");
            parts.extend(decode(&table.name, Scope::Chunk(chunk), &bytes).unwrap().batches);
        }
        assert!(parts == whole.batches, "chunks are not the whole of {}", table.name);
        for (_, sql) in &whole.batches {
            assert!(sql.matches("\n(").count() <= 300, "more rows than chunk_size in a batch");
        }
    }
    // The client's numbers hold where they are smaller.
    let asked: Value = json!({"tables": [{"name": "users", "columns": ["email", "id"]}], "batch_rows": 7});
    let answer = http.post("runs", &asked).json();
    assert_eq!(answer["tables"], json!([{"name": "users", "columns": ["email", "id"]}]));
    let run = answer["run"].as_str().unwrap();
    http.complete(run);
    let dump = http.table(run, "users");
    assert_eq!((dump.rows, dump.batches.len()), (700, 100));
    assert!(
        dump.batches[0].1.starts_with("INSERT INTO `users` (`email`,`id`) VALUES"),
        "{}",
        &dump.batches[0].1[..80]
    );
}

fn a_row_larger_than_a_packet_is_named(site: &Site<'_>) {
    let mut conn = site.source_conn();
    exec(&mut conn, "CREATE TABLE files (id INT PRIMARY KEY, body LONGTEXT) ENGINE=InnoDB");
    exec(&mut conn, "CREATE TABLE mails (mail VARCHAR(90) PRIMARY KEY, body LONGTEXT) ENGINE=InnoDB");
    exec(&mut conn, "INSERT INTO files VALUES (1, 'short'), (4711, REPEAT('x', 100000)), (4712, 'short')");
    exec(&mut conn, "INSERT INTO mails VALUES ('secret@key', REPEAT('x', 100000))");
    let serve = site.serve();
    let http = Http::new(&serve);
    for (table, named) in [("files", "id = 4711"), ("mails", "(key: mail)")] {
        let body = json!({"tables": [{"name": table}], "batch_bytes": 65536});
        let run = http.post("runs", &body).json()["run"].as_str().unwrap().to_owned();
        let error = http.finished(&run).error.unwrap();
        assert_eq!(error.code, Code::RowTooLarge);
        assert!(
            error.error.contains(named) && error.error.contains(&format!("`{table}`")),
            "{}",
            error.error
        );
        assert!(!error.error.contains("secret"), "{}", error.error);
        assert_eq!(http.get(&format!("dump/{table}?run={run}")).code(), Code::RowTooLarge);
        http.delete(&format!("runs/{run}"));
    }
    assert!(!serve.log().contains("secret@key"));
}

fn a_table_comes_without_a_run(site: &Site<'_>) {
    fixture::load(&mut site.source_conn(), 50);
    site.configure_server("max_runs = 1", RULES);
    let serve = site.serve();
    let http = Http::new(&serve);
    for table in ["users", "order notes", "empty_one"] {
        wait_for("the run before to end", || http.get(&format!("dump/{}", encoded(table))).status == 200);
    }
    let dump: Answer = {
        wait_for("the run before to end", || serve.log().matches("its stream ended").count() == 3);
        http.get("dump/users")
    };
    let text = String::from_utf8(zstd::decode_all(&dump.body[..]).unwrap()).unwrap();
    assert!(
        text.contains("INSERT INTO `users`") && text.contains("@example.test") && !text.contains("canary")
    );
    assert_eq!(decode("users", Scope::Table, &dump.body).unwrap().rows, 50);
}

fn control_requests_answer_while_streams_stall(site: &Site<'_>) {
    large_table(&mut site.source_conn(), "large");
    site.configure_server("spool_max = \"1MiB\"\nmax_runs = 2", "[privacy]\npolicy = \"open\"\n");
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&["large"]);
    wait_for("the first chunk", || http.status(&run).tables[0].chunks == 1);
    let mut stalled: Vec<_> = (0..64).map(|_| http.open(&format!("dump/large?run={run}"))).collect();
    for stream in &mut stalled {
        stream.read_exact(&mut [0; 100]).unwrap();
    }
    assert_eq!(http.get("health").status, 200);
    assert_eq!(http.manifest().tables.len(), 1);
    let status = http.status(&run);
    assert_eq!((status.phase, status.tables[0].phase), (RunPhase::Running, TablePhase::Dump));
    // No place for another stream; the run that was to feed it goes as well.
    assert_eq!(http.get("dump/large").code(), Code::TooManyRuns);
    let other = http.begin(&["large"]);
    assert_eq!(http.delete(&format!("runs/{other}")).status, 204);
    drop(stalled.split_off(60));
    std::thread::scope(|scope| {
        // Answered when something changes, long before the minute is over.
        let poll = scope.spawn(|| {
            let answer = http.get(&format!("runs/{run}?wait=60&seen={}", status.version));
            serde_json::from_slice::<RunStatus>(&answer.body).unwrap()
        });
        wait_for("a place for a stream", || http.get(&format!("dump/large?run={run}&chunk=0")).status == 200);
        let later = poll.join().unwrap();
        assert!(later.version > status.version, "{later:?}");
        // Who has seen the last change is told about no table.
        let tables = |query: &str| {
            let answer = http.get(&format!("runs/{run}?tables=changed&{query}"));
            serde_json::from_slice::<RunStatus>(&answer.body).unwrap().tables.len()
        };
        assert_eq!((tables("seen=0"), tables("seen=1000000")), (1, 0));
    });
    assert_eq!(http.delete(&format!("runs/{run}")).status, 204);
    assert_eq!(http.get(&format!("runs/{run}")).code(), Code::RunGone);
}
