use super::*;
use crate::error::Kind;

#[test]
fn shape_is_checked_for_the_whole_file() {
    let table = [
        ("tokn = 1", "line 1: unknown key `tokn`", "did you mean `token`?"),
        ("[server]\n\nthread = 8", "line 3: unknown key `server.thread`", "did you mean `threads`?"),
        (
            "[server]\ntoken = \"x\"",
            "line 2: unknown key `server.token`",
            "`token` belongs at the top of the file, above the first [table]",
        ),
        ("threads = 8", "line 1: unknown key `threads`", "`threads` belongs in [server]"),
        (
            "[database]\nparallel = 1",
            "line 2: unknown key `database.parallel`",
            "`parallel` belongs in [client]",
        ),
        ("[clientt]\nparallel = 1", "line 1: unknown key `clientt`", "did you mean `client`?"),
        (
            "[server]\nthreads = \"8\"",
            "line 2: `server.threads` must be an integer, found a string",
            "write it without quotes",
        ),
        (
            "[server]\nthreads = 8.5",
            "line 2: `server.threads` must be an integer, found a decimal number",
            "",
        ),
        ("[server]\nthreads = 99999999999999999999", "line 2: `server.threads` is out of range", ""),
        ("[server]\nenabled = 1", "line 2: `server.enabled` must be true or false, found an integer", ""),
        ("token = 12345", "line 1: `token` must be a string or a list of strings, found an integer", ""),
        ("token = [\"a\", 5]", "line 1: `token` must be a list of strings, found an integer in it", ""),
        (
            "environment = true",
            "line 1: `environment` must be a string, found a boolean",
            "write it in double quotes",
        ),
        ("environment = 2001-01-01", "line 1: `environment` must be a string, found a date or time", ""),
        (
            "exclude_tables = \"a\"",
            "line 1: `exclude_tables` must be a list of strings, found a string",
            "write it in brackets: [\"…\"]",
        ),
        ("[token]\nx = 1", "line 1: `token` must be a string or a list of strings, found a table", ""),
        ("server = 1", "line 1: `server` must be a table, found an integer", ""),
        ("[[server]]\nthreads = 1", "line 1: `server` must be a table, found a list", ""),
        (
            "[server]\nspool_max = true",
            "line 2: `server.spool_max` must be a size such as \"1GiB\" or a number of bytes, found a boolean",
            "",
        ),
        ("a = 1\nb = 2\n[server]\nc = 3", "line 1: unknown key `a` (2 more problems after this one)", ""),
        (
            "[server]\nc = 3\n[client]\na = 1",
            "line 2: unknown key `server.c` (one more problem after this one)",
            "",
        ),
        ("[server]\n\"t.a b\" = 3", "line 2: unknown key in [server]", ""),
        ("token = \"a\"\ntoken = \"b\"", "line 2: duplicate key", "write every key and every [table] once"),
    ];
    for (toml, message, hint) in table {
        let (found, advice) = refusal(file(toml));
        assert_eq!(found, format!("backfill.toml {message}"), "{toml}");
        assert!(hint.is_empty() || advice == hint, "{toml}: {advice}");
    }
}

#[test]
fn rules_have_a_type_and_options_of_a_shape() {
    let table = [
        (
            "exclude_tables = [\"x\"]",
            "line 2: `sanitize.t.exclude_tables` must be a type or a table with `type`, found a list",
            "`exclude_tables` belongs at the top of the file, above the first [table]",
        ),
        (
            "a = 1",
            "line 2: `sanitize.t.a` must be a type or a table with `type`, found an integer",
            "write a = \"TYPE\"",
        ),
        ("a = {}", "line 2: `sanitize.t.a` has no `type`", ""),
        ("a = { type = 1 }", "line 2: `type` of `sanitize.t.a` must be a string, found an integer", ""),
        (
            "a = { type = \"fixed\", value = 2000-01-01 }",
            "line 2: `sanitize.t.a` has an option that is a date: write it in double quotes",
            "",
        ),
        (
            "a = { type = \"fixed\", value = 99999999999999999999 }",
            "line 2: `sanitize.t.a` has an option that is out of range",
            "",
        ),
        (
            "a = { type = \"x\", y = [[[[[[1]]]]]] }",
            "line 2: `sanitize.t.a` has an option that is nested too deeply",
            "",
        ),
        (
            "b = \"null\"\n[sanitize]\nu = \"null\"",
            "line 4: `sanitize.u` must be a table of columns, found a string",
            "write [sanitize.TABLE], and COLUMN = \"TYPE\" below",
        ),
    ];
    for (rule, message, hint) in table {
        let toml = format!("[sanitize.t]\n{rule}");
        let (found, advice) = refusal(file(&toml));
        assert_eq!(found, format!("backfill.toml {message}"), "{toml}");
        assert!(hint.is_empty() || advice == hint, "{toml}: {advice}");
    }
    assert_eq!(
        refusal(file("sanitize = 1")).0,
        "backfill.toml line 1: `sanitize` must be a table of tables, found an integer"
    );
}

