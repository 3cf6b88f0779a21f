//! The lines that the two sides need, and how the server is kept running: text for people to copy.

use std::path::Path;

/// What stands for a token that is not to be shown.
pub const HIDDEN_TOKEN: &str = "…";

/// What both sides agree on, as far as it is known here.
#[derive(Debug, Clone, Copy)]
pub struct Agreed<'a> {
    /// The token, or [`HIDDEN_TOKEN`].
    pub token: &'a str,
    /// Where the server is; none if that is not known.
    pub source_url: Option<&'a str>,
    /// What the client is called.
    pub environment: &'a str,
}

/// The `.env` of the server.
#[must_use]
pub fn server_env(agreed: Agreed<'_>) -> Vec<String> {
    vec![
        format!("BACKFILL_TOKEN={}", agreed.token),
        "DATABASE_URL=mysql://USER:PASSWORD@HOST:3306/DATABASE".to_owned(),
        "BACKFILL_SERVER_ENABLED=true".to_owned(),
    ]
}

/// The `.env` of a client.
#[must_use]
pub fn client_env(agreed: Agreed<'_>) -> Vec<String> {
    vec![
        format!("BACKFILL_TOKEN={}", agreed.token),
        format!("BACKFILL_SOURCE_URL={}", agreed.source_url.unwrap_or("https://THE-SERVER")),
        format!("BACKFILL_ENV={}", agreed.environment),
        "DATABASE_URL=mysql://USER:PASSWORD@127.0.0.1:3306/DATABASE".to_owned(),
    ]
}

/// A unit that keeps `program serve` running in `folder`.
#[must_use]
pub fn systemd_unit(program: &Path, folder: &Path) -> String {
    format!(
        "[Unit]\nDescription=backfill: sanitized copies of the database\nAfter=network-online.target\n\n\
         [Service]\nUser=WHO-OWNS-THESE-FILES\nWorkingDirectory={}\nExecStart={} serve\nRestart=on-failure\nRestartSec=5\n\n\
         [Install]\nWantedBy=multi-user.target",
        folder.display(),
        program.display()
    )
}

/// The part of an nginx configuration that puts HTTPS in front.
#[must_use]
pub fn nginx_location(route_prefix: &str, bind: &str) -> String {
    format!(
        "location /{route_prefix}/ {{\n    proxy_pass http://{bind};\n    proxy_http_version 1.1;\n    \
         proxy_buffering off;\n    proxy_read_timeout 300s;\n}}"
    )
}
