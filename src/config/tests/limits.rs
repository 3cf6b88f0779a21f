use super::*;

#[test]
fn limits_are_read_in_the_order_of_the_file() {
    let config = serve(
        "",
        "datetime_timezone = \"+05:30\"",
        "[limits]\nlog = { max_rows = 1_000, order_by = \"created_at\", direction = \"asc\" }\n\
         cars = { all = true }\nnews = { keep_days = 30, max_rows = 0, where = \"a = ')' \" }\n\
         [limits.\"a b\"]\npercent = 2.5\n[limits.z]\npercent = 100\ndirection = \"desc\"",
    )
    .unwrap();
    assert_eq!(config.datetime_timezone, "+05:30");
    let table = |name: &str, line| Limit { table: name.to_owned(), line, ..Limit::default() };
    let expected = [
        Limit {
            max_rows: Some(1000),
            order_by: Some("created_at".to_owned()),
            direction: Direction::Asc,
            ..table("log", 11)
        },
        Limit { all: true, ..table("cars", 12) },
        Limit {
            keep_days: Some(30),
            max_rows: Some(0),
            condition: Some("a = ')' ".to_owned()),
            ..table("news", 13)
        },
        Limit { percent: Some(2.5), ..table("a b", 14) },
        Limit { percent: Some(100.0), ..table("z", 16) },
    ];
    assert_eq!(config.limits, expected);
    assert_eq!(serve("", "", "").unwrap().datetime_timezone, "+00:00");
}

#[test]
fn relations_are_read_in_the_order_of_the_file() {
    let config = serve(
        "",
        "",
        "[[relations]]\ntable = \"comments\"\ncolumns = [\"commentable_id\"]\nreferences = \"posts\"\n\
         referenced_columns = [\"id\"]\nwhen = { commentable_type = \"App\\\\Models\\\\Post\", n = -1, open = true }\n\
         [[relations]]\ntable = \"a\"\ncolumns = [\"x\", \"y\"]\nreferences = \"b\"\nreferenced_columns = [\"y\", \"x\"]",
    )
    .unwrap();
    let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = [
        Relation {
            table: "comments".to_owned(),
            columns: texts(&["commentable_id"]),
            references: "posts".to_owned(),
            referenced_columns: texts(&["id"]),
            when: vec![pair("commentable_type", "App\\Models\\Post"), pair("n", "-1"), pair("open", "1")],
            line: 10,
        },
        Relation {
            table: "a".to_owned(),
            columns: texts(&["x", "y"]),
            references: "b".to_owned(),
            referenced_columns: texts(&["y", "x"]),
            when: Vec::new(),
            line: 16,
        },
    ];
    assert_eq!(config.relations, expected);
}

