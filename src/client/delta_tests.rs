//! Decisions of whole pulls over records made by hand.

use super::*;
use crate::client::kept::BroughtTable;
use crate::client::state::TargetRecord;
use crate::plan::delta::Why;
use crate::schema::{Column, Flavour, Table, Version};
use crate::wire::manifest::{NotCopied, SourceIdentity, TableEntry};

const OVERLAP: Duration = Duration::from_secs(300);

fn moment(text: &str) -> Moment {
    text.parse().unwrap()
}

fn print(definition: &str) -> Fingerprint {
    Fingerprint { definition: definition.into(), created: Some(1), number: None, is_empty: false }
}

fn pulled(name: &str) -> Pulled {
    let mut table = Table::new(name, vec![Column::new("id", "int")]);
    table.primary_key = vec!["id".into()];
    Pulled {
        entry: TableEntry {
            table,
            has_timestamps: true,
            has_limit: false,
            limited: None,
            has_sanitization: false,
            sanitized_columns: Vec::new(),
            digest: "digest".into(),
            can_delta: true,
            delta_count: None,
        },
        target_name: name.to_owned(),
        columns: vec![("id".into(), "id".into())],
        is_new: false,
        lost_columns: Vec::new(),
        how: How::Whole(Why::Asked),
    }
}

fn selection(names: &[&str]) -> Selection {
    Selection { pulled: names.iter().map(|name| pulled(name)).collect(), ..Selection::default() }
}

fn manifest() -> Manifest {
    Manifest {
        protocol: 1,
        backfill: "0.1.0".into(),
        database: "app".into(),
        flavour: Flavour::Mysql,
        version: Version(8, 0, 0),
        server_time: "2026-11-22 11:00:00".into(),
        identity: SourceIdentity {
            nonce: "n".into(),
            server_uuid: Some("uuid".into()),
            server_uid: None,
            cluster_id: None,
            hostname: "db".into(),
            port: 3306,
        },
        tables: Vec::new(),
        foreign_keys: Vec::new(),
        excluded: Vec::new(),
        left_out: Vec::new(),
        table_order: Vec::new(),
        not_copied: NotCopied::default(),
        warnings: Vec::new(),
    }
}

fn pair() -> Pair {
    Pair { target: "mine".into(), source: "uuid/app".into() }
}

fn table(checkpoint: Option<&str>) -> TableRecord {
    TableRecord {
        checkpoint: checkpoint.map(moment),
        digest: "digest".into(),
        columns: pulled("x").columns_digest(),
        fingerprint: Some(print("left")),
        clock: moment("2026-11-22 10:00:00"),
        pulled_whole: 7,
        sync: "old".into(),
    }
}

fn records(pair: Pair, tables: &[(&str, TableRecord)]) -> Records {
    let mut records = Records::default();
    records.note(TargetRecord {
        pair,
        target_name: "localhost/dev".into(),
        source_name: "app".into(),
        used: 0,
        tables: tables.iter().map(|(name, table)| ((*name).to_owned(), table.clone())).collect(),
    });
    records
}

fn past(records: &Records) -> Past {
    Past::new(records, "mine".into(), OVERLAP, false)
}

fn own(names: &[&str]) -> BTreeMap<String, OwnTable> {
    let table = || OwnTable { fingerprint: print("left"), no_merge: None };
    names.iter().map(|name| ((*name).to_owned(), table())).collect()
}

fn decided(past: &Past, mut selection: Selection, own: &BTreeMap<String, OwnTable>) -> Selection {
    past.decide(&mut selection, &manifest(), &pair(), own).unwrap();
    selection
}

const AT: Option<&str> = Some("2026-11-22 10:00:00");

#[test]
fn tables_come_each_in_its_way() {
    let records = records(pair(), &[("users", table(AT)), ("tags", table(None)), ("quiet", table(AT))]);
    let mut wanted = selection(&["users", "tags", "quiet", "posts"]);
    wanted.pulled[2].entry.delta_count = Some(0);
    let own = own(&["users", "tags", "quiet", "posts"]);
    let selection = decided(&past(&records), wanted, &own);
    let hows: Vec<(&str, &How)> = selection.pulled.iter().map(|p| (p.name(), &p.how)).collect();
    assert_eq!(
        hows,
        [
            ("users", &How::Delta { after: moment("2026-11-22 09:55:00") }),
            ("tags", &How::Whole(Why::NoCheckpoint)),
            ("posts", &How::Whole(Why::First)),
        ]
    );
    assert_eq!(selection.unchanged[0].name(), "quiet");
    assert_eq!(mode(&selection), Mode::Delta);
    assert_eq!(past(&records).strangers(&selection, &own), ["posts"], "nobody pulled its rows");
}

