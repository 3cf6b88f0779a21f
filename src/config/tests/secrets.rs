use super::*;
use proptest::prelude::*;

/// Long enough for a token, and nowhere else in a message.
const CANARY: &str = "CANARYCANARYcanarycanary0123456789xyz";

#[track_caller]
fn silent(what: &dyn fmt::Debug, case: &str) {
    let shown = format!("{what:?} {what:#?}");
    for part in ["CANARY", "canary", "0123456789xyz"] {
        assert!(!shown.contains(part), "{case} gives {shown}");
    }
}

/// Everything that a configuration can be asked for, as text: what fails and what is there.
fn everything(given: &Given<'_>) -> Vec<String> {
    let show = |result: Result<String>| result.unwrap_or_else(|error| format!("{error} {error:?}"));
    match given.load() {
        Err(error) => vec![format!("{error} {error:?}")],
        Ok(config) => vec![
            format!("{config:?}"),
            show(config.serve().map(|serve| format!("{:?} {:?}", serve.tokens, serve.temp_account))),
            show(config.pull().map(|pull| format!("{:?} {:?}", pull.token, pull.database.password))),
            show(config.database().map(|database| format!("{:?}", database.password))),
            show(config.exclude_tables().map(|_| String::new())),
            show(config.state_file().map(|_| String::new())),
            show(config.environment().map(|_| String::new())),
        ],
    }
}

#[test]
fn a_token_in_a_wrong_place_or_broken_syntax_is_never_shown() {
    let table = [
        "tokn = \"C\"",
        "token \"C\"",
        "token = C",
        "token = 'C",
        "token = \"C",
        "token = \"C\" x",
        "token = \"C\"\"",
        "token = \"\\C\"",
        "token = \"\"\"C",
        "token = [\"C\"",
        "token = [\"C\" \"C\"]",
        "token = [\"C\", 5]",
        "token = [[\"C\"]]",
        "token = { a = \"C\" }",
        "token = {\"C\" = 1}",
        "token = \"C\"\ntoken = \"C\"",
        "token = \"a\" # C\n= \"C\"",
        "token.a = \"C\"\ntoken = \"C\"",
        "token = \"C\"\ntoken.x = 1",
        "C",
        "C = ",
        "C = 1",
        "\"C\" = 1",
        "[C]\nx = 1",
        "[server]\nC = 1",
        "[server\ntoken = \"C\"",
        "server = \"C\"",
        "limits = \"C\"",
        "sanitize = \"C\"",
        "[sanitize]\nusers = \"C\"",
        "[sanitize.users]\ntoken = \"C\"",
        "[sanitize.users]\nemail = { type = \"C\" }",
        "[sanitize.users]\nemail = { type = \"email\", C = 1 }",
        "[sanitize.users]\nemail = { type = \"email\", exclude = \"C\" }",
        "[sanitize.users]\nemail = { type = \"hash\", unusable = \"C\" }",
        "[sanitize.users]\nemail = { type = \"email\", where = \"C\" }",
        "[server]\nthreads = \"C\"",
        "[server]\nenabled = \"C\"",
        "[server]\nallow_ips = \"C\"",
        "[server]\ntemp_password = \"C\"",
        "[server]\nspool_max = \"C\"\nenabled = true",
        "[privacy]\nkey = \"C\"",
        "[privacy]\npolicy = \"C\"",
        "exclude_tables = [\"C[\"]",
        "[client]\nsource_url = \"C\"",
        "[client]\nsource_url = \"https://u:C@a.example\"",
        "[client]\nsource_url = \"http://C.example\"",
        "[client]\nbinlog = \"C\"",
        "[client]\nsource_url = \"https://a.example\"\n[hooks]\nsync_failed = \"http://C.example/C\"",
        "[client]\nsource_url = \"https://a.example\"\n[hooks]\nsync_failed = \"https://u:C@a.example/\"",
        "[client]\nsource_url = \"https://a.example\"\n[hooks]\nsync_failed = \"C://a.example/\"",
        "[client]\nkeep_tables = [\"C{\"]",
        "[hooks]\nsync_completed = 5\nsync_failed = \"C\"",
        "[hooks]\nC = 1",
        "[database]\nurl = \"C\"",
        "[database]\nurl = \"mysql://u:C@h/d\"",
        "[database]\nurl = \"mysql://u:C#C@h/d\"",
        "[database]\nurl = \"mysql://u:x@C#C@h/d\"",
        "[database]\nurl = \"mysql://u:C/C@h/d\"",
        "[database]\nurl = \"mysql://C:1/C@h/d\"",
        "[database]\nurl = \"postgres://u:C@h/d\"",
        "[database]\nurl = \"C://u:C@h/d\"",
        "[database]\ntls = \"C\"",
        "[database]\npassword = \"C\"",
    ];
    for case in table {
        let toml = case.replace('C', CANARY);
        silent(&everything(&Given { toml: &toml, ..Given::default() }), case);
        // The keys that are wrong only in meaning have to be reached.
        let top = format!("token = \"{CANARY}\"\n");
        if !case.contains("token") && !case.starts_with('[') {
            silent(&everything(&Given { toml: &format!("{top}{toml}"), ..Given::default() }), case);
        }
    }
}

