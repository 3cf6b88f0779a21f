use super::*;
use crate::schema::{Index, IndexKind, IndexPart};
use crate::sql::{WorkspaceName, WorkspaceTable};
use proptest::prelude::*;

pub(in crate::schema) fn column(name: &str, column_type: &str) -> Column {
    let column = Column::new(name, column_type);
    let text = column.is_text() || matches!(column.data_type.as_str(), "enum" | "set");
    Column {
        charset: text.then(|| "utf8mb4".to_owned()),
        collation: text.then(|| "utf8mb4_general_ci".to_owned()),
        ..column
    }
}

pub(in crate::schema) fn table(columns: Vec<Column>) -> Table {
    Table::new("t", columns)
}

pub(in crate::schema) fn index(name: &str, unique: bool, columns: &[&str]) -> Index {
    let part = |name: &&str| IndexPart {
        column: Some((*name).to_owned()),
        expression: None,
        prefix: None,
        descending: false,
    };
    Index { name: name.to_owned(), unique, kind: IndexKind::Btree, parts: columns.iter().map(part).collect() }
}

fn check(name: &str, expression: &str) -> Check {
    Check { name: name.to_owned(), expression: expression.to_owned() }
}

const MYSQL: (Flavour, Version) = (Flavour::Mysql, Version(9, 7, 0));
const MYSQL_5: (Flavour, Version) = (Flavour::Mysql, Version(5, 7, 44));
const MARIA: (Flavour, Version) = (Flavour::Mariadb, Version(10, 11, 0));

fn create(table: &Table, target: (Flavour, Version)) -> CreateTable {
    create_table_with_notes(table, &TableName::bare("t"), Flavour::Mariadb, target).unwrap()
}

#[test]
fn a_table_is_written_whole() {
    let mut id = column("id", "bigint(20) unsigned");
    id.auto_increment = true;
    let mut email = column("e`mail", "varchar(100)");
    email.comment = "it's; \\".to_owned();
    email.default = Some("'o''neil'".to_owned());
    let mut upper = column("upper", "varchar(100)");
    upper.generated = Generated::Virtual;
    upper.expression = Some("ucase(`e``mail`)".to_owned());
    let mut at = column("at", "datetime(3)");
    at.default = Some("current_timestamp()".to_owned());
    at.on_update = Some("current_timestamp(3)".to_owned());
    let mut table = table(vec![id, email, upper, at]);
    table.primary_key = vec!["id".to_owned()];
    table.indexes = vec![index("mail", true, &["e`mail"])];
    table.checks = vec![check("CONSTRAINT_1", "`id` > 0"), check("named", "`id` < 9")];
    table.comment = "x".to_owned();
    let expected = "CREATE TABLE `t` (\n  \
        `id` bigint unsigned NOT NULL AUTO_INCREMENT,\n  \
        `e``mail` varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL DEFAULT 'o''neil' \
        COMMENT 'it''s; \\\\',\n  \
        `upper` varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci GENERATED ALWAYS AS \
        (ucase(`e``mail`)) VIRTUAL NOT NULL,\n  \
        `at` datetime(3) NOT NULL DEFAULT current_timestamp(3) ON UPDATE current_timestamp(3),\n  \
        PRIMARY KEY (`id`),\n  \
        UNIQUE KEY `mail` (`e``mail`),\n  \
        CHECK (`id` > 0),\n  \
        CHECK (`id` < 9)\n\
        ) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci COMMENT='x'";
    assert_eq!(create(&table, MYSQL).sql, expected);
    assert!(create(&table, MARIA).sql.contains("CONSTRAINT `named` CHECK (`id` < 9)"));
}

