//! That the comparison can fail: a pulled target is broken in one place, and that is told.

use super::case::{Case, Direction};
use super::{Seen, configure, differences, folder, load, pull};
use crate::harness::{Add, FLAVOURS, Servers, Site, exec, short};
use crate::oracle::Json;
use backfill::schema::Flavour;

/// What is done at the target, and how the lines begin that the comparison then tells.
const BROKEN: &[(&str, &[&str])] = &[
    (
        "UPDATE negative SET n = 1 WHERE n = 127",
        &["negative: a row is missing", "negative: a row was not there"],
    ),
    (
        "UPDATE counted SET n = 18 WHERE id = 7",
        &["counted: a row is missing", "counted: a row was not there"],
    ),
    (
        "UPDATE unique_only SET m = 0 WHERE n = 0",
        &["unique_only: a row is missing", "unique_only: a row was not there"],
    ),
    ("DELETE FROM above_signed WHERE id = 1", &["above_signed: a row is missing"]),
    // As many rows as before, of which one is there twice.
    ("UPDATE keyless SET n = 1 WHERE n < 0", &["keyless: a row is missing", "keyless: a row was not there"]),
    ("INSERT INTO empty_one VALUES (7)", &["empty_one: a row was not there"]),
    (
        "ALTER TABLE unique_only MODIFY m INT NULL DEFAULT 3",
        &["differs: unique_only: - `m`", "differs: unique_only: + `m`"],
    ),
    ("ALTER TABLE above_signed ADD KEY (n)", &["differs: above_signed: + KEY `n`"]),
    (
        "ALTER TABLE negative MODIFY n TINYINT NOT NULL FIRST",
        &["differs: negative: - columns: ", "differs: negative: + columns: "],
    ),
    (
        "ALTER TABLE keyless COMMENT = 'x'",
        &["differs: keyless: - ) ENGINE=", "differs: keyless: + ) ENGINE="],
    ),
    ("DROP TABLE counted_beside", &["differs: counted_beside: - the table"]),
    ("CREATE TABLE another (a INT)", &["differs: another: + the table"]),
];

pub fn tests(add: &mut Add<'_>) {
    for target in FLAVOURS {
        add(
            format!("cases::proof::what_differs_is_told::{}", short(target)),
            Box::new(move |servers| told(servers, target)),
        );
    }
}

fn told(servers: &Servers, target: Flavour) {
    let direction = Direction { source: Flavour::Mariadb, target };
    let case = Case::read(&folder().join("integers")).unwrap();
    let expected = case.expected(direction);
    let site = Site::new(servers, direction.source, target);
    load(&case, "source", &site.source_db, site.source_conn(), direction.source);
    let before = Seen::at(&mut site.target_conn(), &[], Json::AsStored);
    configure(&site, &case, &toml::Table::new());
    let serve = site.serve();
    pull(&site, &serve, &case, &[]).good("a pull");
    let sent = expected.sent(&site, direction);
    assert_eq!(differences(&site, direction, &expected, &sent, &before), Vec::<String>::new());
    BROKEN.iter().for_each(|(breaks, _)| exec(&mut site.target_conn(), breaks));
    let mut found = differences(&site, direction, &expected, &sent, &before);
    for (breaks, tells) in BROKEN {
        for beginning in *tells {
            let at = found.iter().position(|line| line.starts_with(beginning));
            found.remove(at.unwrap_or_else(|| panic!("{breaks}: `{beginning}` is not in {found:#?}")));
        }
    }
    assert_eq!(found, Vec::<String>::new());
}
