//! The README says what the program does: every key, every exit code and every collation is in its tables, what it
//! says of types is shown by cases, and the grants that errors name are those that it shows.

use backfill::config::template;
use backfill::db::{Account, Endpoint, Tls};
use backfill::error::Kind;
use backfill::install::grants::{Grantee, read_only, source, target};
use backfill::plan::sanitize::{COMMON, TYPES};
use backfill::schema::collation::render_table;
use backfill::schema::{Flavour, Version};
use backfill::secret::Secret;
use backfill::source::workspace::{Home, Layout};
use libtest_mimic::Trial;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("readme::every_key_is_in_the_table", || {
            keys();
            Ok(())
        }),
        Trial::test("readme::every_type_is_in_the_table", || {
            types();
            Ok(())
        }),
        Trial::test("readme::every_exit_code_is_in_the_table", || {
            exit_codes();
            Ok(())
        }),
        Trial::test("readme::every_collation_is_in_the_table", || {
            collations();
            Ok(())
        }),
        Trial::test("readme::what_becomes_of_types_is_shown_by_cases", || {
            cases();
            Ok(())
        }),
        Trial::test("readme::errors_name_the_grants_that_it_shows", || {
            grants();
            Ok(())
        }),
        Trial::test("readme::install_prints_the_grants_that_it_shows", || {
            printed_grants();
            Ok(())
        }),
        Trial::test("readme::every_option_of_install_is_in_the_table", || {
            install_options();
            Ok(())
        }),
    ]
}

fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

/// The part of the README between two markers.
fn part(name: &str) -> String {
    let readme = readme();
    let begin = readme.find(&format!("<!-- {name} -->")).unwrap();
    let end = readme.find(&format!("<!-- /{name} -->")).unwrap();
    readme[begin..end].to_owned()
}

fn keys() {
    let table = part("keys");
    let mut section = String::new();
    let mut count = 0;
    for line in template().lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{name}.");
        }
        let Some((key, _)) = line.strip_prefix("# ").and_then(|rest| rest.split_once(" = ")) else {
            continue;
        };
        if key.contains(' ') {
            continue;
        }
        // What follows the last section are examples of rules.
        let is_key = matches!(key, "policy" | "key" | "keep" | "leak_check" | "leak_check_except");
        if section == "privacy." && !is_key {
            continue;
        }
        count += 1;
        assert!(table.contains(&format!("`{section}{key}`")), "{section}{key} is not in the README");
    }
    assert!(count > 25, "the template has {count} keys only: is this test still reading it right?");
}

/// Every type with its options is in the README's table, and named in the template.
fn types() {
    let table = part("types");
    for kind in TYPES {
        let row = table.lines().find(|line| line.starts_with(&format!("| `{}` |", kind.name)));
        let row = row.unwrap_or_else(|| panic!("{} is not in the README", kind.name));
        for option in kind.options {
            assert!(row.contains(&format!("`{}`", option.name)), "{}: {}", kind.name, option.name);
        }
        assert!(template().contains(kind.name), "{} is not in the template", kind.name);
    }
    for option in COMMON {
        assert!(table.contains(&format!("`{}`", option.name)), "{}", option.name);
    }
}

fn exit_codes() {
    let table = part("exit codes");
    let kinds = [
        Kind::Usage,
        Kind::Config,
        Kind::Guard,
        Kind::Source,
        Kind::Target,
        Kind::Privilege,
        Kind::Schema,
        Kind::Remote,
        Kind::Integrity,
        Kind::Busy,
        Kind::Hook,
        Kind::Internal,
    ];
    for kind in kinds {
        let row = format!("| {} | {}:", kind.exit_code(), format!("{kind:?}").to_lowercase());
        assert!(table.contains(&row), "{row} is not in the README");
    }
    assert!(table.contains("| 130, 143 |"));
}

