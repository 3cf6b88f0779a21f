//! Hooks: what they are told and what they are not, and that the pull stands whatever becomes of them.

use crate::cli_common::{Out, PASSWORD, PULLED, account, client, expect_equal, picture, pull, ready, run};
use crate::cli_proxy::{Answer, Proxy, Response};
use crate::harness::{Add, FLAVOURS, Serve, Site, TOKEN, exec, rustix_pid, short, wait_for};
use mysql::prelude::Queryable;
use rustix::process::{Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Stdio;

/// Writes down everything that a hook is given.
const WITNESS: &str = "env > env.txt; pwd > pwd.txt; cat > event.json; echo said by the hook";

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        let mut case = |name: &str, test: fn(&Site<'_>, &Serve)| {
            add(
                format!("cli_hooks::{name}::{}", short(flavour)),
                Box::new(move |servers| {
                    let (site, serve) = ready(Site::new(servers, flavour, flavour));
                    test(&site, &serve);
                }),
            );
        };
        case("command_is_told", command_is_told);
        case("address_is_told", address_is_told);
        case("pull_stands", pull_stands);
        case("failure_is_told", failure_is_told);
        case("nothing_began", nothing_began);
        case("interrupted", interrupted);
    }
}

fn configure(site: &Site<'_>, hooks: &str) {
    site.configure_client("", &format!("[hooks]\n{hooks}"));
}

fn read(site: &Site<'_>, name: &str) -> String {
    std::fs::read_to_string(site.path("client").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn is_there(site: &Site<'_>, name: &str) -> bool {
    site.path("client").join(name).exists()
}

/// Rows of the pulled tables, by SQL on the source.
fn counts(site: &Site<'_>) -> BTreeMap<String, u64> {
    let mut conn = site.source_conn();
    let mut count = |table: &str| conn.query_first(format!("SELECT COUNT(*) FROM {table}")).unwrap().unwrap();
    PULLED.iter().map(|table| ((*table).to_owned(), count(table))).collect()
}

/// The event says what was pulled.
#[track_caller]
fn expect_completed(site: &Site<'_>, event: &Value) {
    assert_eq!(event["event"], "sync_completed", "{event}");
    assert_eq!(event["mode"], "full", "{event}");
    assert_eq!(event["is_full_sync"], true, "{event}");
    let told: BTreeMap<String, u64> = serde_json::from_value(event["tables"].clone()).unwrap();
    assert_eq!(told, counts(site));
    assert_eq!(event["rows_synced"], counts(site).values().sum::<u64>(), "{event}");
    assert!(event["duration_ms"].as_u64().unwrap() > 0, "{event}");
    assert!(event.as_object().unwrap().contains_key("checkpoint"), "{event}");
    assert!(event.get("error").is_none(), "{event}");
}

fn command_is_told(site: &Site<'_>, serve: &Serve) {
    let status = format!("{} status --json > status.json", env!("CARGO_BIN_EXE_backfill"));
    configure(site, &format!("sync_completed = '{WITNESS}; {status}'\nsync_failed = \"touch failed\""));
    let url = account(site, "hook", &["ALL ON *.*".to_owned()]);
    let mut command = site.pull_command(&serve.url, &["--yes", "--json"]);
    command
        .env("DATABASE_URL", url)
        .env("BACKFILL_TOKEN", TOKEN)
        .env("DB_PASSWORD", PASSWORD)
        .env("BACKFILL_LATER", PASSWORD)
        .env("APP_ENV", "local")
        .env("OTHERS", "stay");
    let out = run(&mut command).good("pull with a hook");
    let summary: Value = serde_json::from_str(&out.stdout).expect("one object and nothing of the hook");
    assert!(out.stderr.contains("said by the hook"), "{}", out.stderr);
    expect_equal(site, "pull with a hook");

    let event: Value = serde_json::from_str(&read(site, "event.json")).unwrap();
    expect_completed(site, &event);
    assert_eq!(event["rows_synced"], summary["rows"]);
    assert_eq!(read(site, "pwd.txt").trim(), site.path("client").canonicalize().unwrap().to_str().unwrap());

    // For a hook the pull is over.
    let status: Value = serde_json::from_str(&read(site, "status.json")).unwrap();
    let newest = &status["syncs"][0];
    assert_eq!((&status["active"], &newest["status"]), (&false.into(), &"complete".into()), "{status}");
    assert_eq!(newest["id"], summary["id"]);

    let environment = read(site, "env.txt");
    for secret in [TOKEN, PASSWORD, "DATABASE_URL", "DB_PASSWORD", "BACKFILL_SOURCE_URL"] {
        assert!(!environment.contains(secret), "{secret} in\n{environment}");
        assert!(!event.to_string().contains(secret), "{event}");
    }
    let rows = format!("BACKFILL_EVENT_ROWS_SYNCED={}", event["rows_synced"]);
    let ours =
        ["BACKFILL_EVENT=sync_completed", "BACKFILL_EVENT_MODE=full", "BACKFILL_EVENT_TABLES=3", &rows];
    for line in ours.into_iter().chain(["APP_ENV=local", "OTHERS=stay"]) {
        assert!(environment.lines().any(|found| found == line), "no {line} in\n{environment}");
    }
    assert!(!is_there(site, "failed"), "the other hook ran too");
    exec(&mut site.target_conn(), &format!("DROP USER 'hook_{}'@'%'", site.target_db));
}

fn address_is_told(site: &Site<'_>, serve: &Serve) {
    for (answer, code) in [("204 No Content", 0), ("503 Service Unavailable", 12)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        configure(site, &format!("sync_completed = \"http://{address}/hooks/path-of-its-owner\""));
        let listener = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let request = read_request(&mut BufReader::new(stream.try_clone().unwrap()));
            write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").unwrap();
            request
        });
        let out = pull(site, &serve.url, &["--yes", "--full"]);
        assert_eq!(out.code, Some(code), "{}", out.all());
        assert!(!out.all().contains("path-of-its-owner"), "the address is printed:\n{}", out.all());
        let (head, body) = listener.join().unwrap();
        assert!(head.starts_with("POST /hooks/path-of-its-owner HTTP/1.1"), "{head}");
        assert!(head.to_lowercase().contains("content-type: application/json"), "{head}");
        assert!(!head.contains(TOKEN) && !body.contains(TOKEN), "{head}{body}");
        expect_completed(site, &serde_json::from_str(&body).unwrap());
        expect_equal(site, answer);
    }
}

