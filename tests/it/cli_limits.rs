//! Limits through the real binary: what is refused at start, and what is said.

use crate::harness::{Add, FLAVOURS, Site, exec, short, wait_for};
use backfill::schema::Flavour;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("cli_limits::what_does_not_fit_is_refused_at_start::{}", short(flavour)),
            Box::new(move |servers| refused_at_start(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("cli_limits::what_is_not_followed_is_listed::{}", short(flavour)),
            Box::new(move |servers| listed(&Site::new(servers, flavour, flavour), flavour)),
        );
    }
}

const OPEN: &str = "[privacy]\npolicy = \"open\"\n";

fn shop(site: &Site<'_>) {
    let mut conn = site.source_conn();
    for statement in [
        "CREATE TABLE users (id INT NOT NULL PRIMARY KEY, mail VARCHAR(90) NOT NULL, created_at DATETIME NULL) ENGINE=InnoDB",
        "CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, user_id INT NULL, status VARCHAR(9) NOT NULL, placed_at TIMESTAMP NULL, \
         CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users (id)) ENGINE=InnoDB",
        "CREATE TABLE comments (id INT NOT NULL PRIMARY KEY, about_id INT NOT NULL, about_type VARCHAR(40) NOT NULL) ENGINE=InnoDB",
        "CREATE TABLE lines_of_log (at DATETIME NULL, line VARCHAR(90) NOT NULL) ENGINE=InnoDB",
    ] {
        exec(&mut conn, statement);
    }
}

/// Each has the place, the thing and what to do.
fn refused_at_start(site: &Site<'_>) {
    shop(site);
    let relation = |rest: &str| {
        format!(
            "[[relations]]\ntable = \"comments\"\ncolumns = [\"about_id\"]\nreferenced_columns = [\"id\"]\n{rest}"
        )
    };
    for (config, expected) in [
        (
            "[limits]\nusers = { max_row = 1 }".to_owned(),
            vec![
                "backfill.toml line 12: `limits.users` has an unknown option `max_row`",
                "did you mean `max_rows`?",
            ],
        ),
        (
            "[limits]\nusers = { order_by = \"id\" }".to_owned(),
            vec!["line 12: `limits.users` has no `max_rows`", "`all = true`"],
        ),
        (
            "[limits]\nuser = { max_rows = 1 }\nlines_of_log = { max_rows = 5 }".to_owned(),
            vec![
                "2 limits and relations cannot be applied:",
                "[limits] user: there is no table `user`; did you mean `users`?",
                "[limits] lines_of_log: table `lines_of_log` has no primary key to order by (add `order_by`",
            ],
        ),
        (
            "[limits]\norders = { keep_days = 3 }".to_owned(),
            vec![
                "[limits] orders: `keep_days` goes by `created_at`, and table `orders` has no such column",
                "`order_by`",
            ],
        ),
        (
            "[limits]\nusers = { where = \"mail LIKE 'x') -- \" }".to_owned(),
            vec!["[limits] users: `where` has a parenthesis without its other half"],
        ),
        (
            "[limits]\nusers = { where = \"nothing = 1\" }".to_owned(),
            vec![
                "`where` of [limits] users cannot be asked of table `users`",
                "1054",
                "nothing",
                "correct the condition",
            ],
        ),
        (
            "[limits]\nusers = { where = \"mail = 'geheim' AND\" }".to_owned(),
            vec!["`where` of [limits] users cannot be asked of table `users`", "1064", "…"],
        ),
        (
            "[limits]\nusers = { where = \"id IN (SELECT user_id FROM orders)\" }".to_owned(),
            vec![
                "`where` of [limits] users cannot be asked of table `users`",
                "1046",
                "named with their database",
            ],
        ),
        (
            "[limits]\nusers = { where = \"COUNT(*) > 1\" }".to_owned(),
            vec!["`where` of [limits] users cannot be asked of table `users`", "1111"],
        ),
        (
            relation("references = \"user\""),
            vec!["relation 1: there is no table `user`; did you mean `users`?"],
        ),
        (
            relation("references = \"users\"\nwhen = { about_typ = \"User\" }"),
            vec!["relation 1: table `comments` has no column `about_typ`; did you mean `about_type`?"],
        ),
        (
            relation("references = \"lines_of_log\"").replace("[\"id\"]", "[\"at\"]"),
            vec!["relation 1: `at` of table `lines_of_log` is neither its primary key nor a unique key"],
        ),
    ] {
        site.configure_server("", &format!("{OPEN}{config}"));
        let (code, output) = site.serve_refused();
        assert_eq!(code, 3, "{config}\n{output}");
        for part in expected {
            assert!(output.contains(part), "{part} is not in\n{output}");
        }
        assert!(!output.contains("geheim"), "{output}");
    }
}

/// What limits do not follow is said at start; conditions are asked of the server as they stand.
fn listed(site: &Site<'_>, flavour: Flavour) {
    shop(site);
    let mut conn = site.source_conn();
    exec(
        &mut conn,
        "CREATE TABLE jobs (id INT NOT NULL PRIMARY KEY, order_id INT NULL, CONSTRAINT jobs_order FOREIGN KEY (order_id) REFERENCES orders (id)) ENGINE=InnoDB",
    );
    let sequence = flavour == Flavour::Mariadb;
    if sequence {
        exec(&mut conn, "CREATE SEQUENCE numbers");
    }
    let config = |exclude: &str, limits: &str| {
        format!(
            "{exclude}\n{OPEN}[limits]\n{limits}\norders_gone = {{ max_rows = 1 }}\n[[relations]]\ntable = \"comments\"\ncolumns = [\"about_id\"]\n\
             references = \"orders\"\nreferenced_columns = [\"id\"]\nwhen = {{ about_type = \"App\\\\Models\\\\Order\" }}\n\
             [[relations]]\ntable = \"orders\"\ncolumns = [\"user_id\"]\nreferences = \"users\"\nreferenced_columns = [\"id\"]\n"
        )
    };
    let condition = format!(
        "users = {{ where = \"mail LIKE '%@example.com' OR id IN (SELECT user_id FROM {}.orders)\", max_rows = 5 }}",
        site.source_db
    );
    site.configure_server("", &config("exclude_tables = [\"orders*\"]", &condition));
    let log = started_saying(
        site,
        &[
            "foreign key `jobs_order` of `jobs` leads to `orders`, which is not served: it neither restricts rows nor pulls any in",
            "relation 1 of `comments` is not followed: `orders` is excluded",
        ],
    );
    assert!(!log.contains("relation 2"), "{log}");

    let limits = if sequence { "numbers = { max_rows = 1 }" } else { "" };
    site.configure_server("", &config("exclude_tables = [\"orders_*\"]", limits));
    let needless = "relation 2 of `orders` is not needed: the foreign key `orders_user` says the same";
    let log = started_saying(site, &[needless]);
    assert!(!log.contains("jobs_order") && !log.contains("relation 1"), "{log}");
}

/// Starts a server that has to say these things; gives its log.
fn started_saying(site: &Site<'_>, parts: &[&str]) -> String {
    let serve = site.serve();
    for part in parts {
        wait_for(part, || serve.log().contains(part));
    }
    serve.log()
}
