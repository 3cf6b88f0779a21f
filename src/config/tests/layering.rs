use super::*;
use crate::db::TlsMode;
use crate::secret::Secret;
use std::time::Duration;

type Pairs<'a> = &'a [(&'a str, &'a str)];

#[test]
fn a_higher_layer_wins_whatever_its_name_and_inside_a_layer_the_specific_name() {
    let toml = "environment = \"file\"";
    let table: [(Pairs<'_>, &str, &str, &str, &str); 8] = [
        (&[], "", toml, "file", "`environment` (backfill.toml line 1)"),
        (&[], "", "", "production", "default"),
        (&[], "RAILS_ENV=dotenv", toml, "dotenv", "`RAILS_ENV` in .env"),
        (&[("RAILS_ENV", "env")], "BACKFILL_ENV=dotenv", toml, "env", "`RAILS_ENV`"),
        (&[("RAILS_ENV", "r"), ("APP_ENV", "a")], "", toml, "a", "`APP_ENV`"),
        (&[("RAILS_ENV", "r"), ("APP_ENV", "a"), ("BACKFILL_ENV", "b")], "", toml, "b", "`BACKFILL_ENV`"),
        (&[("BACKFILL_ENV", ""), ("APP_ENV", "a")], "", toml, "a", "`APP_ENV`"),
        (
            &[("BACKFILL_ENV", "")],
            "APP_ENV=\nRAILS_ENV=",
            toml,
            "file",
            "`environment` (backfill.toml line 1)",
        ),
    ];
    for (environment, dot_env, toml, name, origin) in table {
        let found =
            Given { toml, dot_env, environment, ..Given::default() }.load().unwrap().environment().unwrap();
        assert_eq!((found.name.as_str(), found.origin.as_str()), (name, origin), "{environment:?} {dot_env}");
    }
}

#[test]
fn flags_win_over_the_file() {
    let overrides =
        Overrides { bind: Some("127.0.0.1:1".parse().unwrap()), threads: Some(3), parallel: Some(2) };
    let toml = format!(
        "token = \"{TOKEN}\"\n[database]\nurl = \"mysql://u@h/d\"\n[server]\nenabled = true\nthreads = 5\n\
         bind = \"127.0.0.1:9\"\n[client]\nsource_url = \"https://a.example\"\nparallel = 9\n[privacy]\npolicy = \"open\""
    );
    let config = Given { toml: &toml, overrides, ..Given::default() }.load().unwrap();
    let serve = config.serve().unwrap();
    assert_eq!((serve.bind.port(), serve.threads), (1, 3));
    assert_eq!(config.pull().unwrap().parallel, 2);
    let config = file(&toml).unwrap();
    let serve = config.serve().unwrap();
    assert_eq!((serve.bind.port(), serve.threads), (9, 5));
    assert_eq!(config.pull().unwrap().parallel, 9);
}

#[test]
fn variables_reach_their_settings() {
    let given = [
        ("BACKFILL_TOKEN", TOKEN),
        ("BACKFILL_SERVER_ENABLED", "Yes"),
        ("BACKFILL_TEMP_STRATEGY", "database"),
        ("BACKFILL_TEMP_DATABASE", "work"),
        ("BACKFILL_TEMP_USERNAME", "writer"),
        ("BACKFILL_TEMP_PASSWORD", " p#w "),
        ("BACKFILL_SOURCE_URL", "https://env.example/base/"),
        ("DATABASE_URL", "mysql://u:p@h/app"),
    ];
    let toml = "token = \"x\"\n[server]\nenabled = false\ntemp_database = \"other\"\n[client]\nsource_url = \"x\"\n\
                [privacy]\npolicy = \"open\"";
    let config = Given { toml, environment: &given, ..Given::default() }.load().unwrap();
    let serve = config.serve().unwrap();
    assert_eq!(serve.temp_strategy, TempStrategy::TempDatabase("work".to_owned()));
    let account = serve.temp_account.unwrap();
    assert_eq!((account.user.as_str(), account.password.expose()), ("writer", " p#w "));
    assert_eq!(serve.tokens, [Secret::new(TOKEN)]);
    let pull = config.pull().unwrap();
    assert_eq!(pull.api_base().as_str(), "https://env.example/base/api/backfill/");
    assert_eq!(pull.token.expose(), TOKEN);

    for (text, expected) in [
        ("true", Some(true)),
        ("1", Some(true)),
        ("ON", Some(true)),
        ("no", Some(false)),
        ("0", Some(false)),
        ("maybe", None),
    ] {
        let config = environment(&[(env::SERVER_ENABLED, text)]).unwrap();
        let found = config.layers.boolean(&[env::SERVER_ENABLED], "server.enabled", false);
        assert_eq!(found.ok(), expected, "{text}");
    }
}

#[test]
fn the_client_sends_the_first_token_of_a_list() {
    let toml = format!(
        "token = [\"{TOKEN}-new\", \"{TOKEN}\"]\n[database]\nurl = \"mysql://u@h/d\"\n[server]\nenabled = true\n\
         [client]\nsource_url = \"https://a.example\"\n[privacy]\npolicy = \"open\""
    );
    let config = file(&toml).unwrap();
    assert_eq!(config.pull().unwrap().token.expose(), format!("{TOKEN}-new"));
    assert_eq!(config.serve().unwrap().tokens.len(), 2);
}

#[test]
fn defaults_are_the_documented_ones() {
    let serve = serve("", "", "").unwrap();
    assert_eq!(serve.bind.to_string(), "127.0.0.1:8765");
    assert_eq!(serve.route_prefix, "api/backfill");
    assert_eq!((serve.threads, serve.chunk_size, serve.max_runs, serve.compression_level), (8, 5000, 2, 1));
    assert_eq!(
        (serve.idle_timeout, serve.stall_timeout),
        (Duration::from_secs(900), Duration::from_secs(120))
    );
    assert_eq!(serve.spool_max, 1 << 30);
    assert_eq!((serve.mask_at, serve.policy), (MaskAt::Update, Policy::Warn));
    assert_eq!(serve.keep, KeepList::default());
    assert_eq!((&serve.temp_strategy, &serve.temp_account), (&TempStrategy::Database, &None));
    assert!(serve.exclude_tables.is_empty());
    assert!(serve.allows("203.0.113.1".parse().unwrap()));
    assert_eq!(serve.database.tls, crate::db::Tls::default());

    let pull = pull("", "").unwrap();
    assert_eq!(pull.environment.name, "production");
    assert_eq!(pull.allowed_environments, ["local", "staging"]);
    assert_eq!((pull.timeout, pull.parallel, pull.chunk_size), (Duration::from_secs(300), 4, 5000));
    assert!(pull.create_missing_tables);
    assert_eq!(pull.binlog, Binlog::Auto);
    assert_eq!(pull.delta_overlap, Duration::from_secs(300));
    assert!(pull.state_file.is_absolute() && pull.state_file.ends_with("backfill-state.json"));
    assert!(pull.keep_tables.is_match("knex_migrations_lock") && pull.keep_tables.is_match("migrations"));
    assert!(!pull.keep_tables.is_match("users"));
}

#[test]
fn rules_are_read_in_order_with_their_options_and_case() {
    let rules = serve(
        "",
        "",
        "Name = { type = \"name\", exclude = [\"a*\", \"b\"] }\n[sanitize.\"Order Items\"]\n\
         pw = { type = \"hash\", unusable = true }\n\
         doc = { paths = { \"$.b\" = \"email\", \"$.a\" = { value = -1 } }, type = \"json\" }\n\
         [sanitize.\"*\"]\nip = \"no such type\"\n",
    )
    .unwrap()
    .rules;
    let text = |text: &str| RuleValue::Text(Secret::new(text));
    let option = |name: &str, value, line| RuleOption { name: name.into(), value, line };
    let rule = |table: &str, column: &str, kind: &str, options, line| Rule {
        table: table.into(),
        column: column.into(),
        kind: Secret::new(kind),
        options,
        file: "backfill.toml".into(),
        line,
    };
    let exclude = RuleValue::List(vec![text("a*"), text("b")]);
    let paths = RuleValue::Table(vec![
        option("$.b", text("email"), 13),
        option("$.a", RuleValue::Table(vec![option("value", RuleValue::Integer(-1), 13)]), 13),
    ]);
    let expected = [
        rule("users", "email", "email", Vec::new(), 9),
        rule("users", "Name", "name", vec![option("exclude", exclude, 10)], 10),
        rule("Order Items", "pw", "hash", vec![option("unusable", RuleValue::Boolean(true), 12)], 12),
        rule("Order Items", "doc", "json", vec![option("paths", paths, 13)], 13),
        rule("*", "ip", "no such type", Vec::new(), 15),
    ];
    assert_eq!(rules, expected);
}

#[test]
fn paths_are_relative_to_the_configuration_file() {
    let root = tempfile::tempdir().unwrap();
    let here = root.path().join("app/src");
    std::fs::create_dir_all(&here).unwrap();
    let toml = "[database]\nurl = \"mysql://u@h/d\"\ntls = \"verify-ca\"\nca = \"tls/ca.pem\"\n[client]\nstate_file = \"s.json\"";
    std::fs::write(root.path().join("app/backfill.toml"), toml).unwrap();
    let config = Config::load(Sources { directory: here, ..Sources::default() }).unwrap();
    assert_eq!(config.folder(), root.path().join("app"));
    assert_eq!(config.state_file().unwrap(), root.path().join("app/s.json"));
    assert_eq!(config.database().unwrap().tls.ca, Some(root.path().join("app/tls/ca.pem")));
}

#[test]
fn without_a_file_the_environment_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "DB_DATABASE=app\nDB_USERNAME=root\n").unwrap();
    let config = Config::load(Sources { directory: folder.path().to_owned(), ..Sources::default() }).unwrap();
    assert_eq!(config.file(), None);
    assert_eq!(config.database().unwrap().describe(), "127.0.0.1:3306/app");
    assert_eq!(config.state_file().unwrap(), folder.path().join("backfill-state.json"));
}

