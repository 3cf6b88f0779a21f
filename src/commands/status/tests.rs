use super::*;
use crate::client::state::{Fate, Mode, Outcome, Pair, TableRecord, TargetRecord};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const TARGET: &str = "localhost:3306/dev";

fn sync(id: &str, outcome: Outcome, rows: u64) -> Sync {
    Sync {
        id: id.into(),
        mode: Mode::Full,
        outcome,
        rows,
        tables: 2,
        started: 1_795_362_371,
        duration_ms: rows,
        source: "app".into(),
        unchanged: 0,
        target: TARGET.into(),
        selected: false,
        fate: None,
    }
}

fn failed() -> Outcome {
    Outcome::Failed("loading `users`: the table is full".into())
}

fn history(syncs: Vec<Sync>) -> History {
    History { syncs, ..History::default() }
}

/// With records of tables, by their checkpoints.
fn with_records(mut history: History, checkpoints: &[(&str, Option<&str>)]) -> History {
    let table = |checkpoint: &Option<&str>| TableRecord {
        checkpoint: checkpoint.map(|text| text.parse().unwrap()),
        digest: "d".into(),
        columns: "c".into(),
        fingerprint: None,
        clock: "2026-11-22 10:00:00".parse().unwrap(),
        pulled_whole: 1_795_362_371,
        sync: "a".into(),
    };
    history.records.note(TargetRecord {
        pair: Pair { target: "t".into(), source: "s".into() },
        target_name: TARGET.into(),
        source_name: "app".into(),
        used: 0,
        tables: checkpoints.iter().map(|(name, at)| ((*name).to_owned(), table(at))).collect(),
    });
    history
}

fn words(history: &History) -> String {
    words::sentences(history).join("\n")
}

fn report(history: &History) -> Value {
    serde_json::to_value(Report::new(history, &shown(history))).unwrap()
}

#[test]
fn every_end_is_told_in_words() {
    let syncs = [
        sync("a", Outcome::Running, 0),
        sync("b", failed(), 1500),
        sync("c", Outcome::Complete, 12_345),
        sync("d", Outcome::Interrupted, 0),
    ];
    let text = words::table(&syncs.iter().collect::<Vec<_>>()).render(None);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["ID", "Mode", "Status", "Rows", "Tables", "Duration", "Started"]
    );
    assert!(lines[1].contains("Running") && lines[1].contains(" - "), "{text}");
    assert!(lines[2].contains("Failed: loading `users`: the table is full"), "{text}");
    assert!(lines[3].contains("12,345") && lines[3].contains("12s"), "{text}");
    assert!(lines[4].contains("Interrupted"), "{text}");
}

