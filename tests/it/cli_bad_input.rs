//! Bad input gets a clear error, the documented exit code, and nothing lost.

use crate::cli_common::{PASSWORD, account, client, leftovers, picture, pull, ready, run};
use crate::cli_proxy::{Answer, Proxy, Request, Response, always, forward};
use crate::harness::{Add, FLAVOURS, Serve, Servers, Site, TOKEN, short};
use backfill::schema::Flavour;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        let mut case = |name: &str, test: fn(&Site<'_>, &Serve)| {
            add(
                format!("cli_bad_input::{name}::{}", short(flavour)),
                Box::new(move |servers| unharmed(servers, flavour, test)),
            );
        };
        case("addresses", addresses);
        case("answers", answers);
        case("environments", environments);
        case("wishes", wishes);
        case("targets", targets);
        case("accounts", accounts);
        case("files", files);
        add(
            format!("cli_bad_input::target_is_source::{}", short(flavour)),
            Box::new(move |servers| target_is_source(servers, flavour)),
        );
    }
}

/// Runs `test` and holds that the target is what it was, to the byte.
fn unharmed(servers: &Servers, flavour: Flavour, test: fn(&Site<'_>, &Serve)) {
    let (site, serve) = ready(Site::new(servers, flavour, flavour));
    let before = picture(&site);
    test(&site, &serve);
    assert_eq!(before, picture(&site), "the target changed");
    assert_eq!(leftovers(&site), Vec::<String>::new());
}

fn addresses(site: &Site<'_>, serve: &Serve) {
    let with = |url: &str, change: &dyn Fn(&mut Command)| {
        let mut command = site.pull_command(url, &["--yes"]);
        change(&mut command);
        run(&mut command)
    };
    let wrong = "another-token-0123456789-abcdefghijklmnopqrst";
    let out = with(&serve.url, &|command| {
        command.env("BACKFILL_TOKEN", wrong);
    });
    assert!(!out.all().contains(wrong));
    out.refused("wrong token", 9, &[&serve.url, "unauthorized", "hint:", "BACKFILL_TOKEN"]);
    let out = with(&serve.url, &|command| {
        command.env("BACKFILL_TOKEN", "short-Canary");
    });
    assert!(!out.all().contains("short-Canary"));
    out.refused("short token", 3, &["BACKFILL_TOKEN", "32"]);

    let elsewhere = format!("{}/shop", serve.url);
    pull(site, &elsewhere, &["--yes"]).refused("other path", 9, &[&elsewhere, "hint:", "route_prefix"]);
    let doubled = format!("{}/api/backfill", serve.url);
    pull(site, &doubled, &["--yes"]).refused(
        "prefix twice",
        3,
        &["BACKFILL_SOURCE_URL", "route prefix", "hint:"],
    );

    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{closed}");
    pull(site, &nobody, &["--yes"]).refused("nobody there", 9, &[&nobody, "hint:", "backfill serve"]);
    pull(site, "https://no-such-host.invalid", &["--yes"]).refused(
        "no such host",
        9,
        &["no-such-host.invalid", "hint:", "source_url"],
    );
    pull(site, "http://192.0.2.1", &["--yes"]).refused(
        "plain http",
        3,
        &["http", "hint:", "https", "allow_http"],
    );
    pull(site, "not a url", &["--yes"]).refused("no URL", 3, &["BACKFILL_SOURCE_URL", "not a URL", "hint:"]);
    let out = pull(site, &format!("http://user:{PASSWORD}@127.0.0.1:1"), &["--yes"]);
    out.refused("password in the URL", 3, &["BACKFILL_SOURCE_URL", "password", "hint:"]);
    let mut unset = site.command("client");
    run(unset.args(["pull", "--yes"])).refused("no URL at all", 3, &["BACKFILL_SOURCE_URL", "hint:"]);
}

/// The manifest, changed.
fn manifest(serve: &Serve, change: impl Fn(&mut Response) + Send + Sync + 'static) -> Proxy {
    Proxy::start(&serve.url, move |request: &Request, mut response| {
        if request.path.contains("/manifest") {
            change(&mut response);
        }
        Answer::Whole(response)
    })
}

fn answers(site: &Site<'_>, serve: &Serve) {
    let html = always(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 25\r\nConnection: close\r\n\r\n<html>please log in</html>",
    );
    pull(site, &html.url, &["--yes"]).refused(
        "a web page",
        9,
        &[&html.url, "text/html", "hint:", "source_url"],
    );
    let moved = always(
        "HTTP/1.1 302 Found\r\nLocation: https://login.example/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    pull(site, &moved.url, &["--yes"]).refused("a redirect", 9, &["login.example", "hint:"]);
    let noise = always("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    pull(site, &noise.url, &["--yes"]).refused("no HTTP", 9, &[&noise.url, "hint:"]);
    let closes = always("");
    pull(site, &closes.url, &["--yes"]).refused("nothing", 9, &[&closes.url, "hint:"]);

    let newer = manifest(serve, |response| {
        response.headers.retain(|line| !line.to_lowercase().starts_with("backfill-protocol"));
        response.headers.push("Backfill-Protocol: 9".into());
    });
    pull(site, &newer.url, &["--yes"]).refused("newer protocol", 9, &["protocol 9", "hint:", "update"]);
    let newer = manifest(serve, |response| {
        let text = String::from_utf8(response.body.clone()).unwrap();
        assert!(text.contains("\"protocol\":1"), "the test changes nothing");
        response.body = text.replace("\"protocol\":1", "\"protocol\":2").into_bytes();
    });
    pull(site, &newer.url, &["--yes"]).refused("newer manifest", 9, &["protocol 2", "hint:", "update"]);
    let garbage = manifest(serve, |response| response.body = b"{\"tables\": \"Canary-Row\"".to_vec());
    let out = pull(site, &garbage.url, &["--yes"]);
    assert!(!out.all().contains("Canary-Row"));
    out.refused("a manifest cut short", 9, &[&garbage.url]);
    let other = manifest(serve, |response| response.body = b"[\"Canary-Row\"]".to_vec());
    let out = pull(site, &other.url, &["--yes"]);
    assert!(!out.all().contains("Canary-Row"));
    out.refused("a manifest of another form", 9, &[&other.url, "hint:"]);
    let nested = manifest(serve, |response| response.body = vec![b'['; 2_000_000]);
    pull(site, &nested.url, &["--yes"]).refused("a manifest two million levels deep", 9, &[&nested.url]);
    too_large(site);
    let busy = manifest(serve, |response| {
        response.status = "503 Service Unavailable".into();
        response.headers.push("Retry-After: 7".into());
        response.body =
            b"{\"error\":\"too many runs\",\"code\":\"too_many_runs\",\"request_id\":\"abc\"}".to_vec();
    });
    pull(site, &busy.url, &["--yes"]).refused("too many runs", 11, &["abc", "hint:", "7 seconds"]);
}

/// A manifest without an end: it is cut off at the documented size, long before memory is.
fn too_large(site: &Site<'_>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nBackfill-Protocol: 1\r\nConnection: close\r\n\r\n",
        );
        let blanks = vec![b' '; 1 << 20];
        while stream.write_all(&blanks).is_ok() {}
    });
    pull(site, &url, &["--yes"]).refused("an endless manifest", 9, &[&url, "hint:"]);
}