#[test]
fn defaults_are_written_as_each_target_wants_them() {
    let cases = [
        ("text", "'a'", MYSQL, Some("DEFAULT ('a')")),
        ("text", "'a'", MARIA, Some("DEFAULT 'a'")),
        ("text", "'a'", MYSQL_5, None),
        ("char(36)", "(uuid())", MYSQL, Some("DEFAULT (uuid())")),
        ("char(36)", "(uuid())", MYSQL_5, None),
        ("date", "current_timestamp()", MYSQL, Some("DEFAULT (current_timestamp())")),
        ("datetime", "current_timestamp()", MYSQL_5, Some("DEFAULT current_timestamp()")),
        ("int", "(nextval(`s`))", MARIA, None),
        ("int", "5", MYSQL, Some("DEFAULT 5")),
        ("bit(3)", "b'101'", MYSQL, Some("DEFAULT b'101'")),
        ("varbinary(3)", "0x6162", MARIA, Some("DEFAULT 0x6162")),
    ];
    for (column_type, default, target, expected) in cases {
        let mut column = column("c", column_type);
        column.default = Some(default.to_owned());
        let created = create(&table(vec![column]), target);
        match expected {
            Some(expected) => assert!(created.sql.contains(expected), "{default}: {}", created.sql),
            None => {
                assert!(!created.sql.contains(" DEFAULT ("), "{default}: {}", created.sql);
                assert_eq!(created.notes, ["column `c`: its default cannot be kept"]);
            }
        }
    }
}

#[test]
fn what_could_leave_its_place_is_refused_by_name() {
    type Spoil = fn(&mut Table);
    let spoiled: [(&str, Spoil); 9] = [
        ("column `c`", |t| t.columns[0].column_type = "int) ENGINE=CONNECT -- ".to_owned()),
        ("column `c`", |t| t.columns[0].default = Some("(1)) ENGINE=CONNECT -- (".to_owned())),
        ("column `c`", |t| t.columns[0].default = Some("1 COMMENT 'x'; DROP TABLE y".to_owned())),
        ("column `c`", |t| t.columns[0].on_update = Some("current_timestamp() , x int".to_owned())),
        ("column `c`", |t| {
            t.columns[0].generated = Generated::Stored;
            t.columns[0].expression = Some("load_file('/etc/passwd')".to_owned());
        }),
        ("check `k`", |t| t.checks = vec![check("k", "1) ENGINE=MERGE -- ")]),
        ("index `i`", |t| t.indexes = vec![index("i", true, &["missing"])]),
        ("primary key", |t| t.primary_key = vec!["missing".to_owned()]),
        ("collation", |t| t.collation = "utf8mb4_bin ENGINE=CONNECT".to_owned()),
    ];
    for (named, spoil) in spoiled {
        let mut table = table(vec![column("c", "int")]);
        spoil(&mut table);
        let error = create_table(&table, &TableName::bare("t"), Flavour::Mysql, MYSQL).unwrap_err();
        assert_eq!(error.kind(), Kind::Schema, "{error}");
        assert!(error.what().contains("table `t`") && error.what().contains(named), "{named}: {error}");
    }
}

#[test]
fn the_engine_is_innodb_whatever_the_source_says() {
    let mut table = table(vec![column("c", "int")]);
    table.engine = "CONNECT CONNECTION='x'".to_owned();
    table.kind = TableKind::SystemVersioned;
    table.partitioned = true;
    let created = create(&table, MARIA);
    assert!(created.sql.contains("ENGINE=InnoDB") && !created.sql.contains("CONNECT"));
    assert_eq!(created.notes.len(), 3);
}

#[test]
fn json_checks_and_row_periods_are_left_out() {
    let mut json = column("j", "longtext");
    json.data_type = "json".to_owned();
    let mut start = column("rs", "timestamp(6)");
    start.generated = Generated::Stored;
    start.expression = Some("ROW START".to_owned());
    let mut table = table(vec![json, start]);
    table.checks = vec![check("j", "json_valid(`j`)")];
    let created = create(&table, MYSQL);
    assert!(created.sql.contains("`j` json NOT NULL\n"), "{}", created.sql);
    assert!(!created.sql.contains("rs") && !created.sql.contains("CHECK"));
}