/// Head and body of a request.
fn read_request(reader: &mut impl BufRead) -> (String, String) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap()];
    reader.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

fn pull_stands(site: &Site<'_>, serve: &Serve) {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = format!("http://{nobody}/");
    let table = [
        ("exit 3", "ended with exit code 3"),
        ("./none.sh", "its command was not found"),
        ("kill -9 $$", "was ended by signal 9"),
        (&refused, "127.0.0.1"),
    ];
    for (round, (hook, why)) in table.into_iter().enumerate() {
        configure(site, &format!("sync_completed = '{hook}'\nsync_failed = \"touch failed\""));
        let mark = format!("round {round}");
        exec(&mut site.source_conn(), &format!("UPDATE parents SET note = '{mark}'"));
        let words = ["the pull stands, but a hook failed", "hooks.sync_completed", "line", why, "hint:"];
        let out = pull(site, &serve.url, &["--yes"]).refused(hook, 12, &words);
        assert!(out.stdout.contains("Pulled 3 tables"), "{hook}: the summary comes first:\n{}", out.stdout);
        expect_equal(site, hook);
        let status = client(site, &["status"]).good("status");
        let newest = status.stdout.lines().find(|line| line.contains("FULL")).unwrap();
        assert!(newest.contains("Complete"), "{hook}: {}", status.stdout);
    }
    let out = pull(site, &serve.url, &["--yes", "--json"]).refused("as JSON", 12, &[]);
    let object: Value = serde_json::from_str(&out.stdout).expect("one object");
    assert_eq!((&object["error"]["kind"], &object["error"]["exit_code"]), (&"hook".into(), &12.into()));
    assert!(!is_there(site, "failed"), "the pull did not fail");
}