#[test]
fn the_table_fits_a_terminal_of_eighty_columns() {
    let syncs = [sync("6f1c22d0", Outcome::Interrupted, 0), sync("54a0aa5e", Outcome::Complete, 1_234_567)];
    let text = words::table(&syncs.iter().collect::<Vec<_>>()).render(Some(80));
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn the_last_ten_are_shown_newest_first() {
    let all = (0..12).map(|number| sync(&format!("s{number}"), Outcome::Complete, 1)).collect();
    let history = history(all);
    let ids: Vec<&str> = shown(&history).iter().map(|sync| sync.id.as_str()).collect();
    assert_eq!(ids, ["s11", "s10", "s9", "s8", "s7", "s6", "s5", "s4", "s3", "s2"]);
    assert_eq!(report(&history)["syncs"].as_array().unwrap().len(), 10);
}

#[test]
fn the_last_success_is_the_newest_complete_one() {
    let text = words(&history(vec![
        sync("a", Outcome::Complete, 1),
        sync("b", Outcome::Complete, 2),
        sync("c", Outcome::Interrupted, 3),
    ]));
    assert!(text.contains("from `app` into localhost:3306/dev (2 tables, 2 rows)."), "{text}");
    assert_eq!(words(&history(vec![sync("a", failed(), 0)])), "No pull was successful yet.");
}

#[test]
fn what_became_of_the_data_is_told_of_the_newest_pull() {
    for (fate, how, words_of) in [
        (Fate::Untouched, Outcome::Interrupted, "The last pull was interrupted: the data is as it was"),
        (Fate::Undone, failed(), "The last pull failed: the data is as it was"),
        (Fate::Unknown, Outcome::Interrupted, "the next `backfill pull` finishes or undoes that"),
        (Fate::Completed, Outcome::Interrupted, "its data is in place"),
    ] {
        let newest = Sync { fate: Some(fate), ..sync("b", how, 0) };
        let history = history(vec![sync("a", Outcome::Complete, 1), newest]);
        assert!(words(&history).starts_with("The last pull "), "{}", words(&history));
        assert!(words(&history).contains(words_of), "{fate:?}: {}", words(&history));
        assert_eq!(report(&history)["syncs"][0]["data"], serde_json::to_value(fate).unwrap());
        assert_eq!(report(&history)["syncs"][1]["data"], Value::Null);
    }
    let running = Sync { fate: Some(Fate::Untouched), ..sync("b", Outcome::Running, 0) };
    assert_eq!(words(&history(vec![running])), "No pull was successful yet.");
}

#[test]
fn deletions_are_seen_by_full_pulls_of_all_tables_of_the_same_target() {
    let delta = |id: &str| Sync { mode: Mode::Delta, ..sync(id, Outcome::Complete, 1) };
    let some = Sync { selected: true, ..sync("some", Outcome::Complete, 1) };
    let elsewhere = Sync { target: "other:3306/dev".into(), ..sync("else", Outcome::Complete, 1) };
    let full = || sync("full", Outcome::Complete, 1);
    for (syncs, expected, said) in [
        (vec![full()], Some("full"), None),
        (vec![full(), delta("d")], Some("full"), Some("Last full pull: ")),
        (vec![full(), some.clone()], Some("full"), Some("Last full pull: ")),
        (vec![full(), sync("f", failed(), 0)], Some("full"), None),
        (vec![elsewhere, delta("d")], None, Some("No full pull")),
        (vec![some], None, Some("No full pull")),
    ] {
        let history = history(syncs);
        assert_eq!(report(&history)["last_full"]["id"].as_str(), expected);
        let text = words(&history);
        assert_eq!(text.contains("full pull"), said.is_some(), "{text}");
        assert_eq!(text.contains("the source deleted"), said.is_some(), "{text}");
        assert!(said.is_none_or(|said| text.contains(said)), "{text}");
    }
}

#[test]
fn what_the_next_delta_brings_is_told() {
    let pulled = || history(vec![sync("a", Outcome::Complete, 1)]);
    for (checkpoints, expected) in [
        (&[][..], None),
        (&[("tags", None)][..], Some("Next: 1 table, whole.")),
        (
            &[("tags", None), ("users", Some("2026-11-22 10:00:00")), ("posts", Some("2026-11-21 10:00:00"))]
                [..],
            Some(
                "Next: of 2 tables what changed since 2026-11-21 10:00:00 or later (the source's time), \
                 and 1 table whole.",
            ),
        ),
    ] {
        let text = words(&with_records(pulled(), checkpoints));
        assert_eq!(text.lines().find(|line| line.starts_with("Next")), expected, "{text}");
    }
}

#[test]
fn the_report_has_the_documented_form() {
    let newest = Sync { fate: Some(Fate::Untouched), target: String::new(), ..sync("b", failed(), 0) };
    let history = history(vec![sync("a", Outcome::Complete, 1500), newest]);
    let complete = json!({
        "id": "a", "mode": "full", "status": "complete", "reason": null, "data": null, "rows": 1500, "tables": 2,
        "unchanged": 0, "selected": false, "duration_ms": 1500, "started": "2026-11-22T15:46:11Z",
        "source": "app", "target": TARGET,
    });
    let failed = json!({
        "id": "b", "mode": "full", "status": "failed", "reason": "loading `users`: the table is full",
        "data": "untouched", "rows": 0, "tables": 2, "unchanged": 0, "selected": false, "duration_ms": 0,
        "started": "2026-11-22T15:46:11Z", "source": "app", "target": null,
    });
    let tables = BTreeMap::from([
        ("tags", json!({"checkpoint": null, "pulled_whole": "2026-11-22T15:46:11Z"})),
        ("users", json!({"checkpoint": "2026-11-22 10:00:00", "pulled_whole": "2026-11-22T15:46:11Z"})),
    ]);
    assert_eq!(
        report(&with_records(history, &[("users", Some("2026-11-22 10:00:00")), ("tags", None)])),
        json!({
            "active": false,
            "syncs": [failed, complete],
            "last_successful": complete,
            "last_full": complete,
            "next": {"source": "app", "target": TARGET, "tables": tables},
        })
    );
    let nothing = json!({
        "active": false, "syncs": [], "last_successful": null, "last_full": null, "next": null,
    });
    assert_eq!(report(&History::default()), nothing);
}