fn environments(site: &Site<'_>, serve: &Serve) {
    for (name, value, words) in [
        ("BACKFILL_ENV", "production", ["`production`", "local, staging", "BACKFILL_ENV"]),
        ("BACKFILL_ENV", "Local", ["`Local`", "local, staging", "BACKFILL_ENV"]),
        ("BACKFILL_ENV", "testing", ["`testing`", "local, staging", "BACKFILL_ENV"]),
    ] {
        let mut command = site.pull_command(&serve.url, &["--yes", "--force"]);
        run(command.env(name, value)).refused(value, 4, &words);
    }
    let path = site.path("client/backfill.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("environment = \"local\"\n", "")).unwrap();
    pull(site, &serve.url, &["--yes"]).refused(
        "unset is production",
        4,
        &["`production`", "local, staging", "hint:"],
    );
    pull(site, &serve.url, &["--dry-run"]).refused("dry run", 4, &["`production`"]);
    for variable in ["APP_ENV", "RAILS_ENV"] {
        let mut command = site.pull_command(&serve.url, &["--yes"]);
        run(command.env(variable, "prod")).refused(variable, 4, &["`prod`", variable]);
    }
    site.configure_client("allowed_environments = []", "");
    pull(site, &serve.url, &["--yes"]).refused("none allowed", 4, &["`local`", "none"]);
    assert!(!site.path("client/backfill-state.json").exists(), "a refused pull is no history");
}