fn failure_is_told(site: &Site<'_>, serve: &Serve) {
    let before = picture(site);
    // Refusals that are no use repeating, so that the pull fails soon.
    let refused = |mut response: Response| {
        "403 Forbidden".clone_into(&mut response.status);
        Answer::Whole(response)
    };
    let proxy = Proxy::start(&serve.url, move |request, response| match request.dump {
        Some(_) => refused(response),
        None => Answer::Whole(response),
    });
    configure(site, &format!("sync_failed = \"{WITNESS}\"\nsync_completed = \"touch completed\""));
    let out = pull(site, &proxy.url, &["--yes"]);
    let code = out.code.unwrap();
    assert!([9, 10].contains(&code), "{}", out.all());
    let event: Value = serde_json::from_str(&read(site, "event.json")).unwrap();
    assert_eq!(event["event"], "sync_failed");
    assert_eq!(event["error"]["exit_code"], code);
    let message = event["error"]["message"].as_str().unwrap();
    assert!(out.stderr.contains(&format!("error: {message}")), "as printed: {message}\n{}", out.stderr);
    assert!(read(site, "env.txt").lines().any(|line| line == "BACKFILL_EVENT=sync_failed"));
    assert!(before == picture(site), "the target changed");
    assert!(!is_there(site, "completed"));

    // The hook fails too, and the pull's own error is the result.
    let proxy = Proxy::start(&serve.url, move |_, response| refused(response));
    configure(site, "sync_failed = \"cat > event.json; exit 5\"");
    let words = ["HTTP 403", "warning: a hook failed too", "hooks.sync_failed", "exit code 5"];
    pull(site, &proxy.url, &["--yes"]).refused("no entry, failing hook", 9, &words);
    let event: Value = serde_json::from_str(&read(site, "event.json")).unwrap();
    assert_eq!((&event["error"]["kind"], &event["mode"]), (&"remote".into(), &Value::Null));
}

/// Where nothing began there is nothing to tell.
fn nothing_began(site: &Site<'_>, serve: &Serve) {
    let hooks = "sync_completed = \"touch completed\"\nsync_failed = \"touch failed\"";
    configure(site, hooks);
    pull(site, &serve.url, &["--dry-run"]).good("a dry run");
    pull(site, &serve.url, &[]).refused("without a yes", 2, &[]);
    pull(site, &serve.url, &["--yes", "--tables", "none"]).refused("an unknown table", 2, &[]);
    let mut elsewhere = site.pull_command(&serve.url, &["--yes"]);
    run(elsewhere.env("BACKFILL_ENV", "production")).refused("a guard", 4, &[]);
    site.configure_client("parallel = 0", &format!("[hooks]\n{hooks}"));
    pull(site, &serve.url, &["--yes"]).refused("a configuration", 3, &[]);
    assert!(!is_there(site, "completed") && !is_there(site, "failed"));
}

fn interrupted(site: &Site<'_>, serve: &Serve) {
    configure(site, "sync_completed = 'echo $$ > tmp; mv tmp pid; sleep 1000; echo'");
    let mut command = site.pull_command(&serve.url, &["--yes"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("the hook to begin", || is_there(site, "pid"));
    let hook = format!("/proc/{}", read(site, "pid").trim());
    kill_process(rustix_pid(child.id()), Signal::INT).unwrap();
    let out = Out::of(&child.wait_with_output().unwrap());
    out.refused("Ctrl-C during a hook", 130, &["the pull stands", "was interrupted"]);
    assert!(!std::path::Path::new(&hook).exists(), "the hook goes on");
    expect_equal(site, "Ctrl-C during a hook");
    let status = client(site, &["status"]).good("status");
    assert!(status.stdout.contains("Complete"), "{}", status.stdout);
}
