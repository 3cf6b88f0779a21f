//! Hooks that are really run, and a listener that is really posted to.

use super::*;
use crate::secret::Secret;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Instant;

const LONG: Duration = Duration::from_secs(60);

fn summary(tables: &[(&str, u64)]) -> Summary {
    Summary {
        mode: "full",
        tables: tables.len() as u64,
        rows: tables.iter().map(|(_, rows)| rows).sum(),
        tables_rows: tables.iter().map(|(name, rows)| ((*name).to_owned(), *rows)).collect(),
        duration_ms: 1500,
        ..Summary::default()
    }
}

fn event() -> Event {
    Event::completed(&summary(&[("users", 3), ("orders", 0)]))
}

/// More than a pipe holds.
fn large_event() -> Event {
    let names: Vec<String> = (0..5000).map(|number| format!("{number:060}")).collect();
    Event::completed(&summary(&names.iter().map(|name| (name.as_str(), 1)).collect::<Vec<_>>()))
}

fn run_line(line: &str, folder: &Path, limit: Duration, event: &Event, interrupt: &Interrupt) -> Result<()> {
    command::run(&command::Hooked { line: &line.into(), folder, limit }, event, interrupt)
}

/// Runs a command that nobody interrupts; gives what it ended with and the text of the file `out`.
fn run_in(folder: &Path, line: &str, event: &Event) -> (Result<()>, String) {
    let done = run_line(line, folder, LONG, event, &Interrupt::default());
    (done, std::fs::read_to_string(folder.join("out")).unwrap_or_default())
}

#[test]
fn a_completed_pull_is_told_by_names_and_numbers() {
    let event = event();
    assert_eq!(
        serde_json::to_value(&event).unwrap(),
        serde_json::json!({
            "event": "sync_completed",
            "mode": "full",
            "is_full_sync": true,
            "tables": {"orders": 0, "users": 3},
            "rows_synced": 3,
            "duration_ms": 1500,
            "checkpoint": null,
        })
    );
    let variables: Vec<String> =
        event.variables().iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        variables,
        [
            "BACKFILL_EVENT=sync_completed",
            "BACKFILL_EVENT_MODE=full",
            "BACKFILL_EVENT_IS_FULL_SYNC=true",
            "BACKFILL_EVENT_TABLES=2",
            "BACKFILL_EVENT_ROWS_SYNCED=3",
            "BACKFILL_EVENT_DURATION_MS=1500",
        ]
    );
}

#[test]
fn a_failed_pull_is_told_with_its_error() {
    let error = Error::new(Kind::Remote, "connection refused").hint("start it").context("asking");
    let event = Event::failed(&error, Duration::from_secs(2)).unwrap();
    assert_eq!(
        serde_json::to_value(&event).unwrap(),
        serde_json::json!({
            "event": "sync_failed",
            "mode": null,
            "is_full_sync": null,
            "tables": {},
            "rows_synced": 0,
            "duration_ms": 2000,
            "checkpoint": null,
            "error": {
                "kind": "remote", "exit_code": 9, "message": "asking: connection refused", "hint": "start it",
            },
        })
    );
    let variables = event.variables();
    assert!(variables.contains(&("BACKFILL_EVENT_ERROR", "asking: connection refused".to_owned())));
    assert!(variables.contains(&("BACKFILL_EVENT_EXIT_CODE", "9".to_owned())));
    assert!(!variables.iter().any(|(name, _)| *name == "BACKFILL_EVENT_MODE"));
}

#[test]
fn who_never_began_and_who_was_interrupted_is_not_told_of() {
    for (kind, told) in [
        (Kind::Usage, false),
        (Kind::Config, false),
        (Kind::Guard, false),
        (Kind::Interrupted(2), false),
        (Kind::Remote, true),
        (Kind::Target, true),
        (Kind::Busy, true),
        (Kind::Internal, true),
    ] {
        assert_eq!(Event::failed(&Error::new(kind, "x"), LONG).is_some(), told, "{kind:?}");
    }
}

#[test]
fn a_command_reads_the_event_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (done, out) = run_in(folder.path(), "cat > out; pwd >> out", &large_event());
    done.unwrap();
    let (json, place) = out.rsplit_once('}').unwrap();
    assert_eq!(format!("{json}}}").as_bytes(), large_event().json().unwrap());
    assert_eq!(Path::new(place.trim()), folder.path().canonicalize().unwrap());

    let (done, out) = run_in(
        folder.path(),
        "echo $BACKFILL_EVENT $BACKFILL_EVENT_ROWS_SYNCED ${BACKFILL_EVENT_CHECKPOINT-unset} > out",
        &event(),
    );
    done.unwrap();
    assert_eq!(out, "sync_completed 3 unset\n");
}

#[test]
fn a_command_may_ignore_the_event() {
    let folder = tempfile::tempdir().unwrap();
    for line in ["true", "exec 0<&-; true", "head -c 1 > out", "yes | head -n 1 > out", ": # comment"] {
        run_in(folder.path(), line, &large_event()).0.unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn what_a_command_leaves_in_the_background_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    // It holds its stdin open, too, until the test says so.
    let line = "(while [ ! -e go ]; do sleep 0.02; done; cat > /dev/null; echo done > out) <&0 & true";
    run_in(folder.path(), line, &large_event()).0.unwrap();
    assert!(!folder.path().join("out").exists());
    std::fs::write(folder.path().join("go"), "").unwrap();
    wait_for("the background to end by itself", || folder.path().join("out").exists());
}

#[test]
fn how_a_command_failed_is_said() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data"), "x").unwrap();
    for (line, what) in [
        ("exit 3", "ended with exit code 3"),
        ("kill -9 $$", "was ended by signal 9"),
        ("./none", "ended with exit code 127: its command was not found"),
        ("./data", "ended with exit code 126: its command cannot be executed"),
        ("'", "ended with exit code 2"),
    ] {
        let error = run_in(folder.path(), line, &event()).0.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Hook, what), "{line}");
    }
    let error = run_in(&folder.path().join("none"), "true", &event()).0.unwrap_err();
    assert!(error.kind() == Kind::Hook && error.what().starts_with("cannot be run"), "{error}");
}

