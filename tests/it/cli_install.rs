//! `backfill install` through the real binary: what it writes and leaves alone, and that the rights and rules that it
//! prints are enough to serve and to pull.

use crate::cli_common::{Out, run};
use crate::harness::{Add, FLAVOURS, Serve, Site, exec, short};
use backfill::sandbox::Server;
use backfill::sandbox::shop::{self, Scale};
use mysql::prelude::Queryable;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

/// What tells the three ways of keeping copies apart; `WORK` becomes a schema of the test's own.
const WAYS: [&[&str]; 3] = [&[], &["--strategy", "tables"], &["--temp-database", "WORK"]];

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("cli_install::what_it_prints_is_enough_to_serve_and_pull::{}", short(flavour)),
            Box::new(move |servers| from_nothing_to_a_pull(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("cli_install::files_keep_what_is_theirs::{}", short(flavour)),
            Box::new(move |servers| existing_files(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("cli_install::without_a_terminal_every_answer_is_a_flag::{}", short(flavour)),
            Box::new(move |servers| no_terminal(&Site::new(servers, flavour, flavour))),
        );
    }
}

/// `backfill install` in a folder with lines on standard input.
pub fn install(site: &Site<'_>, folder: &str, arguments: &[&str], input: &str) -> Out {
    let mut command = command(site, folder, arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may end without having read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    Out::of(&child.wait_with_output().unwrap())
}

fn command(site: &Site<'_>, folder: &str, arguments: &[&str]) -> Command {
    let mut command = site.command("server");
    command.current_dir(site.path(folder)).arg("install").args(arguments);
    command
}

fn folder(site: &Site<'_>, name: &str) -> std::path::PathBuf {
    let path = site.path(name);
    std::fs::create_dir(&path).unwrap();
    path
}

fn report(out: &Out) -> serde_json::Value {
    serde_json::from_str(&out.stdout).unwrap_or_else(|error| panic!("{error}: {}", out.all()))
}

fn failed(report: &serde_json::Value) -> Vec<&str> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks.filter(|check| !check["error"].is_null()).map(|check| check["name"].as_str().unwrap()).collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().mode() & 0o777
}

/// An account without any right, dropped with the server; its URL for a schema.
fn account(server: &Server, user: &str, database: &str) -> String {
    let mut conn = server.connect().unwrap();
    exec(&mut conn, &format!("DROP USER IF EXISTS '{user}'@'%'"));
    exec(&mut conn, &format!("CREATE USER '{user}'@'%' IDENTIFIED BY 'pw-{user}'"));
    let endpoint = server.endpoint(database);
    format!("mysql://{user}:pw-{user}@{}:{}/{database}", endpoint.host, endpoint.port)
}

/// Runs the statements that were printed; gives how many.
fn grant(server: &Server, report: &serde_json::Value) -> usize {
    let mut conn = server.connect().unwrap();
    let grants = report["grants"].as_array().unwrap();
    grants.iter().for_each(|grant| exec(&mut conn, grant.as_str().unwrap()));
    grants.len()
}

fn from_nothing_to_a_pull(site: &Site<'_>) {
    let database = format!("inst_{}", site.source_db);
    let scale =
        Scale { users: 60, products: 10, orders: 80, activity: 90, page_views: 20, ..Scale::default() };
    shop::load(&mut site.source.connect().unwrap(), &database, &scale).unwrap();
    for (number, way) in WAYS.iter().enumerate() {
        one_way(site, &database, number, way);
    }
    exec(&mut site.source.connect().unwrap(), &format!("DROP DATABASE {database}"));
}

fn one_way(site: &Site<'_>, database: &str, number: usize, way: &[&str]) {
    let (here, there) = (format!("server{number}"), format!("client{number}"));
    let (server, client) = (folder(site, &here), folder(site, &there));
    let user = format!("inst{number}_{}", site.source_db);
    let url = account(site.source, &user, database);
    let work = format!("work_{}", site.source_db);
    let way: Vec<String> = way.iter().map(|word| word.replace("WORK", &work)).collect();
    let always = ["--role", "server", "--generate-token", "--rules", "accept", "--yes", "--json"];
    let arguments: Vec<&str> = always.into_iter().chain(way.iter().map(String::as_str)).collect();

    // Before the account has any right: files are written, and what is missing is told.
    let out =
        install(site, &here, &[&arguments[..], &["--database-url-stdin"]].concat(), &format!("{url}\n"));
    assert_eq!(out.code, Some(3), "{}", out.all());
    assert!(!out.all().contains("pw-"), "a password is shown: {}", out.all());
    let first = report(&out);
    assert_eq!(failed(&first), ["configuration", "source database"], "{first}");
    let env = read(&server.join(".env"));
    assert_eq!(mode(&server.join(".env")), 0o600);
    let token = env.lines().find_map(|line| line.strip_prefix("BACKFILL_TOKEN=")).unwrap().to_owned();
    assert!(token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
    assert!(!out.all().contains(&token), "the token is shown: {}", out.all());

    // With exactly what was printed, the rest follows; nothing is asked for again.
    assert!(grant(site.source, &first) >= 3, "{first}");
    let second = install(site, &here, &arguments, "");
    assert_eq!(second.code, Some(0), "{}", second.all());
    assert!(report(&second)["rules"].as_u64() > Some(5), "{}", second.all());
    assert_eq!(read(&server.join(".env")), env);
    let config = read(&server.join("backfill.toml"));
    let third = report(&install(site, &here, &arguments, ""));
    assert_eq!((third["files"].as_array().unwrap().len(), failed(&third)), (0, vec![]), "{third}");
    assert_eq!((read(&server.join(".env")), read(&server.join("backfill.toml"))), (env, config));

    let in_server = || {
        let mut command = site.command("server");
        command.current_dir(&server);
        command
    };
    let clean = run(in_server().arg("scan"));
    assert_eq!(clean.code, Some(0), "{}", clean.all());
    let mut serve = Serve::start(in_server().args(["serve", "--bind", "127.0.0.1:0"]));

    let target = format!("{}_{number}", site.target_db);
    let user = format!("dev{number}_{}", site.target_db);
    let url = account(site.target, &user, &target);
    let always = ["--role", "client", "--source-url", &serve.url, "--yes", "--json"];
    let given = [&always[..], &["--token-stdin", "--database-url-stdin"]].concat();
    let out = install(site, &there, &given, &format!("{token}\n{url}\n"));
    assert_eq!(out.code, Some(7), "{}", out.all());
    assert_eq!(failed(&report(&out)), ["target database"]);
    assert!(!out.all().contains(&token) && !out.all().contains("pw-"), "{}", out.all());
    grant(site.target, &report(&out));
    let out = install(site, &there, &always, "");
    assert_eq!(out.code, Some(0), "{}", out.all());
    let out = run(site.command("server").current_dir(&client).args(["pull", "--yes"]));
    assert_eq!(out.code, Some(0), "{}\n{}", out.all(), serve.log());
    let mut conn = site.target.connect().unwrap();
    let real: Option<u64> = conn
        .query_first(format!("SELECT COUNT(*) FROM {target}.users WHERE email NOT LIKE '%@example.test'"))
        .unwrap();
    assert_eq!(real, Some(0));
    assert_eq!(serve.stop(), Some(0));
    for statement in [format!("DROP DATABASE {target}"), format!("DROP USER '{user}'@'%'")] {
        exec(&mut conn, &statement);
    }
    let mut conn = site.source.connect().unwrap();
    exec(&mut conn, &format!("DROP USER 'inst{number}_{}'@'%'", site.source_db));
    exec(&mut conn, &format!("DROP DATABASE IF EXISTS {work}"));
}

fn existing_files(site: &Site<'_>) {
    let path = folder(site, "app");
    let url = site.target.url(&site.target_db);
    let before =
        format!("# the application's\r\nAPP_NAME='My App'\r\nAPP_ENV=staging\r\nDATABASE_URL='{url}' # ours");
    let shared = site.path("shared.env");
    std::fs::write(&shared, &before).unwrap();
    std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&shared, path.join(".env")).unwrap();
    let config = "# mine\n[client]\nparallel = 2 # few\n";
    std::fs::write(path.join("backfill.toml"), config).unwrap();
    let arguments =
        ["--token-stdin", "--source-url", "https://app.example", "--yes", "--no-check", "--role", "client"];
    let token = "0123456789-token-of-a-test-0123456789";
    let run_it = |token: &str| install(site, "app", &arguments, token);

    let dry = install(site, "app", &[&arguments[..], &["--dry-run"]].concat(), token);
    assert_eq!((dry.code, read(&shared)), (Some(0), before.clone()), "{}", dry.all());
    assert!(
        dry.stdout.contains("Not written:") && dry.stdout.contains("set BACKFILL_TOKEN, BACKFILL_SOURCE_URL")
    );

    let out = run_it(token);
    assert_eq!(out.code, Some(0), "{}", out.all());
    assert!(out.stderr.contains("keeps its mode 0640"), "{}", out.stderr);
    let after = format!(
        "{before}\r\n\r\n# backfill\r\nBACKFILL_TOKEN={token}\r\nBACKFILL_SOURCE_URL=https://app.example\r\n"
    );
    assert_eq!(read(&shared), after);
    assert_eq!((mode(&shared), read(&path.join("backfill.toml")).as_str()), (0o640, config));
    assert!(std::fs::symlink_metadata(path.join(".env")).unwrap().is_symlink());
    assert!(!path.join(".gitignore").exists(), "there is no repository");

    // In a repository, and a second time: only the new file, then nothing.
    std::fs::create_dir(path.join(".git")).unwrap();
    std::fs::write(path.join(".gitignore"), "/vendor\n/.env").unwrap();
    for _ in 0..2 {
        assert_eq!(run_it(token).code, Some(0));
        assert_eq!(read(&shared), after);
        let ignored = "/vendor\n/.env\n\n# backfill\nbackfill-state.json\n.backfill-state.json.lock\n";
        assert_eq!(read(&path.join(".gitignore")), ignored);
    }

    // Another token is another value, and said so.
    let other = "another-token-of-a-test-0123456789-xyz";
    let out = run_it(other);
    assert!(out.stdout.contains("CHANGE BACKFILL_TOKEN"), "{}", out.all());
    assert_eq!(read(&shared), after.replace(token, other));
    let shown = install(site, "app", &[&arguments[1..], &["--show-token"]].concat(), "");
    assert!(shown.stdout.contains(&format!("BACKFILL_TOKEN={other}\n")), "{}", shown.all());

    // A link that leads nowhere, a folder, broken TOML: told, and nothing is written.
    std::fs::write(path.join("backfill.toml"), "token = s3cret\n").unwrap();
    let out = run_it(token);
    assert_eq!(out.code, Some(3), "{}", out.all());
    assert!(!out.all().contains("s3cret"), "{}", out.all());
    std::fs::remove_file(&shared).unwrap();
    std::fs::write(path.join("backfill.toml"), config).unwrap();
    let given = [&arguments[..], &["--database-url", "mysql://dev@127.0.0.1/app"]].concat();
    let out = install(site, "app", &given, token);
    out.refused("a dead link", 3, &["leads nowhere"]);
    std::fs::create_dir(&shared).unwrap();
    install(site, "app", &given, token).refused("a folder", 3, &["is no regular file"]);
}

fn no_terminal(site: &Site<'_>) {
    let path = folder(site, "empty");
    let nothing = |out: Out, what: &str, words: &[&str]| {
        out.refused(what, 2, words);
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0, "{what}: something was written");
    };
    nothing(
        install(site, "empty", &[], ""),
        "no flags",
        &[
            "--role",
            "--generate-token or --token-stdin",
            "--database-url-stdin",
            "--rules accept|none",
            "--yes",
        ],
    );
    nothing(
        install(site, "empty", &["--role", "client", "--yes"], ""),
        "a client",
        &["--token-stdin", "--database-url-stdin", "--source-url"],
    );
    nothing(
        install(site, "empty", &["--token-stdin"], ""),
        "no line",
        &["standard input has no line with the token"],
    );
    let out = install(site, "empty", &["--database-url", "mysql://u:hunter2@h/app"], "");
    assert!(!out.all().contains("hunter2"), "{}", out.all());
    nothing(out, "a password as an argument", &["--database-url-stdin"]);

    // What was given is checked before anything is written, and not shown.
    let all = ["--role", "client", "--yes", "--token-stdin", "--database-url-stdin", "--source-url"];
    for (url, input, word) in [
        ("https://app.example", "hunter2\nmysql://u:p@h/app\n", "fewer than 32 characters"),
        (
            "https://app.example",
            "0123456789-0123456789-0123456789\npostgres://u:hunter2@h/app\n",
            "PostgreSQL",
        ),
        ("http://app.example", "0123456789-0123456789-0123456789\nmysql://u:hunter2@h/app\n", "plain http"),
    ] {
        let out = install(site, "empty", &[&all[..], &[url]].concat(), input);
        assert_eq!(out.code, Some(3), "{}", out.all());
        assert!(out.stderr.contains(word) && !out.all().contains("hunter2"), "{}", out.all());
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
    }

    // The environment is a place for settings like any other: what is there is not written down.
    let given = ["--role", "client", "--yes", "--no-check", "--source-url", "https://app.example"];
    let mut command = command(site, "empty", &given);
    command
        .env("BACKFILL_TOKEN", "0123456789-0123456789-0123456789")
        .env("DATABASE_URL", "mysql://u:p@h/app");
    let out = run(&mut command);
    assert_eq!(out.code, Some(0), "{}", out.all());
    assert_eq!(
        read(&path.join(".env")),
        "# backfill\nBACKFILL_SOURCE_URL=https://app.example\nBACKFILL_ENV=local\n"
    );
}
