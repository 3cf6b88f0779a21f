use super::*;
use crate::sql::insert::{BatchLimits, InsertBatch, Verb};
use crate::sql::literal::Form;
use crate::sql::literal::tests::cell;
use crate::sql::scan::{Expected, scan_insert};
use proptest::prelude::*;

fn column(column_type: &str, charset: Option<&str>) -> Column {
    Column { charset: charset.map(Into::into), ..Column::new("c", column_type) }
}

#[test]
fn what_comes_back_as_it_went_is_compared() {
    for (source, target, canon) in [
        ("int(11)", "bigint", Some(Canon::Number)),
        ("decimal(10,2)", "decimal(12,4)", Some(Canon::Number)),
        ("int", "varchar(20)", None),
        ("int", "double", None),
        ("float", "float", Some(Canon::Single)),
        ("float", "double", Some(Canon::Double)),
        ("double", "float", Some(Canon::Single)),
        ("float(7,2)", "float(7,2)", Some(Canon::Single)),
        ("float(7,4)", "float(7,2)", None),
        ("bit(3)", "bit(40)", Some(Canon::Bits)),
        ("bit(8)", "binary(1)", None),
        ("binary(16)", "varbinary(16)", Some(Canon::Bytes)),
        ("varbinary(16)", "binary(16)", None),
        ("binary(16)", "binary(16)", Some(Canon::Bytes)),
        ("point", "geometry", Some(Canon::Bytes)),
        ("vector(3)", "varbinary(12)", Some(Canon::Bytes)),
        ("date", "datetime", None),
        ("datetime", "timestamp(3)", Some(Canon::Time)),
        ("time", "time(6)", Some(Canon::Time)),
        ("year(4)", "year", Some(Canon::Time)),
        ("year(2)", "year", None),
        ("uuid", "uuid", Some(Canon::Bytes)),
        ("uuid", "char(36)", Some(Canon::Bytes)),
        ("inet4", "varchar(15)", Some(Canon::Bytes)),
        ("inet6", "longtext", Some(Canon::Bytes)),
        ("inet6", "varbinary(16)", None),
        ("uuid", "json", None),
        ("varchar(9)", "longtext", Some(Canon::Bytes)),
        ("varchar(9)", "char(9)", None),
        ("char(9)", "char(12)", Some(Canon::Bytes)),
        ("enum('a','b')", "enum('a','b')", Some(Canon::Bytes)),
        ("enum('a','b')", "enum('b','a')", None),
        ("enum('a')", "text", Some(Canon::Bytes)),
        ("text", "json", None),
        ("json", "json", None),
        ("json", "longtext", Some(Canon::Bytes)),
    ] {
        let found = Canon::of(&column(source, None), &column(target, None));
        assert_eq!(found, canon, "{source} into {target}");
    }
}

#[test]
fn text_is_compared_in_one_character_set() {
    for (source, target, compared) in [
        ("utf8mb3", "utf8mb4", true),
        ("latin1", "latin1", true),
        ("latin1", "utf8mb4", false),
        ("sjis", "cp932", false),
    ] {
        let canon = Canon::of(&column("text", Some(source)), &column("text", Some(target)));
        assert_eq!(canon.is_some(), compared, "{source} into {target}");
    }
    for (target, compared) in [("ascii", true), ("latin1", true), ("utf16", false)] {
        let canon = Canon::of(&column("uuid", None), &column("char(36)", Some(target)));
        assert_eq!(canon.is_some(), compared, "uuid into {target}");
    }
}

fn canonical(canon: Canon, value: &str) -> Vec<u8> {
    let mut row = b"00.".to_vec();
    row.extend_from_slice(value.as_bytes());
    canon.apply(&mut row, 3);
    row.split_off(3)
}

#[test]
fn values_that_mean_the_same_are_the_same() {
    for (canon, a, b) in [
        (Canon::Number, "0", "-0.00"),
        (Canon::Number, "007", "7.0"),
        (Canon::Number, "-0.50", "-00.5"),
        (Canon::Number, "100", "100.000"),
        (Canon::Single, "0.0105162525", "1.0516252368688583e-2"),
        (Canon::Single, "-0e0", "0"),
        (Canon::Double, "0.1e0", "1e-1"),
        (Canon::Double, "-0", "0e0"),
        (Canon::Bits, "\0\0a", "a"),
        (Canon::Time, "10:00:00.120000", "10:00:00.12"),
        (Canon::Time, "10:00:00", "10:00:00.000"),
        (Canon::Time, "-00:00:00", "00:00:00.0"),
    ] {
        assert_eq!(canonical(canon, a), canonical(canon, b).as_slice(), "{canon:?} {a} {b}");
    }
}