#[test]
fn a_table_that_is_not_what_the_pull_left_comes_whole() {
    let records = records(pair(), &[("users", table(AT))]);
    let mut own = own(&["users"]);
    own.get_mut("users").unwrap().fingerprint = print("other");
    let selection = decided(&past(&records), selection(&["users"]), &own);
    assert_eq!(selection.pulled[0].how, How::Whole(Why::TargetChanged));
    assert_eq!(mode(&selection), Mode::Full);
    assert!(past(&records).strangers(&selection, &own).is_empty(), "it was pulled once");
}

#[test]
fn records_of_another_source_or_target_do_not_count() {
    let other = Pair { source: "uuid/other".into(), ..pair() };
    let past_other = past(&records(other, &[("users", table(AT))]));
    let selection_of =
        |past: &Past| decided(past, selection(&["users"]), &own(&["users"])).pulled[0].how.clone();
    assert_eq!(selection_of(&past_other), How::Whole(Why::OtherSource));
    let elsewhere = Pair { target: "other".into(), ..pair() };
    let past_elsewhere = past(&records(elsewhere, &[("users", table(AT))]));
    assert_eq!(selection_of(&past_elsewhere), How::Whole(Why::First));
    assert!(past_elsewhere.news().is_empty());
}

#[test]
fn a_full_pull_asks_for_no_news_and_brings_everything() {
    let records = records(pair(), &[("users", table(AT))]);
    let full = Past::new(&records, "mine".into(), OVERLAP, true);
    assert!(full.news().is_empty());
    assert_eq!(past(&records).news()["users"], moment("2026-11-22 09:55:00"));
    let selection = decided(&full, selection(&["users"]), &own(&["users"]));
    assert_eq!(selection.pulled[0].how, How::Whole(Why::Asked));
}

#[test]
fn what_a_delta_left_keeps_what_it_did_not_touch() {
    let records = records(
        pair(),
        &[("users", table(AT)), ("posts", table(AT)), ("audit", table(AT)), ("mine", table(AT))],
    );
    let past = past(&records);
    let selection = {
        let mut selection = selection(&["users", "posts", "tags"]);
        selection.pulled[0].how = How::Delta { after: moment("2026-11-22 09:55:00") };
        selection.pulled[1].how = How::Delta { after: moment("2026-11-22 09:55:00") };
        selection
    };
    assert_eq!(past.staying(&pair(), &selection), ["audit", "mine"]);
    let came = |rows, checkpoint: Option<&str>| BroughtTable { rows, checkpoint: checkpoint.map(moment) };
    let brought = Brought {
        clock: moment("2026-11-22 11:00:00"),
        loaded: 9,
        tables: [
            ("users".to_owned(), came(3, Some("2026-11-22 10:58:00"))),
            ("posts".to_owned(), came(0, None)),
            ("tags".to_owned(), came(5, None)),
        ]
        .into(),
    };
    let prints = |list: &[(&str, &str)]| -> BTreeMap<String, Fingerprint> {
        list.iter().map(|(name, text)| ((*name).to_owned(), print(text))).collect()
    };
    // Somebody altered `mine`; the swap made a key of `audit` anew.
    let before = prints(&[("audit", "left"), ("mine", "altered")]);
    let now = prints(&[("users", "left"), ("tags", "new"), ("audit", "with a new key"), ("mine", "altered")]);
    let left = past.left(&selection.pulled, &pair(), &brought, (&before, &now), "new");
    let of = |name: &str| {
        let TableRecord { checkpoint, pulled_whole, fingerprint, .. } = left[name].clone();
        (checkpoint.map(|c| c.to_string()), pulled_whole, fingerprint.map(|print| print.definition))
    };
    assert_eq!(of("users"), (Some("2026-11-22 10:58:00".into()), 7, Some("left".into())));
    assert_eq!(of("posts"), (AT.map(str::to_owned), 7, None), "it could not be looked at");
    assert_eq!(of("tags"), (None, 9, Some("new".into())));
    assert_eq!(of("audit"), (AT.map(str::to_owned), 7, Some("with a new key".into())));
    assert!(!left.contains_key("mine"), "its record stays as it is");
}
