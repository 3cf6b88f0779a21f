//! Where the files of an installation are, and what is in them.

use super::answers::Answers;
use crate::commands::Context;
use crate::config::{CONFIG_NAME, Config, ENV_NAME, Overrides, Sources, env_entries};
use crate::error::Result;
use crate::install::files;
use crate::install::plan::Situation;
use crate::secret::Secret;
use std::path::{Path, PathBuf};

/// Both files, whether they exist or not.
#[derive(Debug, Clone)]
pub(super) struct Place {
    sources: Sources,
    /// The `backfill.toml`.
    pub(super) config: PathBuf,
    /// The `.env`.
    pub(super) env: PathBuf,
}

impl Place {
    /// The files that are found or named, else those that will be in the current folder.
    pub(super) fn find(context: &Context) -> Result<Self> {
        let sources =
            Sources::of_process(context.config.clone(), context.env_file.clone(), Overrides::default())?;
        let named = |path: &Option<PathBuf>| path.as_ref().map(|path| sources.directory.join(path));
        let (config, env) = (named(&sources.config), named(&sources.env_file));
        let found = Config::load(existing(&sources, config.as_deref(), env.as_deref()))?;
        let config = config
            .or_else(|| found.file().map(Path::to_owned))
            .unwrap_or_else(|| sources.directory.join(CONFIG_NAME));
        let env = env.unwrap_or_else(|| config.parent().unwrap_or(&sources.directory).join(ENV_NAME));
        Ok(Self { sources, config, env })
    }

    /// The configuration as it is in the files.
    pub(super) fn load(&self) -> Result<Config> {
        Config::load(existing(&self.sources, Some(&self.config), Some(&self.env)))
    }

    /// The configuration as it will be.
    pub(super) fn answered(&self, answers: &Answers) -> Result<Config> {
        let mut sources = existing(&self.sources, Some(&self.config), Some(&self.env));
        for variable in answers.variables() {
            sources.environment.insert(variable.name.to_owned(), variable.value.expose().to_owned());
        }
        for (name, value) in answers.server_variables() {
            sources.environment.insert(name.to_owned(), value);
        }
        Config::load(sources)
    }

    /// The folder that `serve` and `pull` run in.
    pub(super) fn folder(&self) -> &Path {
        self.config.parent().unwrap_or(&self.sources.directory)
    }

    /// What is in the files.
    pub(super) fn situation(&self) -> Result<Situation> {
        let env = files::read(&self.env)?;
        let text = env.text.as_ref().map_or("", Secret::expose);
        let env_entries = env_entries(text, &self.env)?;
        let folder = self.env.parent().unwrap_or(&self.sources.directory);
        let (git_ignore, ignoring) = files::git_ignores(folder)?.unzip();
        Ok(Situation {
            env_entries,
            env,
            config: files::read(&self.config)?,
            git_ignore,
            ignoring: ignoring.unwrap_or_default(),
        })
    }
}

/// The sources with these files as far as they exist: a file that is still to be written is no mistake.
fn existing(sources: &Sources, config: Option<&Path>, env: Option<&Path>) -> Sources {
    let there = |path: Option<&Path>| path.filter(|path| path.is_file()).map(Path::to_owned);
    Sources { config: there(config), env_file: there(env), ..sources.clone() }
}
