use super::file::SYNCS_MAX;
use super::*;
use crate::error::Kind;
use crate::target::fingerprint::Fingerprint;
use std::collections::BTreeMap;
use std::path::PathBuf;

const BEGUN: Begun<'_> = Begun {
    mode: Mode::Full,
    source: "app",
    target: "localhost:3306/dev",
    tables: 3,
    unchanged: 0,
    selected: false,
};

fn state_in(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("backfill-state.json")
}

#[test]
fn a_pull_is_remembered_with_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = state_in(&folder);
    let (mut state, remark) = State::open(&path).unwrap();
    assert_eq!(remark, None);
    let id = state.begin(BEGUN).unwrap();

    let history = read_history(&path).unwrap();
    assert!(history.active);
    assert_eq!(history.syncs[0].outcome, Outcome::Running);

    state.fail(&id, Outcome::Failed("no".into()), None, Duration::from_millis(1500)).unwrap();
    drop(state);
    let history = read_history(&path).unwrap();
    assert!(!history.active);
    let sync = &history.syncs[0];
    assert_eq!((sync.rows, sync.tables, sync.duration_ms), (0, 3, 1500));
    assert_eq!(sync.outcome, Outcome::Failed("no".into()));
    assert_eq!((sync.source.as_str(), sync.mode), ("app", Mode::Full));
    assert_eq!(sync.fate, Some(Fate::Untouched));
    assert_eq!(history.records, Records::default(), "a pull that failed moves no checkpoint");
}

#[test]
fn a_running_entry_without_a_lock_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let path = state_in(&folder);
    let (mut state, _) = State::open(&path).unwrap();
    state.begin(BEGUN).unwrap();
    drop(state);
    assert_eq!(read_history(&path).unwrap().syncs[0].outcome, Outcome::Interrupted);
    let (mut state, _) = State::open(&path).unwrap();
    let died: Vec<(Outcome, Option<Fate>)> =
        state.died().iter().map(|sync| (sync.outcome.clone(), sync.fate)).collect();
    assert_eq!(died, [(Outcome::Interrupted, Some(Fate::Untouched))]);
    let dead = state.died()[0].id.clone();
    state.note_fate(&dead, Fate::Undone);
    let next = state.begin(BEGUN).unwrap();
    state.swapping(&next).unwrap();
    drop(state);
    let (state, _) = State::open(&path).unwrap();
    let died: Vec<_> = state.died().iter().map(|sync| (sync.id.clone(), sync.fate)).collect();
    assert_eq!(died, [(next, Some(Fate::Unknown))], "who was told of is not told of again");
    assert_eq!(read_history(&path).unwrap().syncs[0].fate, Some(Fate::Undone));
}

#[test]
fn two_pulls_cannot_use_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = state_in(&folder);
    let _first = State::open(&path).unwrap();
    assert_eq!(State::open(&path).unwrap_err().kind(), Kind::Busy);
}

#[test]
fn a_damaged_file_is_set_aside() {
    for text in ["", "{", "[]", r#"{"version":1}"#, "\u{0}\u{0}"] {
        let folder = tempfile::tempdir().unwrap();
        let path = state_in(&folder);
        std::fs::write(&path, text).unwrap();
        let history = read_history(&path).unwrap();
        assert!(history.syncs.is_empty());
        assert!(history.remark.unwrap().contains(".corrupt-"), "{text:?}");
        assert!(!path.exists());
        let kept = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        assert_eq!(std::fs::read_to_string(kept).unwrap(), text);
    }
}

#[test]
fn a_newer_form_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = state_in(&folder);
    let text = r#"{"version":3,"pulls":{}}"#;
    std::fs::write(&path, text).unwrap();
    let error = State::open(&path).unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.hint_text().unwrap().contains("update backfill"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn the_last_fifty_are_kept_and_only_the_owner_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = state_in(&folder);
    let (mut state, _) = State::open(&path).unwrap();
    let ids: Vec<_> = (0..60).map(|_| state.begin(BEGUN).unwrap()).collect();
    let syncs = read_history(&path).unwrap().syncs;
    assert_eq!(syncs.len(), SYNCS_MAX);
    assert_eq!(syncs.first().unwrap().id, ids[10]);
    assert_eq!(syncs.last().unwrap().id, ids[59]);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_folder_that_is_missing_is_said_before_the_pull() {
    let folder = tempfile::tempdir().unwrap();
    let error = State::open(&folder.path().join("none/state.json")).unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.hint_text().unwrap().contains("client.state_file"));
}