fn wishes(site: &Site<'_>, serve: &Serve) {
    pull(site, &serve.url, &[]).refused("no yes", 2, &["terminal", "hint:", "--yes", "--dry-run"]);
    let yes = |arguments: &[&str]| pull(site, &serve.url, &[&["--yes"], arguments].concat());
    yes(&["--tables", "parent"]).refused("unknown table", 2, &["`parent`", "hint:", "`parents`"]);
    yes(&["--tables", "parents,zzz"]).refused("one unknown", 2, &["`zzz`", "hint:"]);
    yes(&["--tables", "x*"]).refused("a glob for nothing", 2, &["`x*`", "hint:"]);
    yes(&["--tables", ""]).refused("nothing named", 2, &["--tables"]);
    yes(&["--tables", "audit"]).refused("only here", 2, &["`audit`"]);
    yes(&["--parallel", "0"]).refused("parallel 0", 2, &["--parallel", "1..=64"]);
    yes(&["--parallel", "99999"]).refused("parallel 99999", 2, &["--parallel"]);
    yes(&["--nonsense"]).refused("unknown flag", 2, &["--nonsense"]);
    client(site, &["nonsense"]).refused("unknown command", 2, &["nonsense"]);
    site.configure_client("", "exclude_tables = [\"tags\"]\n");
    yes(&["--tables", "tags"]).refused("excluded here", 2, &["`tags`", "exclude_tables", "hint:"]);
    site.configure_client("", "");
    site.configure_server("", "exclude_tables = [\"tags\"]\n[privacy]\npolicy = \"open\"\n");
    let other = site.serve();
    pull(site, &other.url, &["--yes", "--tables", "tags"]).refused(
        "excluded there",
        2,
        &["`tags`", "excluded", "hint:", "server"],
    );
    let json = pull(site, &serve.url, &["--yes", "--json", "--tables", "zzz"]);
    let object: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (&object["error"]["kind"], &object["error"]["exit_code"]),
        (&"usage".into(), &2.into()),
        "{object}"
    );
}

fn targets(site: &Site<'_>, serve: &Serve) {
    let at = |url: &str| {
        let mut command = site.pull_command(&serve.url, &["--yes"]);
        run(command.env("DATABASE_URL", url))
    };
    at("postgresql://u:secret-Canary@h/app").refused("PostgreSQL", 3, &["PostgreSQL", "DATABASE_URL"]);
    at("mysql://u:secret-Canary@h").refused("no database", 3, &["DATABASE_URL", "hint:"]);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let out = at(&format!("mysql://root:{PASSWORD}@{closed}/app"));
    out.refused("no server", 6, &[&closed.to_string(), "hint:"]);
    let server = site.target.url("mysql");
    at(&server).refused("the server's own schema", 4, &["`mysql`", "hint:"]);
    let (_, rest) =
        site.target.url(&site.target_db).split_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let out = at(&format!("mysql://nobody:{PASSWORD}@{rest}"));
    assert!(matches!(out.code, Some(6 | 7)), "{:?}\n{}", out.code, out.all());
    assert!(out.stderr.contains("nobody"), "the message names the account:\n{}", out.all());
    let mut command = site.pull_command(&serve.url, &["--yes"]);
    run(command.env("DB_CONNECTION", "pgsql").env("DB_DATABASE", "x")).refused(
        "pgsql",
        3,
        &["PostgreSQL", "DB_CONNECTION"],
    );
    let mut command = site.pull_command(&serve.url, &["--yes"]);
    run(command.env("DB_CONNECTION", "sqlite")).refused("sqlite", 3, &["SQLite"]);
}

/// An account that may only read must be refused before anything, with the right that it lacks.
fn accounts(site: &Site<'_>, serve: &Serve) {
    let db = &site.target_db;
    for (name, grants) in [
        ("reader", vec![format!("SELECT ON {db}.*")]),
        ("writer", vec![format!("SELECT, INSERT, UPDATE, DELETE ON {db}.*")]),
    ] {
        let url = account(site, name, &grants);
        let mut command = site.pull_command(&serve.url, &["--yes"]);
        run(command.env("DATABASE_URL", url)).refused(name, 7, &["denied", "hint:", "GRANT"]);
    }
}