fn collations() {
    let rows: Vec<String> = render_table()
        .into_iter()
        .map(|(from, to, note)| format!("| `{from}` | {to} | {note} |").replace("  ", " "))
        .collect();
    let part = part("collations");
    let shown: Vec<&str> = part.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(shown, rows, "the table should be:\n{}", rows.join("\n"));
}

/// Each line says what a value, a definition or a difference becomes, and its last cell which cases show it.
fn cases() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/cases");
    for name in ["values", "differences"] {
        let part = part(name);
        let lines: Vec<&str> = part
            .lines()
            .filter(|line| line.starts_with("| "))
            .filter(|line| !line.contains("shown by"))
            .collect();
        assert!(lines.len() > 8, "{name}: {} lines", lines.len());
        for line in lines {
            let last = line.trim_end_matches([' ', '|']).rsplit('|').next().unwrap();
            let cases: Vec<&str> = last.split(',').map(|case| case.trim().trim_matches('`')).collect();
            for case in cases {
                assert!(folder.join(case).join("case.toml").is_file(), "`{case}` is no case: {line}");
            }
        }
    }
}

/// The source's schema in the README's grants.
pub const APP: &str = "app";
/// The prepared schema for workspaces in the README's grants.
pub const WORK: &str = "backfill_work";
/// The account of `database.url` in the README's grants.
pub const MAIN: &str = "backfill";
/// The account of `temp_username` in the README's grants.
pub const TEMP: &str = "backfill_temp";

/// One way of keeping copies and what it takes, as the README has it.
#[derive(Debug, Clone)]
pub struct Way {
    /// Whether tables may have rules; without, no copies are made.
    pub rules: bool,
    /// Keys of `[server]` and their values.
    pub keys: Vec<(String, String)>,
    /// Account and what it is granted: `SELECT ON `app`.*`.
    pub grants: Vec<(String, String)>,
}

