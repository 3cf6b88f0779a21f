use super::*;
use crate::sql::WorkspaceName;

fn key(columns: &[&str]) -> WalkKey {
    WalkKey { index: "PRIMARY".into(), columns: columns.iter().map(ToString::to_string).collect() }
}

fn bound(literals: &[&str]) -> Option<Bound> {
    Some(Bound(literals.iter().map(ToString::to_string).collect()))
}

#[test]
fn ranges_are_open_below_and_closed_above() {
    let table = [
        (key(&["a"]), bound(&["1"]), bound(&["9"]), "(`a` > 1) AND (`a` <= 9)"),
        (key(&["a"]), None, bound(&["9"]), "`a` <= 9"),
        (key(&["a", "b"]), bound(&["1", "'x'"]), None, "(`a` > 1) OR (`a` = 1 AND `b` > 'x')"),
        (key(&["a", "b"]), None, bound(&["1", "2"]), "(`a` < 1) OR (`a` = 1 AND `b` <= 2)"),
        (
            key(&["a", "b", "c"]),
            bound(&["1", "2", "3"]),
            None,
            "(`a` > 1) OR (`a` = 1 AND `b` > 2) OR (`a` = 1 AND `b` = 2 AND `c` > 3)",
        ),
    ];
    for (key, after, up_to, expected) in table {
        assert_eq!(key.condition(&Range { after, up_to }).as_deref(), Some(expected));
    }
    assert_eq!(key(&["a"]).condition(&Range::default()), None);
}

#[test]
fn statements_render() {
    let step = Select::step(
        TableName::qualified("app", "t"),
        ["`a`", "`f`*1e0"].into(),
        &key(&["a"]),
        Range { after: bound(&["7"]), up_to: None },
        10,
    );
    let text =
        "SELECT `a`, `f`*1e0 FROM `app`.`t` FORCE INDEX (`PRIMARY`) WHERE `a` > 7 ORDER BY `a` LIMIT 10";
    assert_eq!(step.to_string(), text);
    let copy = InsertSelect {
        into: WorkspaceTable::inside(&WorkspaceName::new(7, 1), "t"),
        columns: vec!["a".into(), "f".into()],
        select: step,
        ignore: false,
    };
    let into = "INTO `_backfill_temp_7_00000001`.`t` (`a`, `f`)";
    assert_eq!(copy.to_string(), format!("INSERT {into} {text}"));
    let ignoring = InsertSelect { ignore: true, ..copy };
    assert_eq!(ignoring.to_string(), format!("INSERT IGNORE {into} {text}"));
}

#[test]
fn walks_from_the_end_turn_the_comparison_around() {
    let select = Select {
        descending: true,
        conditions: vec!["`t`.`b` IS NOT NULL".into(), "x = 1 OR y = 1".into()],
        alias: Some("t".into()),
        ..Select::step(
            TableName::qualified("app", "t"),
            ["1"].into(),
            &key(&["b", "a"]),
            Range { after: bound(&["7", "8"]), up_to: bound(&["1", "2"]) },
            3,
        )
    };
    assert_eq!(
        select.to_string(),
        "SELECT 1 FROM `app`.`t` AS `t` FORCE INDEX (`PRIMARY`) WHERE \
         (((`t`.`b` < 7) OR (`t`.`b` = 7 AND `t`.`a` < 8)) AND ((`t`.`b` > 1) OR (`t`.`b` = 1 AND `t`.`a` >= 2))) \
         AND (`t`.`b` IS NOT NULL) AND (x = 1 OR y = 1) ORDER BY `t`.`b` DESC, `t`.`a` DESC LIMIT 3"
    );
}

#[test]
fn a_scan_uses_no_index() {
    let scan = Select { scan: true, ..Select::all(TableName::qualified("app", "t"), ["`a`"].into()) };
    assert_eq!(scan.to_string(), "SELECT `a` FROM `app`.`t` USE INDEX ()");
}

#[test]
fn joins_render_inside_out() {
    let inner = Join {
        kind: JoinKind::Left,
        table: TableName::bare("r"),
        alias: "r".into(),
        index: None,
        on: vec!["r.a = o.a".into()],
        inner: None,
    };
    let outer = Join {
        table: TableName::bare("o"),
        alias: "o".into(),
        index: Some("i".into()),
        on: vec!["o.x = t.x".into(), "r.a IS NULL".into()],
        inner: Some(Box::new(inner.clone())),
        ..inner
    };
    let straight = Join {
        kind: JoinKind::Straight,
        alias: "p".into(),
        index: None,
        inner: None,
        on: vec!["1".into()],
        ..outer.clone()
    };
    assert_eq!(
        outer.to_string(),
        " LEFT JOIN (`o` AS `o` FORCE INDEX (`i`) LEFT JOIN `r` AS `r` ON r.a = o.a) ON o.x = t.x AND r.a IS NULL"
    );
    assert_eq!(straight.to_string(), " STRAIGHT_JOIN `o` AS `p` ON 1");
}
