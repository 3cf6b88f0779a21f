//! The statements that give accounts their rights. The README shows the same ones.

use crate::schema::{Flavour, Version};
use crate::source::workspace::{Home, binlog_right, read_grant};
use crate::sql::Ident;

/// An account of a database server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grantee {
    /// The user.
    pub user: String,
    /// Where it may come from.
    pub host: String,
}

impl Grantee {
    /// Out of what `CURRENT_USER()` says.
    #[must_use]
    pub fn parse(current_user: &str) -> Option<Self> {
        let (user, host) = current_user.rsplit_once('@')?;
        Some(Self { user: user.to_owned(), host: host.to_owned() })
    }

    /// As statements name it.
    #[must_use]
    pub fn sql(&self) -> String {
        let quoted = |name: &str| match name.contains(['\'', '\\']) {
            false => format!("'{name}'"),
            true => Ident::new(name).to_string(),
        };
        format!("{}@{}", quoted(&self.user), quoted(&self.host))
    }
}

/// What a server takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceGrants {
    /// Without them nothing is served.
    pub needed: Vec<String>,
    /// What each further right is good for, and its statement.
    pub useful: Vec<(&'static str, String)>,
}

/// What the accounts of a source are granted: `main` reads it, and makes the copies too unless `temp` does.
#[must_use]
pub fn source(
    home: &Home,
    main: &Grantee,
    temp: Option<&Grantee>,
    server: Option<(Flavour, Version)>,
) -> SourceGrants {
    let to = |grant: &str, whom: &Grantee| format!("{grant} TO {};", whom.sql());
    let copying = temp.unwrap_or(main);
    let mut needed: Vec<String> = temp.map(|_| to(&read_grant(home.source()), main)).into_iter().collect();
    needed.extend(home.grants().iter().map(|grant| to(grant, copying)));
    let binlog = server.map(|(flavour, version)| {
        let grant = format!("GRANT {} ON *.*", binlog_right(flavour, version));
        ("keeps copies out of the binary log", to(&grant, copying))
    });
    let process = ("sees sessions that wait for a table, and gives way", to("GRANT PROCESS ON *.*", main));
    SourceGrants { needed, useful: binlog.into_iter().chain([process]).collect() }
}

/// What the account of a source is granted that is masked while it is read.
#[must_use]
pub fn read_only(database: &str, main: &Grantee, server: Option<(Flavour, Version)>) -> SourceGrants {
    let to = |grant: &str| format!("{grant} TO {};", main.sql());
    let mariadb = server.filter(|(flavour, _)| *flavour == Flavour::Mariadb);
    let binlog = mariadb.map(|(flavour, version)| {
        let grant = format!("GRANT {} ON *.*", binlog_right(flavour, version));
        ("gives tables back that others want to change while a run goes on", to(&grant))
    });
    let process = ("sees sessions that wait for a table, and gives way", to("GRANT PROCESS ON *.*"));
    let lock = format!("GRANT LOCK TABLES ON {}.*", Ident::new(database));
    let lock = ("for snapshot_lock = \"tables\"", to(&lock));
    SourceGrants {
        needed: vec![to(&read_grant(database))],
        useful: binlog.into_iter().chain([process, lock]).collect(),
    }
}

/// What the account of a target is granted.
#[must_use]
pub fn target(database: &str, whom: &Grantee) -> Vec<String> {
    let own = Ident::new(database).to_string();
    [own.as_str(), "`\\_backfill\\_%`"]
        .iter()
        .map(|on| format!("GRANT ALL ON {on}.* TO {};", whom.sql()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_quoted() {
        let account = Grantee::parse("o'neil@x@10.0.%").unwrap();
        assert_eq!((account.user.as_str(), account.host.as_str()), ("o'neil@x", "10.0.%"));
        assert_eq!(account.sql(), "`o'neil@x`@'10.0.%'");
        assert_eq!(Grantee::parse("nobody"), None);
    }

    #[test]
    fn who_only_reads_needs_select_alone() {
        let reader = Grantee { user: "r".into(), host: "%".into() };
        let of = |flavour| read_only("app", &reader, Some((flavour, Version(10, 11, 0))));
        assert_eq!(of(Flavour::Mariadb).needed, ["GRANT SELECT ON `app`.* TO 'r'@'%';"]);
        assert_eq!(of(Flavour::Mariadb).useful[0].1, "GRANT BINLOG ADMIN ON *.* TO 'r'@'%';");
        assert_eq!(of(Flavour::Mysql).useful.len(), 2, "MySQL gives tables back without");
    }

    #[test]
    fn a_target_takes_its_database_and_schemas_of_ours() {
        let dev = Grantee { user: "dev".into(), host: "localhost".into() };
        assert_eq!(
            target("app", &dev),
            [
                "GRANT ALL ON `app`.* TO 'dev'@'localhost';",
                "GRANT ALL ON `\\_backfill\\_%`.* TO 'dev'@'localhost';"
            ]
        );
    }
}