#[test]
fn keys_that_the_target_lacks_are_noted_or_bent() {
    let mut counter = column("n", "int");
    counter.auto_increment = true;
    let mut table = table(vec![column("body", "text"), counter]);
    table.primary_key = vec!["body".to_owned()];
    table.indexes = vec![index("long", true, &["body"])];
    table.indexes.push(Index {
        parts: vec![IndexPart {
            column: None,
            expression: Some("lower(`body`)".to_owned()),
            prefix: None,
            descending: true,
        }],
        ..index("fun", false, &[])
    });
    let maria = create(&table, MARIA);
    assert!(maria.sql.contains("PRIMARY KEY (`body`(768))"), "{}", maria.sql);
    assert!(maria.sql.contains("UNIQUE KEY `long` (`body`)") && maria.sql.contains("KEY (`n`)"));
    assert_eq!(maria.notes.len(), 1);
    let mysql = create(&table, MYSQL);
    assert!(mysql.sql.contains("KEY `fun` ((lower(`body`)) DESC)") && !mysql.sql.contains("`long`"));
}

#[test]
fn what_one_family_has_stays_inside_it() {
    let mut table = table(vec![column("k", "varchar(90)"), column("n", "int")]);
    table.name = "t".to_owned();
    table.primary_key = vec!["k".to_owned()];
    table.primary_prefixes.insert("k".to_owned(), 9);
    table.indexes = vec![index("by_n", false, &["n"])];
    table.index_comments.insert("by_n".to_owned(), "it's".to_owned());
    table.hidden_indexes = vec!["by_n".to_owned()];
    table.checks = vec![check("CONSTRAINT_2", "`n` > 2"), check("n", "`n` > 1"), check("t_chk_7", "`n` > 7")];
    table.unenforced_checks = vec![check("later", "`n` > 3")];
    let write =
        |source, target| create_table_with_notes(&table, &TableName::bare("t"), source, target).unwrap();
    let maria = write(Flavour::Mariadb, MARIA);
    for part in [
        "`n` int NOT NULL CHECK (`n` > 1),\n",
        "PRIMARY KEY (`k`(9))",
        "KEY `by_n` (`n`) COMMENT 'it''s' IGNORED",
        "CONSTRAINT `CONSTRAINT_2` CHECK (`n` > 2)",
    ] {
        assert!(maria.sql.contains(part), "{part}: {}", maria.sql);
    }
    assert_eq!(maria.notes, ["check `later` is left out: it is not enforced"]);
    let mysql = write(Flavour::Mysql, MYSQL);
    for part in [
        "KEY `by_n` (`n`) COMMENT 'it''s' INVISIBLE",
        "CONSTRAINT `t_chk_7` CHECK (`n` > 7)",
        "CONSTRAINT `later` CHECK (`n` > 3) NOT ENFORCED",
    ] {
        assert!(mysql.sql.contains(part), "{part}: {}", mysql.sql);
    }
    assert!(write(Flavour::Mysql, MARIA).sql.contains("\n  CHECK (`n` > 7)"), "a name that MySQL made up");
    let old = write(Flavour::Mysql, MYSQL_5);
    assert!(
        old.notes.contains(&"index `by_n` becomes visible to the optimizer".to_owned()),
        "{:?}",
        old.notes
    );
}

#[test]
fn a_check_of_a_table_with_a_long_name_gets_one_that_fits() {
    let name = "é".repeat(NAME_MAX);
    let mut table = table(vec![column("c", "int")]);
    table.name.clone_from(&name);
    table.checks = vec![check("a", "`c` > 1"), check("b", "`c` > 2")];
    let sql = create(&table, MYSQL).sql;
    let names: Vec<&str> =
        sql.lines().filter_map(|line| line.trim().strip_prefix("CONSTRAINT `")?.split('`').next()).collect();
    assert_eq!(names.len(), 2, "{sql}");
    assert!(names[0] != names[1] && names.iter().all(|name| name.chars().count() == NAME_MAX), "{names:?}");
}

