//! Which files an installation changes, decided from what is there and what was answered. Pure.

use super::env_file::{self, Variable};
use super::ignore::{self, Ignoring};
use super::toml_file::{self, NewRule, Setting};
use crate::config::EnvEntry;
use crate::error::Result;
use crate::secret::Secret;
use std::path::PathBuf;

/// A file as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Present {
    /// Where.
    pub path: PathBuf,
    /// Its text; none if there is no such file.
    pub text: Option<Secret>,
}

/// What is there.
#[derive(Debug, Clone, Default)]
pub struct Situation {
    /// The `.env`.
    pub env: Present,
    /// Its assignments.
    pub env_entries: Vec<EnvEntry>,
    /// The `backfill.toml`.
    pub config: Present,
    /// The `.gitignore` beside the `.env`; none outside of repositories.
    pub git_ignore: Option<Present>,
    /// Every `.gitignore` that concerns that folder, the outermost first.
    pub ignoring: Vec<Ignoring>,
}

/// What is wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Variables of the `.env`.
    pub variables: Vec<Variable>,
    /// Keys of `[server]`.
    pub settings: Vec<Setting>,
    /// Rules.
    pub rules: Vec<NewRule>,
    /// Files beside the `.env` that are for nobody else.
    pub private: Vec<&'static str>,
}

/// One file that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub path: PathBuf,
    /// Whether it is new.
    pub is_new: bool,
    /// Its new text.
    pub text: Secret,
    /// Its text now; another one when it is written means that somebody else was there.
    pub before: Option<Secret>,
    /// What changes, in words, without values.
    pub what: String,
    /// Whether secrets go into it.
    pub is_private: bool,
}

/// The files that change; none if everything is as it is wanted.
///
/// # Errors
/// `Usage` for values that cannot be written, `Config` for a `backfill.toml` that cannot be read.
pub fn changes(situation: &Situation, wanted: &Wanted) -> Result<Vec<Change>> {
    let changes = [env(situation, wanted)?, config(situation, wanted)?, git_ignore(situation, wanted)];
    Ok(changes.into_iter().flatten().collect())
}

fn change(present: &Present, text: Secret, what: String, is_private: bool) -> Option<Change> {
    (present.text.as_ref() != Some(&text)).then(|| Change {
        path: present.path.clone(),
        is_new: present.text.is_none(),
        before: present.text.clone(),
        text,
        what,
        is_private,
    })
}

fn env(situation: &Situation, wanted: &Wanted) -> Result<Option<Change>> {
    if wanted.variables.is_empty() {
        return Ok(None);
    }
    let text = situation.env.text.as_ref().map_or("", Secret::expose);
    let edited = env_file::set(text, &situation.env_entries, &wanted.variables)?;
    let part =
        |verb: &str, names: &[&str]| (!names.is_empty()).then(|| format!("{verb} {}", names.join(", ")));
    let what = [part("set", &edited.added), part("CHANGE", &edited.changed)];
    let what = what.into_iter().flatten().collect::<Vec<_>>().join("; ");
    Ok(change(&situation.env, edited.text, what, true))
}

fn config(situation: &Situation, wanted: &Wanted) -> Result<Option<Change>> {
    let Situation { config, .. } = situation;
    let text = toml_file::edit(config.text.as_ref().map(Secret::expose), &wanted.settings, &wanted.rules)?;
    let mut what = Vec::new();
    if config.text.is_none() {
        what.push("every key with its default, commented out".to_owned());
    }
    let shown = |setting: &Setting| format!("server.{} = {}", setting.key, setting.value.to_string().trim());
    what.extend(wanted.settings.iter().map(shown));
    match wanted.rules.len() {
        0 => {}
        1 => what.push("1 rule".to_owned()),
        number => what.push(format!("{number} rules")),
    }
    Ok(change(config, Secret::new(text), what.join("; "), false))
}

fn git_ignore(situation: &Situation, wanted: &Wanted) -> Option<Change> {
    let present = situation.git_ignore.as_ref()?;
    let missing = ignore::missing(&wanted.private, &situation.ignoring);
    if missing.is_empty() {
        return None;
    }
    let text = ignore::edit(present.text.as_ref().map_or("", Secret::expose), &missing);
    change(present, Secret::new(text), format!("add {}", missing.join(", ")), false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{env_entries, template};
    use std::path::Path;

    fn present(name: &str, text: Option<&str>) -> Present {
        Present { path: name.into(), text: text.map(Secret::new) }
    }

    fn situation(env: Option<&str>, config: Option<&str>, git: Option<Option<&str>>) -> Situation {
        let ignoring = git.flatten().map(|text| Ignoring { below: String::new(), text: text.to_owned() });
        Situation {
            env: present(".env", env),
            env_entries: env_entries(env.unwrap_or(""), Path::new(".env")).unwrap(),
            config: present("backfill.toml", config),
            git_ignore: git.map(|text| present(".gitignore", text)),
            ignoring: ignoring.into_iter().collect(),
        }
    }

    fn wanted() -> Wanted {
        Wanted {
            variables: vec![Variable { name: "BACKFILL_TOKEN", value: "s3cret".into() }],
            settings: vec![Setting { key: "enabled", value: true.into() }],
            rules: Vec::new(),
            private: vec![".env"],
        }
    }

    fn told(situation: &Situation) -> Vec<String> {
        let changes = changes(situation, &wanted()).unwrap();
        let tell = |change: &Change| {
            let verb = if change.is_new { "create" } else { "update" };
            format!("{verb} {}: {}", change.path.display(), change.what)
        };
        changes.iter().map(tell).collect()
    }

    #[test]
    fn only_what_is_not_as_wanted_changes() {
        let enabled = "[server]\nenabled = true\n";
        for (env, config, git, expected) in [
            (
                None,
                None,
                Some(None),
                vec![
                    "create .env: set BACKFILL_TOKEN",
                    "create backfill.toml: every key with its default, commented out; server.enabled = true",
                    "create .gitignore: add .env",
                ],
            ),
            (None, Some(enabled), None, vec!["create .env: set BACKFILL_TOKEN"]),
            (
                Some("BACKFILL_TOKEN=other\n"),
                Some(enabled),
                Some(Some(".env\n")),
                vec!["update .env: CHANGE BACKFILL_TOKEN"],
            ),
            (Some("BACKFILL_TOKEN='s3cret'"), Some(enabled), Some(Some("/.env")), vec![]),
            (
                Some("BACKFILL_TOKEN=s3cret"),
                Some("[server]\nenabled = false\n"),
                Some(Some("x")),
                vec!["update backfill.toml: server.enabled = true", "update .gitignore: add .env"],
            ),
        ] {
            assert_eq!(told(&situation(env, config, git)), expected, "{env:?} {config:?} {git:?}");
        }
    }

    #[test]
    fn nothing_changes_the_second_time() {
        let first = situation(Some("A=1"), None, Some(Some("target")));
        let done = changes(&first, &wanted()).unwrap();
        let text = |at: usize| done[at].text.expose();
        assert_ne!(text(1), template());
        let second = situation(Some(text(0)), Some(text(1)), Some(Some(text(2))));
        assert_eq!(changes(&second, &wanted()).unwrap(), []);
        assert!(!format!("{done:?}").contains("s3cret"));
    }
}