#[test]
fn limits_have_known_options_that_fit_each_other() {
    let column = "must be the bare name of one column";
    let table = [
        (
            "t = 5",
            "line 2: `limits.t` must be a table of options, found an integer",
            "write TABLE = { max_rows = 1000 } below [limits]",
        ),
        ("max_rows = 5", "line 2: `limits.max_rows` must be a table of options, found an integer", ""),
        (
            "token = \"0123\"",
            "line 2: `limits.token` must be a table of options, found a string",
            "`token` belongs at the top of the file, above the first [table]",
        ),
        (
            "t = {}",
            "line 2: `limits.t` has no `max_rows`",
            "add `max_rows`, or one of `keep_days`, `where`, `percent` and `all = true`",
        ),
        ("t = { order_by = \"a\", direction = \"asc\" }", "line 2: `limits.t` has no `max_rows`", ""),
        ("t = { all = false }", "line 2: `limits.t` has no `max_rows`", ""),
        (
            "t = { all = true, max_rows = 1 }",
            "line 2: `limits.t` has `all = true` and other options, which contradict it",
            "leave the other options out, or `all`",
        ),
        (
            "t = { all = true, direction = \"asc\" }",
            "line 2: `limits.t` has `all = true` and other options, which contradict it",
            "",
        ),
        (
            "t = { max_row = 1 }",
            "line 2: `limits.t` has an unknown option `max_row`",
            "did you mean `max_rows`?",
        ),
        (
            "t = { offset = 1 }",
            "line 2: `limits.t` has an unknown option `offset`",
            "options are max_rows, order_by, direction, keep_days, where, percent, all",
        ),
        (
            "[limits.t]\nmax_rows = 1\nexclude_tables = [\"x\"]",
            "line 4: `limits.t` has an unknown option `exclude_tables`",
            "`exclude_tables` belongs at the top of the file, above the first [table]",
        ),
        ("t = { max_rows = -1 }", "line 2: `max_rows` of `limits.t` must be 0 or more", ""),
        (
            "t = { max_rows = \"9\" }",
            "line 2: `max_rows` of `limits.t` must be an integer, found a string",
            "write it without quotes",
        ),
        ("t = { max_rows = 99999999999999999999 }", "line 2: `max_rows` of `limits.t` must be 0 or more", ""),
        (
            "t = { keep_days = 0 }",
            "line 2: `keep_days` of `limits.t` must be from 1 to 36500",
            "write a number in this range",
        ),
        ("t = { keep_days = 36501 }", "line 2: `keep_days` of `limits.t` must be from 1 to 36500", ""),
        (
            "t = { keep_days = 1.5 }",
            "line 2: `keep_days` of `limits.t` must be an integer, found a decimal number",
            "",
        ),
        ("t = { percent = 0 }", "line 2: `percent` of `limits.t` must be above 0 and up to 100", ""),
        ("t = { percent = 100.1 }", "line 2: `percent` of `limits.t` must be above 0 and up to 100", ""),
        ("t = { percent = nan }", "line 2: `percent` of `limits.t` must be above 0 and up to 100", ""),
        ("t = { percent = inf }", "line 2: `percent` of `limits.t` must be above 0 and up to 100", ""),
        (
            "t = { percent = 99999999999999999999 }",
            "line 2: `percent` of `limits.t` must be above 0 and up to 100",
            "",
        ),
        ("t = { percent = \"5\" }", "line 2: `percent` of `limits.t` must be a number, found a string", ""),
        ("t = { where = \" \" }", "line 2: `where` of `limits.t` must not be empty", ""),
        ("t = { where = 1 }", "line 2: `where` of `limits.t` must be a string, found an integer", ""),
        ("t = { all = 1 }", "line 2: `all` of `limits.t` must be true or false, found an integer", ""),
        (
            "t = { max_rows = 1, direction = \"down\" }",
            "line 2: `direction` of `limits.t` must be \"asc\" or \"desc\"",
            "",
        ),
        (
            "t = { max_rows = 1, order_by = \"a DESC\" }",
            column,
            "the direction goes into `direction`; ties are broken by the primary key",
        ),
        ("t = { max_rows = 1, order_by = \"a, b\" }", column, ""),
        ("t = { max_rows = 1, order_by = \"`a`\" }", column, ""),
        (
            "t = { max_rows = 1, order_by = \"\" }",
            "line 2: `order_by` of `limits.t` is not a name that a table or column can have",
            "",
        ),
        (
            "t = { max_rows = 1, order_by = [\"a\"] }",
            "line 2: `order_by` of `limits.t` must be a string, found a list",
            "",
        ),
        (
            "t = { maxrows = 1, order_by = \"\" }",
            "line 2: `limits.t` has an unknown option `maxrows` (one more problem after this one)",
            "",
        ),
    ];
    for (limit, message, hint) in table {
        let toml = format!("[limits]\n{limit}");
        let (found, advice) = refusal(file(&toml));
        let expected = match message {
            "must be the bare name of one column" => format!("line 2: `order_by` of `limits.t` {message}"),
            _ => message.to_owned(),
        };
        assert_eq!(found, format!("backfill.toml {expected}"), "{toml}");
        assert!(hint.is_empty() || advice == hint, "{toml}: {advice}");
    }
    for (toml, message) in [
        ("limits = 1", "`limits` must be a table of tables, found an integer"),
        ("[[limits]]\nt = 1", "`limits` must be a table of tables, found a list"),
    ] {
        assert_eq!(refusal(file(toml)).0, format!("backfill.toml line 1: {message}"));
    }
}

