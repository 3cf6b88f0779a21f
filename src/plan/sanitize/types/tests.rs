use super::super::fixture::{self, rule, schema, table};
use super::super::{Facts, TableMasks, plan};
use super::*;
use crate::sql::Ident;

fn given(options: &[(&str, OptionValue)]) -> Vec<(String, OptionValue)> {
    options.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

#[test]
fn types_and_options_are_known_by_name() {
    let text = |text: &str| OptionValue::Text(text.to_owned());
    let number = OptionValue::Integer;
    for (name, options, expected) in [
        ("email", given(&[]), Ok(Mask::Email)),
        ("hash", given(&[("unusable", OptionValue::Boolean(true))]), Ok(Mask::Hash { unusable: true })),
        ("keep", given(&[("last", number(4))]), Ok(Mask::Keep(Keep { first: 0, last: 4, mask: '*' }))),
        ("shift", given(&[("days", number(30))]), Ok(Mask::Shift(Shift { days: 30 }))),
        ("noise", given(&[("percent", number(10))]), Ok(Mask::Noise(Noise { percent: 10 }))),
        ("truncate", given(&[("length", number(0))]), Ok(Mask::Truncate(Truncate { length: 0 }))),
        ("token", given(&[("length", number(20))]), Ok(Mask::Token(Token { length: 20 }))),
        ("token", given(&[("length", number(21))]), Err("has an odd `length`")),
        ("token", given(&[("length", number(10))]), Err("has `length`, which must be from 12 to 64")),
        ("emial", given(&[]), Err("has an unknown type / did you mean \"email\"?")),
        ("0123456789abcdef0123456789abcdef", given(&[]), Err("has an unknown type / types are email, name,")),
        (
            "email",
            given(&[("exlude", number(1))]),
            Err("has an unknown option `exlude` / did you mean `exclude`?"),
        ),
        (
            "email",
            given(&[("length", number(1))]),
            Err("has an unknown option `length` / options of the type `email` are exclude, where"),
        ),
        (
            "email",
            given(&[("0123456789abcdef0123456789abcdef", number(1))]),
            Err("has an unknown option / options of"),
        ),
        (
            "hash",
            given(&[("unusable", number(1))]),
            Err("has `unusable`, which must be true or false, found a number / "),
        ),
        (
            "email",
            given(&[("exclude", text("x"))]),
            Err("has `exclude`, which must be a list of strings, found a string / write it in brackets"),
        ),
        (
            "email",
            given(&[("exclude", OptionValue::List(vec![number(1)]))]),
            Err("has `exclude`, which must be a list of strings, found a number / "),
        ),
        ("shift", given(&[]), Err("has the type `shift` without `days` / write days = 30")),
        ("shift", given(&[("days", number(0))]), Err("has `days`, which must be from 1 to 3650 / ")),
        (
            "noise",
            given(&[("percent", text("5"))]),
            Err("has `percent`, which must be a whole number, found a string / write it without quotes"),
        ),
        ("keep", given(&[]), Err("has the type `keep` without `first` or `last` / ")),
        (
            "keep",
            given(&[("first", number(1)), ("mask", text("**"))]),
            Err("has `mask`, which must be one character of ASCII"),
        ),
        ("fixed", given(&[("value", OptionValue::List(Vec::new()))]), Err("has `value`, which must be")),
        ("fixed", given(&[("value", OptionValue::Decimal("nan".into()))]), Err("has `value`, which must be")),
        ("full_name", given(&[]), Ok(Mask::Invented(Invented::FullName))),
        ("pick", given(&[]), Err("has the type `pick` without `values` / write values = [")),
        (
            "pick",
            given(&[("values", text("a"))]),
            Err("must be a list of strings or numbers, found a string"),
        ),
        (
            "pick",
            given(&[("values", OptionValue::List(vec![text("a"), OptionValue::Boolean(true)]))]),
            Err("must be a list of strings or numbers, found a boolean"),
        ),
        ("pick", given(&[("values", OptionValue::List(Vec::new()))]), Err("without two different ones")),
        (
            "pick",
            given(&[("values", OptionValue::List(vec![text("a"), text("a")]))]),
            Err("without two different ones / write two at least, or use the type `fixed`"),
        ),
        (
            "pick",
            given(&[("values", OptionValue::List((0..501).map(number).collect()))]),
            Err("more than 500 entries"),
        ),
        ("sql", given(&[]), Err("has the type `sql` without `expression`")),
        ("sql", given(&[("expression", text("({column})"))]), Err("gives every value back")),
        ("email", given(&[("where", text("(SELECT 1)"))]), Err("has `where`, ")),
    ] {
        match (parse(name, &options), expected) {
            (Ok(parsed), Ok(mask)) => assert_eq!((parsed.mask.name(), parsed.mask), (name, mask)),
            (Err(refusal), Err(expected)) => {
                let found = format!("{} / {}", refusal.what, refusal.hint);
                assert!(found.contains(expected), "{name}: {found}");
            }
            (result, _) => panic!("{name}: {result:?}"),
        }
    }
}

/// The plan of one rule for that column, or what is refused.
fn planned(column: Column, type_name: &str, options: &[(&str, OptionValue)]) -> Result<TableMasks, String> {
    let rule = rule("t", &column.name, parse(type_name, &given(options)).unwrap().mask);
    let schema = schema(vec![table("t", vec![fixture::column("id", "int"), column]).key(&["id"]).done()]);
    let facts = Facts { salt: "5a17", ..Facts::default() };
    match plan(&[rule], &schema, &facts) {
        Ok(plan) => Ok(plan.for_table("t").unwrap().clone()),
        Err(error) => Err(format!("{error:?}")),
    }
}

#[test]
fn chosen_values_have_to_fit() {
    let list = |values: &[&str]| {
        let value = |text: &&str| match text.parse() {
            Ok(number) => OptionValue::Integer(number),
            Err(_) => OptionValue::Text((*text).to_owned()),
        };
        [("values", OptionValue::List(values.iter().map(value).collect()))]
    };
    let none: &[(&str, OptionValue)] = &[];
    for (column_type, type_name, options, refused) in [
        ("varchar(9)", "first_name", none, None),
        ("varchar(8)", "first_name", none, Some("holds 8 characters, results of `first_name` have up to 9")),
        ("char(19)", "full_name", none, None),
        ("char(18)", "full_name", none, Some("have up to 19")),
        ("varbinary(26)", "street", none, None),
        ("varchar(25)", "street", none, Some("have up to 26")),
        ("tinytext", "company", none, None),
        ("int", "city", none, Some("is `int`, which cannot hold")),
        ("json", "city", none, Some("is `json`, which cannot hold")),
        ("enum('a','b','c')", "pick", &list(&["a", "b"]), None),
        ("enum('a','b')", "pick", &list(&["a", "x"]), Some("one of its members; number 2 of `values`")),
        ("tinyint", "pick", &list(&["1", "127"]), None),
        ("tinyint", "pick", &list(&["1", "2", "128"]), Some("from -128 to 127; number 3 of `values`")),
        ("varchar(3)", "pick", &list(&["abc", "5"]), None),
        ("varchar(3)", "pick", &list(&["abcd", "5"]), Some("3 characters at most; number 1 of `values`")),
        ("time", "pick", &list(&["10:00:00", "11:00:00"]), Some("cannot hold results of `pick`")),
        ("varchar(13)", "ip", none, None),
        ("varchar(12)", "ip", none, Some("have up to 13")),
        ("varbinary(16)", "ip", none, None),
        ("binary(4)", "ip", none, Some("cannot hold results of `ip`")),
        ("inet6", "ip", none, None),
        ("int unsigned", "ip", none, None),
        ("bigint", "ip", none, None),
        ("int", "ip", none, Some("use INT UNSIGNED or BIGINT")),
        ("date", "ip", none, Some("is `date`")),
        ("varchar(1000)", "digits", none, None),
        ("varchar(1001)", "digits", none, Some("in columns of up to 1000")),
        ("smallint", "digits", none, None),
        ("varbinary(20)", "digits", none, Some("cannot hold results of `digits`")),
        ("decimal(10,2)", "digits", none, Some("cannot hold results of `digits`")),
    ] {
        match (planned(fixture::column("c", column_type), type_name, options), refused) {
            (Ok(_), None) => {}
            (Err(found), Some(part)) => assert!(found.contains(part), "{column_type} {type_name}: {found}"),
            (result, _) => panic!("{column_type} {type_name}: {result:?}"),
        }
    }
}

/// What is chosen of few may be what was there: then, and only then, the proof lets a value pass.
#[test]
fn chance_is_all_that_leaves_a_value() {
    let pick = [("values", OptionValue::List(vec![OptionValue::Integer(1), OptionValue::Integer(2)]))];
    let none: &[(&str, OptionValue)] = &[];
    for (column_type, type_name, options, left) in [
        ("varchar(99)", "city", none, Some("`s`.`c` IN ('Accra', 'Addis Ababa'")),
        ("varchar(99)", "full_name", none, Some("SUBSTRING_INDEX(`s`.`c`, ' ', 1) IN ('Aaliyah', ")),
        (
            "varchar(99)",
            "full_name",
            none,
            Some(" AND SUBSTR(`s`.`c`, LOCATE(' ', `s`.`c`) + 1) IN ('Abdi', "),
        ),
        ("varchar(99)", "street", none, Some(" AND (SUBSTR(`s`.`c`, LOCATE(' ', `s`.`c`) + 1) IN ('Acorn")),
        ("int", "pick", &pick, Some("`s`.`c` IN (CAST('1' AS SIGNED), CAST('2' AS SIGNED))")),
        ("float", "pick", &pick, None),
        ("varchar(99)", "ip", none, Some("`s`.`c` LIKE '%192.0.2.%' OR ")),
        ("bigint", "ip", none, Some("`s`.`c` BETWEEN 3221225984 AND 3221226239 OR ")),
        ("varbinary(16)", "ip", none, Some("LEFT(HEX(`s`.`c`), 6) = 'C00002' OR ")),
        ("varchar(20)", "digits", none, Some("LEFT(CONVERT(`s`.`c` USING utf8mb4), 64) NOT REGEXP ")),
        ("int", "digits", none, Some("`c`.`c` = `s`.`c` AND `s`.`c` IS NOT NULL AND (FALSE) IS NOT TRUE")),
    ] {
        let masks = planned(fixture::column("c", column_type), type_name, options).unwrap();
        let (proofs, _) = masks.proofs(&Ident::new("c"), &Ident::new("s"));
        match (proofs.first(), left) {
            (None, None) => {}
            (Some(proof), Some(part)) => {
                assert!(
                    proof.unmasked.sql().contains(part),
                    "{column_type} {type_name}: {:?}",
                    proof.unmasked
                );
            }
            (proof, _) => panic!("{column_type} {type_name}: {proof:?}"),
        }
    }
}

/// All of a value comes from digits of one seed that do not overlap.
#[test]
fn parts_of_a_value_are_chosen_by_other_digits() {
    let masks = planned(fixture::column("c", "varchar(99)"), "street", &[]).unwrap();
    let street = masks.select_expression("c", Refs::Bare);
    let (sql, seed) = (street.sql(), random_hex(64));
    assert!(sql.contains(&format!("CONCAT(1 + CONV(SUBSTR({seed}, 1, 8), 16, 10) % 199, ' ', ")), "{sql}");
    assert!(
        sql.contains(&format!("ELT(1 + CONV(SUBSTR({seed}, 9, 8), 16, 10) % 80, 'Acorn Puzzle Road'")),
        "{sql}"
    );
}