#[test]
fn values_that_differ_stay_different() {
    for (canon, a, b) in [
        (Canon::Number, "10", "1"),
        (Canon::Number, "1", "-1"),
        (Canon::Number, "0.05", "0.5"),
        (Canon::Number, "9007199254740993", "9007199254740992"),
        (Canon::Number, "1e1", "10"),
        (Canon::Single, "16777216", "16777218"),
        (Canon::Double, "0.1", "0.10000000000000002"),
        (Canon::Double, "x", "y"),
        (Canon::Time, "10:00:00.12", "10:00:00.012"),
        (Canon::Time, "2020-01-10", "2020-01-01"),
        (Canon::Time, "-00:00:01", "00:00:01"),
        (Canon::Bytes, "a ", "a"),
    ] {
        assert_ne!(canonical(canon, a), canonical(canon, b), "{canon:?} {a} {b}");
    }
}

fn of_rows(canons: &[Option<Canon>], values: &str) -> TableDigest {
    let mut hasher = RowHasher::new(canons.to_vec());
    hasher.statement(values);
    hasher.take()
}

#[test]
fn a_digest_knows_rows_and_not_their_order() {
    let canons = [Some(Canon::Bytes), Some(Canon::Bytes)];
    let digest = |values: &str| of_rows(&canons, values);
    let one = digest("('a','b'),\n('c',NULL);\n");
    assert_eq!(one.rows(), 2);
    assert_eq!(one, digest("('c',NULL),\n('a','b');\n"));
    assert_eq!(one, digest("('a','b');\n").and(digest("('c',NULL);\n")));
    for other in [
        "('a','b');\n",
        "('a','b'),\n('c','');\n",
        "('b','a'),\n('c',NULL);\n",
        "('ab',''),\n('c',NULL);\n",
        "('a',NULL),\n('c','b');\n",
        "('a','b'),\n('a','b');\n",
    ] {
        assert_ne!(one, digest(other), "{other}");
    }
    assert_ne!(digest("('a','b'),\n('a','b');\n"), digest("('c','d'),\n('c','d');\n"), "no pair cancels out");
}

#[test]
fn a_column_without_a_form_is_passed_over() {
    let canons = [Some(Canon::Number), None, Some(Canon::Bytes)];
    let mut read = RowHasher::new(canons.to_vec());
    read.row(|at| [Some(&b"1"[..]), Some(b"x")][at]);
    assert_eq!(of_rows(&canons, "(1,'{}','x');\n"), read.take());
    let nothing = of_rows(&[None], "(1),\n(2);\n");
    assert_eq!((nothing.rows(), nothing), (2, of_rows(&[None], "(3),\n(4);\n")));
}

proptest! {
    /// What is written for cells and the cells themselves, as they would be read back, have one digest.
    #[test]
    fn what_is_in_its_form_is_left_as_it_is(value in "[-+]?[0-9]{0,3}[.eE]?[0-9]{0,3}|.{0,6}") {
        for canon in [Canon::Number, Canon::Single, Canon::Double, Canon::Bits, Canon::Time, Canon::Bytes] {
            let mut row = value.clone().into_bytes();
            canon.apply(&mut row, 0);
            prop_assert!(!canon.is_kept(value.as_bytes()) || row == value.as_bytes(), "{canon:?}");
        }
    }

    #[test]
    fn a_statement_and_its_rows_agree(
        cells in proptest::collection::vec((cell(), any::<bool>(), any::<bool>()), 1..6),
    ) {
        let columns: Vec<_> =
            cells.iter().enumerate().map(|(at, ((form, _), ..))| (format!("c{at}"), *form)).collect();
        let canons: Vec<Option<Canon>> = cells
            .iter()
            .map(|((form, _), _, compared)| {
                let canon = match form {
                    Form::Number => Canon::Number,
                    Form::Float => Canon::Double,
                    Form::Quoted => Canon::Time,
                    _ => Canon::Bytes,
                };
                compared.then_some(canon)
            })
            .collect();
        let limits = BatchLimits { rows_max: 9, bytes_max: 1 << 20, statement_bytes_max: 1 << 20 };
        let mut batch = InsertBatch::new(Verb::Insert, "t", &columns, limits);
        let value = |at: usize| (!cells[at].1).then_some(cells[at].0.1.as_slice());
        batch.push(value).unwrap();
        let statement = batch.finish().unwrap();
        let expected = Expected::new(Verb::Insert, "t", columns.iter().map(|(name, _)| name));
        let sent = of_rows(&canons, scan_insert(&statement.sql, &expected).unwrap().values);

        let compared: Vec<usize> = (0..cells.len()).filter(|at| canons[*at].is_some()).collect();
        let mut read = RowHasher::new(canons);
        read.row(|at| value(compared[at]));
        prop_assert_eq!(sent, read.take());
    }
}