#[test]
fn relations_have_both_ends() {
    let whole = "table = \"c\"\nreferences = \"p\"\ncolumns = [\"a\"]\nreferenced_columns = [\"id\"]\n";
    let table = [
        ("", "line 1: relation 1 has no `table` (3 more problems after this one)"),
        (
            "table = \"c\"\nreferences = \"p\"\ncolumns = [\"a\"]",
            "line 1: relation 1 has no `referenced_columns`",
        ),
        (
            "table = \"c\"\nreferences = \"p\"\ncolumns = [\"a\", \"b\"]\nreferenced_columns = [\"id\"]",
            "line 1: relation 1 has 2 columns and 1 referenced columns",
        ),
        (&format!("{whole}colums = []"), "line 6: relation 1 has an unknown option `colums`"),
        (&format!("{whole}when = {{}}"), "line 6: `when` of relation 1 must not be empty"),
        (
            &format!("{whole}when = \"a = 1\""),
            "line 6: `when` of relation 1 must be a table of columns and values, found a string",
        ),
        (
            &format!("{whole}when = {{ a = 1.5 }}"),
            "line 6: a value in `when` of relation 1 must be a string, an integer or true or false, found a decimal number",
        ),
        (&whole.replace("[\"a\"]", "[]"), "line 4: `columns` of relation 1 must not be empty"),
        (
            &whole.replace("[\"a\"]", "\"a\""),
            "line 4: `columns` of relation 1 must be a list of strings, found a string",
        ),
        (
            &whole.replace("[\"a\"]", "[\"\"]"),
            "line 4: `columns` of relation 1 has an entry that is not a name that a column can have",
        ),
        (&whole.replace("[\"a\"]", "[\"a\", \"A\"]"), "line 4: `columns` of relation 1 has a column twice"),
        (
            &whole.replace("\"p\"", "1"),
            "line 3: `references` of relation 1 must be a string, found an integer",
        ),
        (
            &format!("{whole}[[relations]]"),
            "line 6: relation 2 has no `table` (3 more problems after this one)",
        ),
    ];
    for (relation, message) in table {
        let toml = format!("[[relations]]\n{relation}");
        assert_eq!(refusal(file(&toml)).0, format!("backfill.toml {message}"), "{toml}");
    }
    for (toml, message) in [
        ("[relations]\ntable = \"a\"", "`relations` must be a list of tables, found a table"),
        ("relations = [1]", "`relations` must be a list of tables, found an integer in it"),
    ] {
        assert_eq!(refusal(file(toml)).0, format!("backfill.toml line 1: {message}"));
    }
}

#[test]
fn no_value_of_a_limit_or_relation_is_shown() {
    let secret = TOKEN;
    for toml in [
        format!("[limits]\nt = \"{secret}\""),
        format!("[limits]\nt = {{ max_rows = \"{secret}\" }}"),
        format!("[limits]\nt = {{ direction = \"{secret}\" }}"),
        format!("[limits]\nt = {{ max_rows = 1, order_by = \"{secret} desc\" }}"),
        format!("[limits]\nt = {{ \"{secret}\" = 1 }}"),
        format!("[[relations]]\ntable = [\"{secret}\"]"),
        format!("[[relations]]\n\"{secret}\" = 1"),
        format!("[[relations]]\nwhen = {{ \"{secret}\" = 1.5 }}"),
        format!("relations = [\"{secret}\"]"),
    ] {
        let (message, hint) = refusal(file(&toml));
        assert!(!message.contains(secret) && !hint.contains(secret), "{message} {hint}");
    }
}
