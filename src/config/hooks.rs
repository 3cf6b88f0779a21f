//! What is run or called after a pull. Hooks come from the configuration file alone: no variable sets one, and nothing
//! that a server sends does.

use super::Config;
use super::layers::{Origin, Setting};
use super::pull::is_loopback;
use crate::error::Result;
use crate::secret::Secret;
use std::path::PathBuf;
use url::Url;

/// The hooks of a pull.
#[derive(Debug, Clone, Default)]
pub struct Hooks {
    /// After a pull that is in place.
    pub sync_completed: Option<Hook>,
    /// After a pull that failed.
    pub sync_failed: Option<Hook>,
}

/// One hook.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Its key and where it was set, for messages: "`hooks.sync_failed` (backfill.toml line 9)".
    pub origin: String,
    /// What it does.
    pub action: Action,
}

/// What a hook does. Command lines and addresses may hold secrets of their owner, so neither is ever shown.
#[derive(Debug, Clone)]
pub enum Action {
    /// Runs a command.
    Command {
        /// For `sh -c`.
        line: Secret,
        /// Where it runs: the folder that relative paths of the configuration are relative to.
        folder: PathBuf,
    },
    /// Posts to an address.
    Post {
        /// Where to.
        url: Secret,
        /// The host in it, for messages.
        host: String,
    },
}

impl Config {
    /// The hooks.
    ///
    /// # Errors
    /// `Kind::Config` for an address that cannot be posted to, and for text that is no command line.
    pub(super) fn hooks(&self) -> Result<Hooks> {
        Ok(Hooks {
            sync_completed: self.hook("hooks.sync_completed")?,
            sync_failed: self.hook("hooks.sync_failed")?,
        })
    }

    fn hook(&self, path: &'static str) -> Result<Option<Hook>> {
        let Some(Setting { value, origin }) = self.layers.text(&[], path)? else { return Ok(None) };
        let text = value.expose().trim();
        let action = if text.is_empty() || text.contains('\0') {
            return Err(origin
                .error("is no command line")
                .hint("write a command for sh, or an https:// address"));
        } else if is_address(text) {
            let host = check_address(text, &origin, self.layers.boolean(&[], "client.allow_http", false)?)?;
            Action::Post { url: Secret::new(text), host }
        } else {
            Action::Command { line: Secret::new(text), folder: self.folder.clone() }
        };
        Ok(Some(Hook { origin: origin.to_string(), action }))
    }
}

/// Whether it begins as an address does: no command is called `https://…`.
fn is_address(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

/// The host of an address that may be posted to.
fn check_address(text: &str, origin: &Origin, allow_http: bool) -> Result<String> {
    const SHAPE: &str = "write https://HOST/PATH, or a command for sh";
    let bad = |what: &str| Err(origin.error(what).hint(SHAPE));
    let Ok(url) = Url::parse(text) else { return bad("is not a URL") };
    let Some(host) = url.host() else { return bad("is not a URL with a host") };
    if !matches!(url.scheme(), "http" | "https") {
        return bad("must begin with https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(origin
            .error("must not have a user or password in it")
            .hint("use a command such as curl, which can send them"));
    }
    if url.scheme() == "http" && !allow_http && !is_loopback(&host) {
        return Err(origin.error("is plain http to another machine").hint(
            "use https; or set allow_http = true in [client] if nobody can listen on the way (VPN, tunnel)",
        ));
    }
    Ok(host.to_string())
}