#[test]
fn serve_checks_the_meaning_of_its_keys() {
    let at = "(backfill.toml line 7)";
    let table = [
        ("threads = 0", format!("`server.threads` {at} must be from 1 to 256")),
        ("threads = -1", format!("`server.threads` {at} must be from 1 to 256")),
        ("chunk_size = 0", format!("`server.chunk_size` {at} must be from 1 to 1000000")),
        ("max_runs = 0", format!("`server.max_runs` {at} must be from 1 to 1000")),
        ("idle_timeout = 0", format!("`server.idle_timeout` {at} must be from 1 to 604800")),
        ("stall_timeout = 9999999", format!("`server.stall_timeout` {at} must be from 1 to 604800")),
        ("compression_level = 20", format!("`server.compression_level` {at} must be from 1 to 19")),
        ("spool_max = \"1 parsec\"", format!("`server.spool_max` {at} must be a size of at least 1 MiB")),
        ("spool_max = 1024", format!("`server.spool_max` {at} must be a size of at least 1 MiB")),
        ("mask_at = \"cpoy\"", format!("`server.mask_at` {at} must be \"update\" or \"copy\"")),
        (
            "temp_strategy = \"x\"",
            format!("`server.temp_strategy` {at} must be \"database\" or \"tables\" or \"select\""),
        ),
        (
            "mask_at = \"copy\"\ntemp_strategy = \"select\"",
            format!("`server.mask_at` {at} has no effect: with temp_strategy = \"select\" nothing is copied"),
        ),
        (
            "temp_database = \"work\"\ntemp_strategy = \"select\"",
            format!(
                "`server.temp_database` {at} has no effect: with temp_strategy = \"select\" nothing is copied"
            ),
        ),
        (
            "temp_username = \"u\"\ntemp_strategy = \"select\"",
            format!(
                "`server.temp_username` {at} has no effect: with temp_strategy = \"select\" nothing is copied"
            ),
        ),
        (
            "snapshot_lock = \"tables\"",
            format!(
                "`server.snapshot_lock` {at} has no effect: only temp_strategy = \"select\" reads all tables at one moment"
            ),
        ),
        ("snapshot_lock = \"all\"", format!("`server.snapshot_lock` {at} must be \"none\" or \"tables\"")),
        (
            "temp_database = \"work\"\ntemp_strategy = \"tables\"",
            format!(
                "`server.temp_database` {at} has no effect: with temp_strategy = \"tables\" copies are kept in the source database"
            ),
        ),
        (
            "temp_username = \"u\"",
            format!(
                "`server.temp_username` {at} is only half of an account: `server.temp_username` and `server.temp_password` go together"
            ),
        ),
        (
            "temp_password = \"p\"",
            format!(
                "`server.temp_password` {at} is only half of an account: `server.temp_username` and `server.temp_password` go together"
            ),
        ),
        (
            "temp_username = \" \"\ntemp_password = \"p\"",
            format!("`server.temp_username` {at} must not be empty"),
        ),
        ("temp_database = \"\"", format!("`server.temp_database` {at} must not be empty")),
        ("temp_database = \" \"", format!("`server.temp_database` {at} must not be empty")),
        (
            "temp_database = \"App\"",
            format!("`server.temp_database` {at} is the source database, which is never written to"),
        ),
        (
            "temp_database = \"MySQL\"",
            format!("`server.temp_database` {at} is a schema of the server itself"),
        ),
        (
            "temp_database = \"_backfill_1\"",
            format!(
                "`server.temp_database` {at} begins with `_backfill_`, and such schemas are dropped as leftovers"
            ),
        ),
        (
            "datetime_timezone = \"Europe/Paris\"",
            format!("`server.datetime_timezone` {at} must be an offset from UTC, from -12:59 to +14:00"),
        ),
        ("datetime_timezone = \"\"", format!("`server.datetime_timezone` {at} must not be empty")),
        ("bind = \"\"", format!("`server.bind` {at} must not be empty")),
        ("bind = \"8765\"", format!("`server.bind` {at} must be an IP address and a port")),
        ("bind = \"app.example:80\"", format!("`server.bind` {at} must be an IP address and a port")),
        (
            "bind = \"0.0.0.0:80\"",
            format!(
                "`server.bind` {at} is not a loopback address, and plain HTTP would carry the token and the data"
            ),
        ),
        (
            "bind = \"[::]:80\"",
            format!(
                "`server.bind` {at} is not a loopback address, and plain HTTP would carry the token and the data"
            ),
        ),
        (
            "route_prefix = \"/\"",
            format!("`server.route_prefix` {at} must be a path such as \"api/backfill\""),
        ),
        (
            "route_prefix = \"a b\"",
            format!("`server.route_prefix` {at} must be a path such as \"api/backfill\""),
        ),
        (
            "allow_ips = [\"10.0.0.1\", \"10.0.0.1/8\"]",
            format!("`server.allow_ips` {at}: entry 2 is not an address or a range of addresses"),
        ),
    ];
    for (server, message) in table {
        assert_eq!(refusal(serve("", server, "")).0, message, "{server}");
    }
    let half = refusal(serve("", "tls_cert = \"c.pem\"", "")).0;
    assert_eq!(half, "`server.tls_cert` and `server.tls_key` go together, and one of them is missing");
    let tls = serve("", "bind = \"0.0.0.0:80\"\ntls_cert = \"c.pem\"\ntls_key = \"c.key\"", "").unwrap();
    assert!(tls.tls.is_some_and(|files| files.key.ends_with("c.key")), "HTTPS may listen anywhere");
    assert_eq!(
        refusal(serve("exclude_tables = [\"a[\"]", "", "")).0,
        "`exclude_tables` (backfill.toml line 2): entry 1 is not a pattern that can be used"
    );
    let (message, hint) =
        refusal(serve("", "", "[privacy]\npolicy = \"open\"\nkey = \"0123456789012345678901234567890 \""));
    assert_eq!(message, "`privacy.key` (backfill.toml line 12) has fewer than 32 characters");
    assert!(hint.contains("openssl rand -hex 32"), "{hint}");
    assert_eq!(
        refusal(serve("", "", "[privacy]\npolicy = \"strickt\"")),
        (
            "`privacy.policy` (backfill.toml line 11) must be \"open\" or \"warn\" or \"strict\"".to_owned(),
            "did you mean \"strict\"?".to_owned()
        )
    );
    let kept = serve("", "", "[privacy]\nkeep = [\"a.*\", \"secret\"]").unwrap().keep;
    assert_eq!(kept.patterns, ["a.*", "secret"]);
    assert_eq!(
        refusal::<()>(Err(kept.refuse(1))).0,
        "`privacy.keep` (backfill.toml line 11): entry 2 is not a pattern for columns"
    );
}

