//! Tests of the configuration as a whole: every refusal with its message, the layers, and that no value is
//! ever shown.

mod layering;
mod limits;
mod refusals;
mod secrets;

use super::*;

/// Long enough to be a token.
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A folder with a `backfill.toml` and a `.env`, and the variables of the environment.
#[derive(Default)]
struct Given<'a> {
    toml: &'a str,
    dot_env: &'a str,
    environment: &'a [(&'a str, &'a str)],
    overrides: Overrides,
}

impl Given<'_> {
    fn load(&self) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(CONFIG_NAME), self.toml).unwrap();
        std::fs::write(folder.path().join(ENV_NAME), self.dot_env).unwrap();
        Config::load(Sources {
            directory: folder.path().to_owned(),
            environment: self.environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            overrides: self.overrides.clone(),
            ..Sources::default()
        })
    }
}

fn file(toml: &str) -> Result<Config> {
    Given { toml, ..Given::default() }.load()
}

fn environment(environment: &[(&str, &str)]) -> Result<Config> {
    Given { environment, ..Given::default() }.load()
}

/// `extra` below what `serve` needs at least.
fn serve(top: &str, server: &str, rest: &str) -> Result<ServeConfig> {
    let toml = format!(
        "token = \"{TOKEN}\"\n{top}\n[database]\nurl = \"mysql://u:p@h/app\"\n[server]\nenabled = true\n{server}\n\
         [sanitize.users]\nemail = \"email\"\n{rest}"
    );
    file(&toml)?.serve()
}

/// `extra` below what `pull` needs at least.
fn pull(top: &str, client: &str) -> Result<PullConfig> {
    let toml = format!(
        "token = \"{TOKEN}\"\n{top}\n[database]\nurl = \"mysql://u:p@h/app\"\n[client]\n{}{client}\n",
        if client.contains("source_url") { "" } else { "source_url = \"https://app.example\"\n" }
    );
    file(&toml)?.pull()
}

/// The message and the hint of what has to be an error.
#[track_caller]
fn refusal<T>(result: Result<T>) -> (String, String) {
    let error = result.err().expect("this has to be refused");
    assert_eq!(error.kind(), crate::error::Kind::Config);
    let hint = error.hint_text().expect("a refusal says what to do").to_owned();
    (error.to_string(), hint)
}