#[test]
fn every_key_with_a_value_of_every_wrong_type_stays_silent() {
    let enough = [("DATABASE_URL", "mysql://u@h/d"), (env::SERVER_ENABLED, "1"), (env::TOKEN, TOKEN)];
    for key in keys::KEYS {
        for value in ["\"C\"", "[\"C\"]", "[[\"C\"]]", "{ a = \"C\" }", "{ C = 1 }", "'''C'''", "[5, \"C\"]"]
        {
            let table = if key.table().is_empty() { String::new() } else { format!("[{}]\n", key.table()) };
            let case = format!("{table}{} = {value}", key.name());
            let toml = case.replace('C', CANARY);
            for environment in [&[][..], &enough[..]] {
                silent(&everything(&Given { toml: &toml, environment, ..Given::default() }), &case);
            }
        }
    }
}

#[test]
fn every_variable_with_a_value_that_does_not_fit_stays_silent() {
    for name in ENVIRONMENT_NAMES {
        for value in ["C", "mysql://u:C#C@h/d", "mysql://C@h", "https://u:C@h", "C C"] {
            let value = value.replace('C', CANARY);
            silent(&everything(&Given { environment: &[(name, &value)], ..Given::default() }), name);
            for line in [format!("{name}={value}"), format!("{name}='{value}"), format!("{name}={value} $x")]
            {
                silent(&everything(&Given { dot_env: &line, ..Given::default() }), &line);
            }
            let sources =
                Sources { environment: BTreeMap::from([((*name).to_owned(), value)]), ..Sources::default() };
            silent(&sources, name);
        }
    }
}

#[test]
fn checked_settings_do_not_show_their_secrets() {
    let toml = format!(
        "token = \"{CANARY}\"\n[database]\nurl = \"mysql://u:{CANARY}@h/d\"\n[server]\nenabled = true\n\
         [client]\nsource_url = \"https://a.example\"\n[privacy]\npolicy = \"open\"\nkey = \"{CANARY}{CANARY}{CANARY}\"\n\
         [hooks]\nsync_completed = \"curl -H {CANARY}\"\nsync_failed = \"https://a.example/{CANARY}\""
    );
    let config = file(&toml).unwrap();
    silent(&config, "Config");
    silent(&config.serve().unwrap(), "ServeConfig");
    silent(&config.pull().unwrap(), "PullConfig");
    silent(&config.database().unwrap(), "Endpoint");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// A good file with the token in it, damaged anywhere: cut, or with some bytes put in.
    #[test]
    fn a_damaged_file_never_shows_its_token(
        at in 0usize..400, cut in 0usize..6, put in "[\\[\\]{}='\"#\\\\\n a.,]{0,4}"
    ) {
        let good = format!(
            "environment = \"local\"\ntoken = [\"{CANARY}\", \"{CANARY}2\"]\n[database]\nurl = \"mysql://u:{CANARY}@h/d\"\n\
             [server]\nenabled = true\nthreads = 8\n[client]\nsource_url = \"https://a.example\"\n\
             [sanitize.users]\nemail = {{ type = \"email\", exclude = [\"a\"] }}\n"
        );
        let at = at.min(good.len());
        let toml = format!("{}{put}{}", &good[..at], &good[(at + cut).min(good.len())..]);
        let shown = everything(&Given { toml: &toml, ..Given::default() }).join("\n");
        prop_assert!(!shown.contains("canarycanary"), "{toml}\n{shown}");
    }
}