#[test]
fn the_leak_check_is_off_by_default_and_has_exceptions_only_where_it_is_on() {
    let leak_check =
        |text: &str| serve("", "", &format!("[privacy]\n{text}")).map(|config| config.leak_check);
    assert_eq!(leak_check("").unwrap(), None);
    assert_eq!(leak_check("leak_check = true").unwrap().unwrap().patterns, [""; 0]);
    let except =
        leak_check("leak_check = true\nleak_check_except = [\"shops.*\", \"secret\"]").unwrap().unwrap();
    assert_eq!(except.patterns, ["shops.*", "secret"]);
    assert_eq!(
        refusal::<()>(Err(except.refuse(1))).0,
        "`privacy.leak_check_except` (backfill.toml line 12): entry 2 is not a pattern for columns"
    );
    assert_eq!(
        refusal(leak_check("leak_check_except = []")).0,
        "`privacy.leak_check_except` (backfill.toml line 11) has no effect: `privacy.leak_check` is false"
    );
}

#[test]
fn serve_has_to_be_enabled_and_to_sanitize_something() {
    let base = format!("token = \"{TOKEN}\"\n[database]\nurl = \"mysql://u@h/app\"\n");
    let without = "there is no sanitize rule, so every column would be served as it is";
    let table = [
        (String::new(), Some("the server is not enabled here: `server.enabled` is false")),
        (
            "[server]\nenabled = false".into(),
            Some("the server is not enabled here: `server.enabled` is false"),
        ),
        ("[server]\nenabled = true".into(), Some(without)),
        ("[server]\nenabled = true\n[privacy]\npolicy = \"warn\"".into(), Some(without)),
        ("[server]\nenabled = true\n[sanitize.users]".into(), Some(without)),
        ("[server]\nenabled = true\n[privacy]\npolicy = \"open\"".into(), None),
        ("[server]\nenabled = true\n[privacy]\npolicy = \"strict\"".into(), None),
        ("[server]\nenabled = true\n[sanitize.users]\na = \"null\"".into(), None),
    ];
    for (rest, expected) in table {
        let result = file(&format!("{base}{rest}")).unwrap().serve();
        assert_eq!(result.as_ref().err().map(crate::error::Error::what), expected, "{rest}");
    }
    let pulling = file(&format!("{base}[client]\nsource_url = \"https://a.example\"")).unwrap().pull();
    assert!(pulling.is_ok(), "only serve needs rules: {pulling:?}");
}