impl Way {
    /// The value of a key of `[server]`.
    pub fn key(&self, name: &str) -> Option<&str> {
        self.keys.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Every way that the README grants rights for, in its order.
pub fn ways() -> Vec<Way> {
    let part = part("grants");
    let sql = part.split("```").find_map(|block| block.strip_prefix("sql\n")).unwrap();
    let mut ways: Vec<Way> = Vec::new();
    for line in sql.lines().filter(|line| !line.is_empty()) {
        if let Some(title) = line.strip_prefix("-- ") {
            let pairs = title.split(", ").filter_map(|pair| pair.split_once(" = "));
            let keys: Vec<_> =
                pairs.map(|(key, value)| (key.to_owned(), value.trim_matches('"').to_owned())).collect();
            ways.push(Way { rules: !keys.is_empty(), keys, grants: Vec::new() });
        } else {
            ways.last_mut().unwrap().grants.push(grant(line));
        }
    }
    ways
}

/// What the README grants so that workspaces stay out of the binlog.
pub fn binlog_grant(flavour: Flavour) -> String {
    let readme = readme();
    let line = readme.lines().find(|line| line.contains(&format!("-- {flavour}"))).unwrap();
    grant(line.split(" --").next().unwrap().trim_end()).1
}

/// Account and rights of `GRANT rights TO 'account'@'localhost';`.
fn grant(line: &str) -> (String, String) {
    let (rights, account) = line.strip_prefix("GRANT ").unwrap().split_once(" TO '").unwrap();
    (account.strip_suffix("'@'localhost';").unwrap().to_owned(), rights.to_owned())
}

fn endpoint() -> Endpoint {
    Endpoint {
        host: String::new(),
        port: 0,
        socket: None,
        user: MAIN.to_owned(),
        password: Secret::new(""),
        database: APP.to_owned(),
        tls: Tls::default(),
    }
}

/// How copies are kept that way.
fn layout(way: &Way) -> Layout {
    match (way.key("temp_strategy"), way.key("temp_database")) {
        (Some("database"), None) => Layout::Schema,
        (Some("database"), Some(name)) => Layout::Shared { temp_database: name.to_owned() },
        (Some("tables"), None) => Layout::Tables,
        _ => panic!("{way:?}"),
    }
}

/// `install` prints, for each way, the statements that the README shows, in their order.
fn printed_grants() {
    let here = |user: &str| Grantee { user: user.to_owned(), host: "localhost".to_owned() };
    let readme = readme();
    for way in ways().iter().filter(|way| way.rules && !is_select(way)) {
        let account = way.key("temp_username");
        let temp = account.map(|user| Account { user: user.to_owned(), password: Secret::new("") });
        let home = Home::new(&endpoint(), layout(way), temp.as_ref()).unwrap();
        for (flavour, version) in [(Flavour::Mariadb, Version(10, 11, 0)), (Flavour::Mysql, Version(9, 7, 0))]
        {
            let printed = source(&home, &here(MAIN), account.map(here).as_ref(), Some((flavour, version)));
            let shown: Vec<String> = way
                .grants
                .iter()
                .map(|(account, rights)| format!("GRANT {rights} TO '{account}'@'localhost';"))
                .collect();
            assert_eq!(printed.needed, shown, "{way:?}");
            let useful: Vec<&str> = printed.useful.iter().map(|(_, grant)| grant.as_str()).collect();
            let binlog =
                format!("GRANT {} TO {}", binlog_grant(flavour), here(account.unwrap_or(MAIN)).sql());
            assert_eq!(
                useful,
                [format!("{binlog};").as_str(), "GRANT PROCESS ON *.* TO 'backfill'@'localhost';"]
            );
            assert!(readme.contains(useful[1]));
        }
    }
    let select = ways().into_iter().find(is_select).unwrap();
    let shown = format!("GRANT {} TO '{MAIN}'@'localhost';", select.grants[0].1);
    assert_eq!((read_only(APP, &here(MAIN), None).needed, select.grants.len()), (vec![shown], 1));
    for grant in target(APP, &here("dev")) {
        assert!(readme.contains(&format!("{grant}\n")), "{grant}");
    }
}

/// Every flag that `install --help` has of its own.
fn install_options() {
    let help =
        std::process::Command::new(env!("CARGO_BIN_EXE_backfill")).args(["install", "--help"]).output();
    let help = String::from_utf8(help.unwrap().stdout).unwrap();
    let own = help.split("Options of every command").next().unwrap();
    let flags: Vec<&str> = own
        .lines()
        .filter_map(|line| {
            line.trim_start().strip_prefix("-y, ").unwrap_or(line.trim_start()).split_whitespace().next()
        })
        .filter(|word| word.starts_with("--") && !matches!(*word, "--print-config" | "--help"))
        .collect();
    assert!(flags.len() > 10, "{flags:?}");
    let readme = readme();
    let section = &readme[readme.find("## Install").unwrap()..readme.find("## What a rule makes").unwrap()];
    for flag in flags {
        assert!(section.contains(&format!("`{flag}")), "{flag} is not in the README");
    }
}

/// Nothing is written, so there is no home for workspaces to ask.
fn is_select(way: &Way) -> bool {
    way.key("temp_strategy") == Some("select")
}

/// Errors name the grants that the README shows, no more and no less.
fn grants() {
    let source = endpoint();
    let ways = ways();
    assert!(ways.len() > 4 && !ways[0].rules, "{ways:?}");
    for way in ways.iter().filter(|way| way.rules && !is_select(way)) {
        let writer = way.key("temp_username").unwrap_or(MAIN);
        let account = Account { user: writer.to_owned(), password: source.password.clone() };
        let home = Home::new(&source, layout(way), Some(&account)).unwrap();
        let shown: Vec<String> = way
            .grants
            .iter()
            .filter(|(account, _)| account == writer)
            .map(|(_, rights)| format!("GRANT {rights}"))
            .collect();
        assert_eq!(shown, home.grants(), "{way:?}");
        if writer != MAIN {
            let main = way.grants.iter().find(|(account, _)| account == MAIN).unwrap();
            assert_eq!(main.1, ways[0].grants[0].1, "{way:?}");
        }
    }
}