fn files(site: &Site<'_>, serve: &Serve) {
    let config = site.path("client/backfill.toml");
    let good = std::fs::read_to_string(&config).unwrap();
    for (text, words) in [
        (good.replace("[client]", "[client]\nparalel = 4"), vec!["paralel", "parallel", "backfill.toml"]),
        (good.replace("[client]", "[client]\ntokn = \"x-Canary-value\""), vec!["tokn", "backfill.toml"]),
        (good.replace("[client]", "[client]\nparallel = 0"), vec!["parallel", "1"]),
        (good.replace("[client]", "[client]\nchunk_size = \"x-Canary-value\""), vec!["chunk_size"]),
        (format!("{good}\n[client"), vec!["backfill.toml"]),
        (good.replace("mysql://", "mysql//"), vec!["database"]),
    ] {
        std::fs::write(&config, text).unwrap();
        let out = pull(site, &serve.url, &["--yes"]);
        assert!(!out.all().contains("x-Canary-value"));
        out.refused("configuration", 3, &words);
    }
    std::fs::write(&config, &good).unwrap();
    let mut command = site.pull_command(&serve.url, &["--yes", "--config", "/nowhere/backfill.toml"]);
    run(&mut command).refused("no such file", 3, &["/nowhere/backfill.toml"]);

    let state = site.path("client/backfill-state.json");
    // A folder in its place can be neither read nor replaced, by root neither.
    std::fs::create_dir(&state).unwrap();
    pull(site, &serve.url, &["--yes"]).refused("state is a folder", 3, &["backfill-state.json", "hint:"]);
    std::fs::remove_dir(&state).unwrap();
    site.configure_client("state_file = \"/nowhere/deep/state.json\"", "");
    pull(site, &serve.url, &["--yes"]).refused(
        "no state folder",
        3,
        &["/nowhere/deep", "hint:", "state_file"],
    );
    site.configure_client("", "");
    std::fs::write(&state, b"{\"version\": 99, \"syncs\": []}").unwrap();
    pull(site, &serve.url, &["--yes"]).refused("state of a newer version", 3, &["99", "hint:", "update"]);
    assert_eq!(std::fs::read(&state).unwrap(), b"{\"version\": 99, \"syncs\": []}", "and it is kept");

    std::fs::write(&state, b"{\"version\": 1, \"syncs\": [{\"id\"").unwrap();
    let out = client(site, &["status"]).good("status with a damaged state");
    assert!(out.stderr.contains("damaged") && out.stdout.contains("Nothing was pulled yet"), "{}", out.all());
    let aside: Vec<_> = std::fs::read_dir(site.path("client"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("corrupt"))
        .collect();
    assert_eq!(aside.len(), 1, "{aside:?}");
    let mode =
        |name: &str| std::fs::metadata(site.path("client").join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("backfill.toml"), 0o600, "our own file is as it was");
}

/// The target is the source's server, by whatever name and port and whatever schema: refused, and both are as before.
fn target_is_source(servers: &Servers, flavour: Flavour) {
    let (site, serve) = ready(Site::new(servers, flavour, flavour));
    let here = crate::oracle::contents(&mut site.source_conn(), &[]);
    let port =
        forward(site.source.url("x").rsplit('@').next().unwrap().split('/').next().unwrap().to_owned());
    let user = site.source.url("x").split("://").nth(1).unwrap().split('@').next().unwrap().to_owned();
    let other = format!("{}_other", site.source_db);
    for url in [
        site.source.url(&site.source_db),
        site.source.url(&other),
        format!("mysql://{user}@localhost:{port}/{}", site.source_db),
        format!("mysql://{user}@127.0.0.1:{port}/{other}"),
    ] {
        for arguments in [&["--yes"][..], &["--yes", "--tables", "tags"], &["--dry-run"]] {
            let mut command = site.pull_command(&serve.url, arguments);
            command.env("DATABASE_URL", &url);
            run(&mut command).refused(&url, 4, &["source", "hint:", "DATABASE_URL"]);
        }
    }
    assert_eq!(here, crate::oracle::contents(&mut site.source_conn(), &[]), "production changed");
    assert!(!format!("{:?}", serve.log()).contains(TOKEN));
}