#[test]
fn tokens_are_long_and_fit_a_header() {
    let short = "has fewer than 32 characters";
    let odd = "has characters that a token cannot have, such as blanks";
    let table = [
        (format!("\"{}\"", &TOKEN[1..]), Some(format!("`token` (backfill.toml line 1) {short}"))),
        (format!("\"{TOKEN} \""), Some(format!("`token` (backfill.toml line 1) {odd}"))),
        (format!("\"{TOKEN}é\""), Some(format!("`token` (backfill.toml line 1) {odd}"))),
        (
            format!("[\"{TOKEN}\", \"short\"]"),
            Some(format!("`token` (backfill.toml line 1): entry 2 {short}")),
        ),
        ("[]".to_owned(), Some("`token` (backfill.toml line 1) is an empty list".to_owned())),
        ("\"\"".to_owned(), Some(format!("`token` (backfill.toml line 1) {short}"))),
        (format!("\"{TOKEN}\""), None),
        (format!("[\"{TOKEN}\", \"{TOKEN}x\"]"), None),
    ];
    for (token, expected) in table {
        let config = file(&format!("token = {token}")).unwrap();
        match (config.tokens(), expected) {
            (Ok(_), None) => {}
            (result, Some(expected)) => {
                let (message, hint) = refusal(result);
                assert_eq!(message, expected, "{token}");
                assert!(hint.contains("openssl rand -hex 32") && hint.contains("install --print-config"));
            }
            (Err(error), None) => panic!("{token}: {error}"),
        }
    }
    assert_eq!(
        refusal(file("").unwrap().tokens()).0,
        "no token is set: BACKFILL_TOKEN, or `token` in backfill.toml"
    );
    assert_eq!(
        refusal(environment(&[("BACKFILL_TOKEN", "short")]).unwrap().tokens()).0,
        "`BACKFILL_TOKEN` has fewer than 32 characters"
    );
}