#[test]
fn a_command_that_takes_too_long_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let limit = Duration::from_millis(50);
    let begun = Instant::now();
    let error = run_line("sleep 1000", folder.path(), limit, &event(), &Interrupt::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Hook);
    assert!(error.what().starts_with("did not end within"), "{error}");
    assert!(begun.elapsed() >= limit);
}

#[test]
fn an_interrupt_ends_all_that_a_command_started() {
    // The second one does not want to end.
    for trap in ["", "trap '' TERM; "] {
        let folder = tempfile::tempdir().unwrap();
        let interrupt = Interrupt::default();
        let pid_file = folder.path().join("pid");
        let signal = std::thread::spawn({
            let (interrupt, pid_file) = (interrupt.clone(), pid_file.clone());
            move || {
                wait_for("the hook to begin", || pid_file.exists());
                interrupt.raise(2);
            }
        });
        let line = format!("{trap}sleep 1000 & echo $! > tmp; mv tmp pid; wait; wait");
        let error = run_line(&line, folder.path(), LONG, &event(), &interrupt).unwrap_err();
        signal.join().unwrap();
        assert_eq!(error.kind(), Kind::Interrupted(2));
        let pid = std::fs::read_to_string(&pid_file).unwrap();
        wait_for("the end of what the hook started", || is_gone(pid.trim()));
    }
}

#[test]
fn after_an_interrupt_no_hook_begins() {
    let folder = tempfile::tempdir().unwrap();
    let interrupt = Interrupt::default();
    interrupt.raise(15);
    let error = run_line("touch out", folder.path(), LONG, &event(), &interrupt).unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted(15));
    assert!(!folder.path().join("out").exists());
    assert!(post("http://127.0.0.1:1/", LONG, &interrupt).is_err());
}

fn is_gone(pid: &str) -> bool {
    // Nobody may have waited for it: dead it is all the same.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .map_or(true, |text| text.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
}

#[track_caller]
fn wait_for(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < LONG, "waited a minute for {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Takes one request and answers it; without an answer it waits for the other side to go away.
fn listen(answer: Option<&'static str>) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        match answer {
            Some(answer) => stream.write_all(answer.as_bytes()).unwrap(),
            None => drop(reader.read(&mut [0])),
        }
        head + std::str::from_utf8(&body).unwrap()
    });
    (address, thread)
}

fn post(url: &str, limit: Duration, interrupt: &Interrupt) -> Result<()> {
    post::run(&post::Hooked { url: &Secret::new(url), host: "HOST", limit }, &event(), interrupt)
}

#[test]
fn an_address_is_posted_the_event_and_nothing_of_ours() {
    let (address, listener) = listen(Some("HTTP/1.1 204 No Content\r\n\r\n"));
    post(&format!("http://{address}/a?b=c"), LONG, &Interrupt::default()).unwrap();
    let request = listener.join().unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /a?b=c HTTP/1.1\r\n"), "{head}");
    let head = head.to_lowercase();
    assert!(head.contains("content-type: application/json"), "{head}");
    assert!(!head.contains("authorization") && !head.contains("backfill-protocol"), "{head}");
    assert_eq!(body.as_bytes(), event().json().unwrap());
}

#[test]
fn what_is_wrong_with_an_address_is_said_without_showing_it() {
    let table = [
        ("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "HOST answered with HTTP 500", "application/json"),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            "HOST answered with HTTP 302",
            "redirects are not followed",
        ),
        (
            "SSH-2.0-x\r\n\r\n",
            "HOST cannot be posted to, or does not answer as an HTTP server does",
            "address",
        ),
    ];
    for (answer, what, hint) in table {
        let (address, listener) = listen(Some(answer));
        let error = post(&format!("http://{address}/secret"), LONG, &Interrupt::default()).unwrap_err();
        listener.join().unwrap();
        assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Hook, what));
        assert!(error.hint_text().unwrap().contains(hint), "{error:?}");
    }
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for url in [format!("http://{refused}/secret"), format!("https://{refused}/secret")] {
        let error = post(&url, LONG, &Interrupt::default()).unwrap_err();
        assert!(error.kind() == Kind::Hook && !format!("{error:?}").contains("secret"), "{error:?}");
        assert!(error.what().contains("HOST"), "{error}");
    }
}

#[test]
fn an_address_that_does_not_answer_is_not_waited_for_longer_than_its_limit() {
    let (address, listener) = listen(None);
    let url = format!("http://{address}/");
    let error = post(&url, Duration::from_millis(200), &Interrupt::default()).unwrap_err();
    assert!(error.what().starts_with("HOST did not answer within"), "{error}");
    listener.join().unwrap();
}

#[test]
fn an_interrupt_ends_waiting_for_an_answer() {
    let (address, listener) = listen(None);
    let interrupt = Interrupt::default();
    let caller = std::thread::spawn({
        let interrupt = interrupt.clone();
        // The listener goes on once the other side is gone, which is when the limit has passed.
        move || post(&format!("http://{address}/"), Duration::from_secs(5), &interrupt).unwrap_err()
    });
    interrupt.raise(2);
    assert_eq!(caller.join().unwrap().kind(), Kind::Interrupted(2));
    drop(listener);
}