#[test]
fn without_a_file_there_is_no_history() {
    let folder = tempfile::tempdir().unwrap();
    let history = read_history(&state_in(&folder)).unwrap();
    assert!(history.syncs.is_empty() && !history.active && history.remark.is_none());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

fn left(target: &str, sync: &str) -> TargetRecord {
    let table = TableRecord {
        checkpoint: Some("2026-11-22 09:59:58.5".parse().unwrap()),
        digest: "d".into(),
        columns: "c".into(),
        fingerprint: Some(Fingerprint {
            definition: "f".into(),
            created: Some(1_795_342_800),
            number: None,
            is_empty: false,
        }),
        clock: "2026-11-22 10:00:00".parse().unwrap(),
        pulled_whole: 1_795_342_800,
        sync: sync.into(),
    };
    TargetRecord {
        pair: Pair { target: target.into(), source: "uuid/app".into() },
        target_name: "localhost:3306/dev".into(),
        source_name: "app".into(),
        used: 1_795_342_800,
        tables: BTreeMap::from([("users".to_owned(), table)]),
    }
}

#[test]
fn checkpoints_are_stored_with_the_success() {
    let folder = tempfile::tempdir().unwrap();
    let path = state_in(&folder);
    let (mut state, _) = State::open(&path).unwrap();
    let id = state.begin(BEGUN).unwrap();
    assert_eq!(read_history(&path).unwrap().records, Records::default());
    let mine = left("mine", &id);
    state.complete(&id, 12, Duration::from_secs(1), mine.clone()).unwrap();
    drop(state);
    let history = read_history(&path).unwrap();
    assert_eq!(history.records.of(&mine.pair), Some(&mine));
    assert_eq!(history.last_full(BEGUN.target).unwrap().id, id);
    assert_eq!((history.syncs[0].rows, history.syncs[0].fate), (12, None));
}

#[test]
fn the_last_full_pull_brought_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = state_in(&folder);
    let (mut state, _) = State::open(&path).unwrap();
    let mut ids = Vec::new();
    for begun in [BEGUN, Begun { mode: Mode::Delta, ..BEGUN }, Begun { selected: true, ..BEGUN }] {
        let id = state.begin(begun).unwrap();
        state.complete(&id, 1, Duration::ZERO, left("mine", &id)).unwrap();
        ids.push(id);
    }
    let failed = state.begin(BEGUN).unwrap();
    state.fail(&failed, Outcome::Failed("no".into()), Some(Fate::Untouched), Duration::ZERO).unwrap();
    let history = read_history(&path).unwrap();
    assert_eq!(history.last_full(BEGUN.target).unwrap().id, ids[0]);
    assert_eq!(history.last_successful().unwrap().id, ids[2]);
}

#[test]
fn a_file_of_version_1_is_read_and_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = state_in(&folder);
    let old = r#"{"version": 1, "syncs": [{"id": "0a0b0c0d", "mode": "full", "status": "failed",
        "reason": "no", "rows": 5, "tables": 2, "started": 1795342800, "duration_ms": 900, "source": "app"}]}"#;
    std::fs::write(&path, old).unwrap();
    let (mut state, remark) = State::open(&path).unwrap();
    assert_eq!(remark, None);
    let id = state.begin(BEGUN).unwrap();
    state.complete(&id, 1, Duration::ZERO, left("mine", &id)).unwrap();
    let history = read_history(&path).unwrap();
    let sync = &history.syncs[0];
    assert_eq!((sync.id.as_str(), sync.rows, sync.fate), ("0a0b0c0d", 5, None));
    assert_eq!(sync.outcome, Outcome::Failed("no".into()));
    assert!(history.records.knows("mine", "users"));
    assert!(std::fs::read_to_string(&path).unwrap().contains("\"version\": 2"));
}