#[test]
fn keys_too_long_for_the_target_are_left_out() {
    let mut url = column("url", "varchar(1000)");
    url.max_length = Some(1000);
    let mut table = table(vec![url]);
    table.indexes = vec![index("u", true, &["url"])];
    assert!(create(&table, MARIA).sql.contains("UNIQUE KEY `u` (`url`)"));
    let mysql = create(&table, MYSQL);
    assert!(!mysql.sql.contains("`u`"), "{}", mysql.sql);
    assert_eq!(mysql.notes, ["index `u` is left out: the target cannot index so long a column"]);
}

#[test]
fn a_workspace_table_holds_rows_and_nothing_that_changes_them() {
    let mut id = column("id", "bigint(20) unsigned");
    id.auto_increment = true;
    let mut at = column("at", "timestamp");
    at.on_update = Some("current_timestamp()".to_owned());
    at.default = Some("current_timestamp()".to_owned());
    let mut twice = column("twice", "int");
    twice.generated = Generated::Virtual;
    twice.expression = Some("`id` * 2".to_owned());
    let mut table = table(vec![id, column("name", "varchar(9)"), at, twice]);
    table.primary_key = vec!["id".to_owned()];
    table.indexes = vec![index("by_name", false, &["name"]), index("by_twice", false, &["twice"])];
    table.checks = vec![check("k", "`id` > 0")];
    let name = WorkspaceTable::inside(&WorkspaceName::new(7, 1), "t");
    let options = WorkspaceOptions {
        indexes: &["by_name"],
        checks: &["k"],
        row_number: Some("_row"),
        ..WorkspaceOptions::default()
    };
    assert_eq!(
        workspace_table(&table, &name, Flavour::Mysql, &options).unwrap().to_string(),
        "CREATE TABLE `_backfill_temp_7_00000001`.`t` (\n  \
        `_row` bigint unsigned NOT NULL AUTO_INCREMENT,\n  \
        `id` bigint(20) unsigned NOT NULL,\n  \
        `name` varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL,\n  \
        `at` timestamp NOT NULL DEFAULT '2000-01-01 00:00:00',\n  \
        PRIMARY KEY (`id`),\n  \
        UNIQUE KEY (`_row`),\n  \
        KEY `by_name` (`name`),\n  \
        CHECK (`id` > 0)\n\
        ) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
    );
    for bad in [
        WorkspaceOptions { indexes: &["by_twice"], ..WorkspaceOptions::default() },
        WorkspaceOptions { indexes: &["none"], ..WorkspaceOptions::default() },
        WorkspaceOptions { checks: &["none"], ..WorkspaceOptions::default() },
        WorkspaceOptions { row_number: Some("NAME"), ..WorkspaceOptions::default() },
        WorkspaceOptions { key: Some(&["twice".to_owned()]), ..WorkspaceOptions::default() },
    ] {
        assert!(workspace_table(&table, &name, Flavour::Mysql, &bad).is_err(), "{bad:?}");
    }
}

proptest! {
    /// Whatever an expression is, a statement with it has its parentheses, quotes and end where ours are.
    #[test]
    fn no_expression_leaves_its_place(text in "[()'\"`;#a\\\\*/ -]{1,16}") {
        let mut table = table(vec![column("c", "int")]);
        table.checks = vec![check("k", &text)];
        if let Ok(sql) = create_table(&table, &TableName::bare("t"), Flavour::Mysql, MYSQL) {
            let body = sql.strip_prefix("CREATE TABLE `t` (").and_then(|rest| {
                rest.strip_suffix(") ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
            });
            prop_assert!(check_closed(body.unwrap_or("")).is_ok(), "{}", sql);
        }
    }
}
