//! Whether the target's binlog is written while rows are loaded: off where the account may, and where nobody reads it.

use super::site::{Site, unless_code};
use crate::db::error::server_code;
use crate::db::{Connection, sessions};
use crate::error::{Error, Kind, Result};
use crate::schema::Flavour;

/// What `client.binlog` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinlogMode {
    /// Off where that harms nobody.
    Auto,
    /// Off, or an error.
    Off,
    /// As the server has it.
    On,
}

/// What was decided about the target's binlog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinlogChoice {
    /// Load connections switch it off.
    pub off: bool,
    /// Why, for the summary; none where the target writes none.
    pub why: Option<&'static str>,
}

/// What the decision depends on.
#[derive(Debug, Clone, Copy)]
struct BinlogFacts {
    /// The server writes one.
    on: bool,
    /// The account may switch it off for its session.
    settable: bool,
    /// Somebody reads it, or nobody can tell.
    followed: bool,
    /// The server is on this machine.
    loopback: bool,
}

fn decide(mode: BinlogMode, facts: BinlogFacts) -> Result<BinlogChoice> {
    let stay = |why| Ok(BinlogChoice { off: false, why: Some(why) });
    let refuse = |what: &str, hint: &str| Err(Error::new(Kind::Guard, what).hint(hint));
    if !facts.on {
        return Ok(BinlogChoice { off: false, why: None });
    }
    match mode {
        BinlogMode::On => stay("client.binlog is \"on\""),
        BinlogMode::Auto if !facts.settable => stay("the account may not switch it off"),
        BinlogMode::Auto if facts.followed => stay("a replica may read it"),
        BinlogMode::Auto if !facts.loopback => stay("the target is not on this machine"),
        BinlogMode::Off if facts.followed => refuse(
            "client.binlog is \"off\", and a replica reads the target's binlog: it would miss every row",
            "set client.binlog = \"auto\"",
        ),
        BinlogMode::Off if !facts.settable => Err(Error::new(
            Kind::Privilege,
            "client.binlog is \"off\", and the account may not switch the target's binlog off",
        )
        .hint("grant SESSION_VARIABLES_ADMIN (MariaDB: BINLOG ADMIN), or set client.binlog = \"auto\"")),
        BinlogMode::Auto => {
            Ok(BinlogChoice { off: true, why: Some("no replica reads it, and the target is local") })
        }
        BinlogMode::Off => Ok(BinlogChoice { off: true, why: Some("client.binlog is \"off\"") }),
    }
}

/// Decides about the binlog, asking the server for replicas only where that matters.
pub(super) fn choose(site: &Site, conn: &mut Connection, mode: BinlogMode) -> Result<BinlogChoice> {
    let on = site.facts.log_bin.unwrap_or(false);
    let followed = on && mode != BinlogMode::On && is_followed(site, conn)?;
    let host = site.endpoint.host.as_str();
    let loopback = site.endpoint.socket.is_some()
        || host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    decide(mode, BinlogFacts { on, settable: site.facts.sql_log_bin_settable, followed, loopback })
}

/// Whether a replica or a cluster follows this server, as far as the account can see; yes if it cannot.
fn is_followed(site: &Site, conn: &mut Connection) -> Result<bool> {
    if site.facts.wsrep_on == Some(true) {
        return Ok(true);
    }
    // Without the right to see all connections, no connection seen means nothing.
    // A list that cannot be read just now is not refused.
    let may_see = match conn.query::<u8>("SELECT 1 FROM information_schema.INNODB_TRX LIMIT 1") {
        Err(error) if server_code(&error) == Some(sessions::UNREADABLE) => true,
        looked => unless_refused(looked)?.is_some(),
    };
    if !may_see {
        return Ok(true);
    }
    let list = sessions::list(conn)?;
    let dumps = format!("SELECT COUNT(*) FROM {list} WHERE COMMAND LIKE 'Binlog Dump%'");
    match unless_code(conn.query_one::<u64>(&dumps), &[sessions::UNREADABLE])? {
        Some(0) => {}
        Some(_) | None => return Ok(true),
    }
    let members = match conn.flavour() {
        Flavour::Mariadb => None,
        Flavour::Mysql => unless_refused(conn.query_one::<u64>(
            "SELECT COUNT(*) FROM performance_schema.replication_group_members WHERE MEMBER_STATE <> 'OFFLINE'",
        ))?,
    };
    Ok(members.is_some_and(|count| count > 0))
}

/// Missing rights, tables and variables are no answer; anything else is an error.
fn unless_refused<T>(result: Result<T>) -> Result<Option<T>> {
    unless_code(result, &[1044, 1109, 1142, 1146, 1227])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: BinlogFacts = BinlogFacts { on: true, settable: true, followed: false, loopback: true };

    #[test]
    fn the_binlog_goes_off_only_where_it_harms_nobody() {
        let off = |mode, facts| decide(mode, facts).map(|choice| choice.off).ok();
        let table = [
            (ALL, Some(true), Some(true)),
            (BinlogFacts { on: false, ..ALL }, Some(false), Some(false)),
            (BinlogFacts { settable: false, ..ALL }, Some(false), None),
            (BinlogFacts { followed: true, ..ALL }, Some(false), None),
            (BinlogFacts { loopback: false, ..ALL }, Some(false), Some(true)),
        ];
        for (facts, auto, forced) in table {
            assert_eq!(off(BinlogMode::Auto, facts), auto, "{facts:?}");
            assert_eq!(off(BinlogMode::Off, facts), forced, "{facts:?}");
            assert_eq!(off(BinlogMode::On, facts), Some(false), "{facts:?}");
        }
    }
}