#[test]
fn one_layer_decides_about_the_database_and_is_not_completed_from_another() {
    let url = "[database]\nurl = \"mysql://u@file/d\"";
    let parts = "DB_HOST=dotenv\nDB_DATABASE=d\nDB_USERNAME=u\n";
    let set_in_env: &[(&str, &str)] = &[("DB_HOST", "env"), ("DB_DATABASE", "d"), ("DB_USERNAME", "u")];
    let missing = "`DB_HOST` is set, but `DB_USERNAME` is not set in the same place";
    let table: [(Pairs<'_>, &str, &str, Result<&str, &str>); 9] = [
        (&[], "", url, Ok("file")),
        (&[], parts, url, Ok("dotenv")),
        (&[], "DB_URL=mysql://u@dburl/d\nDB_HOST=x", url, Ok("dburl")),
        (&[], "DB_URL=mysql://u@dburl/d\nDATABASE_URL=mysql://u@databaseurl/d", url, Ok("databaseurl")),
        (set_in_env, "DATABASE_URL=mysql://u@dotenv/d", url, Ok("env")),
        (&[("DB_URL", "mysql://u@env/d")], "DATABASE_URL=mysql://u@dotenv/d", url, Ok("env")),
        (&[("DB_HOST", "env")], parts, url, Err(missing)),
        (&[("DB_CONNECTION", "mysql")], parts, url, Ok("dotenv")),
        (&[], "", "", Err("no database is configured")),
    ];
    for (environment, dot_env, toml, expected) in table {
        let found = Given { toml, dot_env, environment, ..Given::default() }.load().unwrap().database();
        match expected {
            Ok(host) => assert_eq!(found.unwrap().host, host, "{environment:?} {dot_env}"),
            Err(message) => assert_eq!(refusal(found).0, message, "{environment:?} {dot_env}"),
        }
    }
}

#[test]
fn database_urls_are_taken_apart() {
    let read = |url: &str| environment(&[("DATABASE_URL", url)]).unwrap().database().unwrap();
    let endpoint = read(
        "mysql2://us%40er:p%23w%2F%3F@db.example:3307/my%20app?encoding=utf8mb4&pool=5&reconnect=true&serverVersion=8.0",
    );
    assert_eq!((endpoint.user.as_str(), endpoint.password.expose()), ("us@er", "p#w/?"));
    assert_eq!(endpoint.describe(), "db.example:3307/my app");

    let table = [
        ("mariadb://u@h/d", "h:3306/d", TlsMode::Prefer),
        ("trilogy://u@h/d/", "h:3306/d", TlsMode::Prefer),
        ("mysql+pymysql://u:a@b@h/d", "h:3306/d", TlsMode::Prefer),
        ("MYSQL://u:p@[::1]:3310/d", "::1:3310/d", TlsMode::Prefer),
        ("mysql://u@localhost/d?socket=/tmp/a+b%20c.sock", "/tmp/a+b c.sock/d", TlsMode::Prefer),
        ("mysql://u@localhost/d?unix_socket=/tmp/s", "/tmp/s/d", TlsMode::Prefer),
        ("mysql://u@%2Ftmp%2Fs/d", "/tmp/s/d", TlsMode::Prefer),
        ("mysql://u@h/d?ssl-mode=REQUIRED", "h:3306/d", TlsMode::Require),
        ("mysql://u@h/d?ssl_mode=VERIFY_IDENTITY", "h:3306/d", TlsMode::VerifyIdentity),
        ("mysql://u@h/d?x=1&sslmode=disable&&y", "h:3306/d", TlsMode::Disable),
        ("mysql://u@h/d?sslmode=verify-full", "h:3306/d", TlsMode::VerifyIdentity),
    ];
    for (url, place, mode) in table {
        let endpoint = read(url);
        assert_eq!((endpoint.describe().as_str(), endpoint.tls.mode), (place, mode), "{url}");
        assert_eq!(endpoint.user, "u", "{url}");
    }
}

#[test]
fn the_stricter_encryption_of_url_and_file_holds() {
    let table = [
        ("require", "disabled", TlsMode::Require),
        ("prefer", "verify_ca", TlsMode::VerifyCa),
        ("disable", "preferred", TlsMode::Prefer),
        ("verify-identity", "required", TlsMode::VerifyIdentity),
    ];
    for (written, in_url, expected) in table {
        let toml = format!("[database]\ntls = \"{written}\"\nurl = \"mysql://u@h/d?ssl-mode={in_url}\"");
        assert_eq!(file(&toml).unwrap().database().unwrap().tls.mode, expected, "{written} {in_url}");
    }
    let toml = "[database]\nurl = \"mysql://u@h/d\"\nca = \"ca.pem\"";
    let expected = "`database.ca` (backfill.toml line 3) has no effect, because certificates are not checked";
    assert_eq!(refusal(file(toml).unwrap().database()).0, expected);
}

#[test]
fn databases_of_other_kinds_and_broken_urls_are_refused() {
    let only = "backfill reads MySQL and MariaDB only";
    let table = [
        ("postgres://u:p@h/d", format!("`DATABASE_URL` is for PostgreSQL; {only}")),
        ("postgresql+psycopg2://u:p@h/d", format!("`DATABASE_URL` is for PostgreSQL; {only}")),
        ("pgsql://u:p@h/d", format!("`DATABASE_URL` is for PostgreSQL; {only}")),
        ("sqlite:db.sqlite3", format!("`DATABASE_URL` is for SQLite; {only}")),
        ("sqlserver://h", format!("`DATABASE_URL` is for SQL Server; {only}")),
        ("cockroach://h", format!("`DATABASE_URL` is for another kind of database; {only}")),
        ("u:p@h/d", format!("`DATABASE_URL` is for another kind of database; {only}")),
        ("h", "`DATABASE_URL` is not a URL".into()),
        ("mysql://u:p@h:99999/d", "`DATABASE_URL` is not a URL that can be read".into()),
        ("mysql://u:p@h:0/d", "`DATABASE_URL` has the port 0".into()),
        ("mysql://h/d", "`DATABASE_URL` names no user".into()),
        ("mysql:///d", "`DATABASE_URL` names no user".into()),
        ("mysql://u:p@h", "`DATABASE_URL` names no database".into()),
        ("mysql://u:p@h/", "`DATABASE_URL` names no database".into()),
        ("mysql://u:p@h/a/b", "`DATABASE_URL` has a `/` in its database".into()),
        ("mysql://u:p#q@h/d", "`DATABASE_URL` is not a URL that can be read".into()),
        ("mysql://u:p@q#r@h/d", "`DATABASE_URL` has a `#` in it".into()),
        ("mysql://u:%ff@h/d", "`DATABASE_URL` has a password that is not UTF-8".into()),
        ("mysql://u:p@h/d?ssl-mode=maybe", "`DATABASE_URL` has an ssl-mode that is not known".into()),
    ];
    for (url, message) in table {
        assert_eq!(refusal(environment(&[("DATABASE_URL", url)]).unwrap().database()).0, message, "{url}");
    }
    let message = refusal(file("[database]\nurl = \"postgres://h/d\"").unwrap().database()).0;
    assert_eq!(message, format!("`database.url` (backfill.toml line 2) is for PostgreSQL; {only}"));

    let table = [
        (
            "DB_CONNECTION=pgsql\nDB_DATABASE=d\nDB_USERNAME=u",
            format!("`DB_CONNECTION` in .env is for PostgreSQL; {only}"),
        ),
        ("DB_CONNECTION=sqlite", format!("`DB_CONNECTION` in .env is for SQLite; {only}")),
        (
            "DB_CONNECTION=tenant\nDB_DATABASE=d",
            format!("`DB_CONNECTION` in .env is for another kind of database; {only}"),
        ),
        (
            "DB_DATABASE=d",
            "`DB_DATABASE` in .env is set, but `DB_USERNAME` is not set in the same place".into(),
        ),
        ("DB_DATABASE=d\nDB_USERNAME=u\nDB_PORT=x", "`DB_PORT` in .env must be a port number".into()),
    ];
    for (dot_env, message) in table {
        let found = Given { dot_env, ..Given::default() }.load().unwrap().database();
        assert_eq!(refusal(found).0, message, "{dot_env}");
    }
    let dot_env = "DB_CONNECTION=mariadb\nDB_HOST=[::1]\nDB_PORT=3307\nDB_DATABASE=d\nDB_USERNAME=u\nDB_PASSWORD='p w'\nDB_SOCKET=/s";
    let endpoint = Given { dot_env, ..Given::default() }.load().unwrap().database().unwrap();
    assert_eq!((endpoint.host.as_str(), endpoint.port), ("::1", 3307));
    assert_eq!(endpoint.password.expose(), "p w");
    assert_eq!(endpoint.socket, Some(PathBuf::from("/s")));
}

#[test]
fn the_template_sets_nothing_and_all_of_it_is_accepted() {
    assert!(file(template()).unwrap().layers.file.values.is_empty());

    let mut whole = String::new();
    for line in template().lines() {
        let code = line.strip_prefix("# ").filter(|rest| {
            rest.starts_with('[') || rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
        });
        whole += &format!("{}\n", code.unwrap_or(line));
    }
    let config = file(&whole).unwrap();
    for key in keys::KEYS {
        let there = config.layers.file.values.contains_key(key.path);
        assert!(there, "{}", key.path);
    }
    assert_eq!(config.rules().len(), 13);
    assert_eq!(config.layers.file.limits.len(), 4);
    assert_eq!(config.layers.file.relations[0].when[0].1, "App\\Models\\Post");
    assert_eq!(refusal(config.tokens()).0, "`token` (backfill.toml line 7) has fewer than 32 characters");

    // The values shown are the defaults: with them written out, everything is as without the file.
    let whole = whole
        .replace("temp_username = \"backfill_temp\"\ntemp_password = \"...\"", "")
        .replace("\"...\"", &format!("\"{TOKEN}\""))
        .replace("enabled = false", "enabled = true")
        .replace("ca = \"ca.pem\"", "")
        .replace("leak_check_except = [\"shops.contact\"]", "")
        .replace("tls_cert = \"server.pem\"", "")
        .replace("tls_key = \"server.key\"", "")
        .replace("exclude_tables = [\"telescope_*\", \"failed_jobs\"]", "")
        .replace("temp_database = \"backfill_work\"", "");
    let bare = format!(
        "token = \"{TOKEN}\"\n[database]\nurl = \"mysql://user:password@127.0.0.1/app\"\n[server]\nenabled = true\n\
         [client]\nsource_url = \"https://app.example\"\n[privacy]\npolicy = \"open\""
    );
    let (written, bare) = (file(&whole).unwrap(), file(&bare).unwrap());
    let mut serve = bare.serve().unwrap();
    serve.rules = written.rules().to_vec();
    serve.policy = Policy::Warn;
    serve.keep = written.keep();
    serve.mask_key = written.mask_key().unwrap();
    serve.limits.clone_from(&written.layers.file.limits);
    serve.relations.clone_from(&written.layers.file.relations);
    assert_eq!(format!("{:?}", written.serve().unwrap()), format!("{serve:?}"));
    let mut pull = bare.pull().unwrap();
    let of_file = written.pull().unwrap();
    pull.environment.origin.clone_from(&of_file.environment.origin);
    pull.state_file.clone_from(&of_file.state_file);
    pull.hooks.clone_from(&of_file.hooks);
    assert_eq!(format!("{of_file:?}"), format!("{pull:?}"));
}
