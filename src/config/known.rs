//! What is configured already, for `install`: each setting by itself, since the others may still be missing.

use super::layers::Setting;
use super::{Config, Environment, TempStrategy, database, env};
use crate::db::{Account, Endpoint};
use crate::error::Result;
use crate::secret::Secret;
use url::Url;

/// The settings that there are, each checked.
#[derive(Debug, Clone)]
pub struct Known {
    /// The (first) token.
    pub token: Option<Secret>,
    /// The database.
    pub database: Option<Endpoint>,
    /// What this side is called, where that was said.
    pub environment: Option<Environment>,
    /// Whether data may be served here.
    pub is_server: bool,
    /// Where the server is.
    pub source_url: Option<Url>,
    /// Where copies are kept, if that was said; needs a database.
    pub temp_strategy: Option<TempStrategy>,
    /// Who makes them.
    pub temp_account: Option<Account>,
    /// Path before every endpoint.
    pub route_prefix: String,
}

impl Config {
    /// What is configured already.
    ///
    /// # Errors
    /// `Kind::Config` for a setting that is there and wrong.
    pub fn known(&self) -> Result<Known> {
        let layers = &self.layers;
        let has_token = layers.list(&[env::TOKEN], "token").is_some();
        let route_prefix = self.route_prefix()?;
        let has_source = layers.text(&[env::SOURCE_URL], "client.source_url")?.is_some();
        let database = database::is_named(layers)?.then(|| self.database()).transpose()?;
        let said = layers.text(&[env::TEMP_STRATEGY], "server.temp_strategy")?.is_some()
            || layers.text(&[env::TEMP_DATABASE], "server.temp_database")?.is_some();
        let temp_strategy = database.as_ref().filter(|_| said).map(|source| self.temp_strategy(source));
        let temp_strategy = temp_strategy.transpose()?;
        let environment = layers.text(env::ENVIRONMENT, "environment")?;
        let environment = environment.map(|Setting { value, origin }| Environment {
            name: value.expose().trim().to_owned(),
            origin: origin.to_string(),
        });
        Ok(Known {
            token: if has_token { self.tokens()?.into_iter().next() } else { None },
            environment,
            is_server: layers.boolean(&[env::SERVER_ENABLED], "server.enabled", false)?,
            source_url: has_source.then(|| self.source_url(&route_prefix)).transpose()?,
            temp_account: self.temp_account(temp_strategy.as_ref())?,
            temp_strategy,
            database,
            route_prefix,
        })
    }
}
