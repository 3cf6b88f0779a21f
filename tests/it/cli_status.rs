//! `backfill status`: what the history tells, without a server, a database or a token.

use crate::cli_common::{Out, client, pull, ready, run};
use crate::harness::{Add, FLAVOURS, Serve, Site, is_held, let_go, short, wait_for};
use backfill::fault::{HOLD_AT, KILL_AT};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::process::{Command, Stdio};

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("cli_status::tells_what_happened::{}", short(flavour)),
            Box::new(move |servers| {
                let (site, serve) = ready(Site::new(servers, flavour, flavour));
                tells_what_happened(&site, &serve);
            }),
        );
    }
    add("cli_status::needs_nothing".into(), Box::new(|_| needs_nothing()));
    add("cli_status::files_that_cannot_be_read".into(), Box::new(|_| unreadable()));
}

fn report(site: &Site<'_>) -> Value {
    let out = client(site, &["status", "--json"]).good("status --json");
    serde_json::from_str(&out.stdout).expect("one object")
}

fn tells_what_happened(site: &Site<'_>, serve: &Serve) {
    pull(site, &serve.url, &["--yes"]).good("the first pull");
    let first = report(site);
    let sync = &first["syncs"][0];
    assert_eq!((&sync["mode"], &sync["status"]), (&json!("full"), &json!("complete")), "{first}");
    assert_eq!((&sync["rows"], &sync["tables"]), (&json!(40 + 80 + 3), &json!(3)), "{first}");
    assert_eq!((&sync["source"], &first["active"]), (&json!(site.source_db), &json!(false)), "{first}");
    assert!(sync["target"].as_str().unwrap().ends_with(&site.target_db), "{first}");
    assert_eq!((&first["last_successful"], &first["last_full"]), (sync, sync), "{first}");

    // One that dies before it touched anything, and one that is at work.
    let mut dies = site.pull_command(&serve.url, &["--yes"]);
    assert_eq!(dies.env(KILL_AT, "load.done").output().unwrap().status.code(), None);
    let after = report(site);
    assert_eq!(
        (&after["syncs"][0]["status"], &after["syncs"][0]["data"]),
        (&json!("interrupted"), &json!("untouched")),
        "{after}"
    );
    assert_eq!((&after["syncs"][1], &after["last_successful"]), (sync, sync), "{after}");
    let text = client(site, &["status"]).good("status").stdout;
    assert!(text.contains("The last pull was interrupted: the data is as it was before it."), "{text}");

    let mut holds = site.pull_command(&serve.url, &["--yes"]);
    holds.env(HOLD_AT, "load.done").stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = holds.spawn().unwrap();
    wait_for("the pull to hold", || is_held(child.id()));
    let at_work = report(site);
    assert_eq!((&at_work["active"], &at_work["syncs"][0]["status"]), (&json!(true), &json!("running")));
    let_go(child.id());
    assert!(child.wait().unwrap().success());

    // For people: newest first, thousands, and the time of their clock.
    let started = report(site)["syncs"][0]["started"].as_str().unwrap().to_owned();
    let mut shown = site.command("client");
    let text = run(shown.arg("status").env("TZ", "XYZ-14")).good("status").stdout;
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["ID", "Mode", "Status", "Rows", "Tables", "Duration", "Started"]);
    let states: Vec<&str> = lines[1..4].iter().map(|line| line[2]).collect();
    assert_eq!(states, ["Complete", "Interrupted", "Complete"], "{text}");
    assert_eq!(lines[1][8], "XYZ", "{text}");
    assert!(
        started.ends_with('Z') && !text.contains(&started[11..16]),
        "not the clock here: {started}\n{text}"
    );
    assert!(text.contains("Last successful sync: ") && text.contains("3 tables, 123 rows"), "{text}");

    let nobody = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    pull(site, &nobody, &["--yes"]).refused("no server", 9, &[]);
    assert_eq!(report(site)["syncs"].as_array().unwrap().len(), 3, "a pull that did not begin is no pull");
}

/// The program in a folder, with nothing in its environment.
fn status_in(folder: &tempfile::TempDir, arguments: &[&str]) -> Out {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backfill"));
    run(command.current_dir(folder.path()).env_clear().arg("status").args(arguments))
}

fn needs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = status_in(&folder, &[]).good("without anything");
    assert_eq!(out.stdout, "Nothing was pulled yet. `backfill pull` does it.\n");
    let out = status_in(&folder, &["--json"]).good("without anything, as JSON");
    assert_eq!(
        serde_json::from_str::<Value>(&out.stdout).unwrap(),
        json!({"active": false, "syncs": [], "last_successful": null, "last_full": null, "next": null})
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it writes nothing");
}

fn unreadable() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("elsewhere.json");
    std::fs::write(folder.path().join("backfill.toml"), "[client]\nstate_file = \"elsewhere.json\"").unwrap();
    std::fs::write(&state, "{\"version\": 99}").unwrap();
    let out = status_in(&folder, &["--json"]).refused("a newer file", 3, &["has form 99", "update backfill"]);
    assert_eq!(serde_json::from_str::<Value>(&out.stdout).unwrap()["error"]["kind"], "config");
    assert_eq!(std::fs::read_to_string(&state).unwrap(), "{\"version\": 99}", "and it is kept");

    std::fs::write(&state, "no JSON").unwrap();
    let out = status_in(&folder, &["--json"]).good("a damaged file");
    assert!(out.stderr.contains("was damaged; it is now"), "{}", out.stderr);
    assert_eq!(serde_json::from_str::<Value>(&out.stdout).unwrap()["syncs"], json!([]));
    assert!(!state.exists());
}