#[test]
fn pull_checks_the_meaning_of_its_keys() {
    let table = [
        ("parallel = 0", "`client.parallel` (backfill.toml line 7) must be from 1 to 64"),
        ("timeout = 0", "`client.timeout` (backfill.toml line 7) must be from 1 to 604800"),
        ("chunk_size = 0", "`client.chunk_size` (backfill.toml line 7) must be from 1 to 1000000"),
        (
            "binlog = \"never\"",
            "`client.binlog` (backfill.toml line 7) must be \"auto\" or \"off\" or \"on\"",
        ),
        ("state_file = \"\"", "`client.state_file` (backfill.toml line 7) must not be empty"),
        (
            "keep_tables = [\"{\"]",
            "`client.keep_tables` (backfill.toml line 7): entry 1 is not a pattern that can be used",
        ),
        ("source_url = \"app.example\"", "`client.source_url` (backfill.toml line 6) is not a URL"),
        (
            "source_url = \"mailto:a@b\"",
            "`client.source_url` (backfill.toml line 6) is not a URL with a host",
        ),
        (
            "source_url = \"ftp://a.example\"",
            "`client.source_url` (backfill.toml line 6) must begin with https://",
        ),
        (
            "source_url = \"https://u:p@a.example\"",
            "`client.source_url` (backfill.toml line 6) must not have a user or password in it; the token is sent instead",
        ),
        (
            "source_url = \"https://u@a.example\"",
            "`client.source_url` (backfill.toml line 6) must not have a user or password in it; the token is sent instead",
        ),
        (
            "source_url = \"https://a.example/?x=1\"",
            "`client.source_url` (backfill.toml line 6) must not have a `?` or `#` in it",
        ),
        (
            "source_url = \"https://a.example/#x\"",
            "`client.source_url` (backfill.toml line 6) must not have a `?` or `#` in it",
        ),
        (
            "source_url = \"http://a.example\"",
            "`client.source_url` (backfill.toml line 6) is plain http to another machine",
        ),
        (
            "source_url = \"http://localhost.a.example\"",
            "`client.source_url` (backfill.toml line 6) is plain http to another machine",
        ),
        (
            "source_url = \"https://a.example/api/backfill/\"",
            "`client.source_url` (backfill.toml line 6) ends with the route prefix, which is added to it",
        ),
    ];
    for (client, message) in table {
        assert_eq!(refusal(pull("", client)).0, message, "{client}");
    }
    let base = format!("token = \"{TOKEN}\"\n");
    assert_eq!(refusal(file(&base).unwrap().pull()).0, "no source is configured");
    for good in [
        "source_url = \"http://localhost:8765\"",
        "source_url = \"http://127.0.0.9\"",
        "source_url = \"http://[::1]:1\"",
        "source_url = \"http://a.example\"\nallow_http = true",
    ] {
        assert!(pull("", good).is_ok(), "{good}");
    }
}

#[test]
fn flags_out_of_range_are_usage_errors() {
    let overrides = Overrides { parallel: Some(0), ..Overrides::default() };
    let toml = format!(
        "token = \"{TOKEN}\"\n[database]\nurl = \"mysql://u@h/d\"\n[client]\nsource_url = \"https://a.example\""
    );
    let error = Given { toml: &toml, overrides, ..Given::default() }.load().unwrap().pull().err().unwrap();
    assert_eq!((error.kind(), error.what()), (Kind::Usage, "`--parallel` must be from 1 to 64"));

    let overrides = Overrides { bind: Some("0.0.0.0:1".parse().unwrap()), ..Overrides::default() };
    let toml = format!(
        "token = \"{TOKEN}\"\n[database]\nurl = \"mysql://u@h/d\"\n[server]\nenabled = true\n[privacy]\npolicy = \"open\""
    );
    let error = Given { toml: &toml, overrides, ..Given::default() }.load().unwrap().serve().err().unwrap();
    assert_eq!(error.kind(), Kind::Usage);
    assert_eq!(
        error.what(),
        "`--bind` is not a loopback address, and plain HTTP would carry the token and the data"
    );
}

#[test]
fn hooks_are_commands_or_addresses_that_may_be_posted_to() {
    use super::super::hooks::Action;
    let hook = |value: &str, allow_http: bool| {
        pull("", &format!("allow_http = {allow_http}\n[hooks]\nsync_failed = '{value}'"))
            .map(|config| config.hooks.sync_failed.unwrap())
    };
    let table = [
        ("https://u@a.example/", "must not have a user or password in it"),
        ("https://:p@a.example/", "must not have a user or password in it"),
        ("http://a.example/", "is plain http to another machine"),
        ("ftp://a.example/", "must begin with https://"),
        ("https://", "is not a URL"),
        (" ", "is no command line"),
        ("", "must not be empty"),
    ];
    for (value, what) in table {
        let (found, _) = refusal(hook(value, false));
        assert_eq!(found, format!("`hooks.sync_failed` (backfill.toml line 9) {what}"), "{value}");
    }
    for (value, allow_http, expected) in [
        ("https://a.example:8443/x?y=z", false, "a.example"),
        ("HTTPS://a.example", false, "a.example"),
        ("http://[::1]:80/", false, "[::1]"),
        ("http://a.example/", true, "a.example"),
    ] {
        let found = hook(value, allow_http).unwrap();
        assert_eq!(found.origin, "`hooks.sync_failed` (backfill.toml line 9)");
        let Action::Post { url, host } = found.action else { panic!("{value}") };
        assert_eq!((url.expose(), host.as_str()), (value, expected));
    }
    for value in ["curl -d @- https://a.example", "./hook.sh", "echo a://b", "true"] {
        assert!(matches!(hook(value, false).unwrap().action, Action::Command { .. }), "{value}");
    }
}
