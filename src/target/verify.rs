//! Counting what was loaded, before anything of the application is touched.

use super::doc;
use super::pool::try_each;
use super::site::Site;
use super::staging::{About, Core, Indexed, Staging, Verified};
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Staging<Indexed> {
    /// Counts every staged table and compares with `expected`, rows by table name; a table that is not in it must
    /// be empty. `label` is what the caller calls this data: a later pull that would fetch the same can swap it
    /// instead if this one cannot.
    ///
    /// # Errors
    /// `Integrity` listing every table whose count differs; the server's.
    pub fn verify(
        self,
        expected: &BTreeMap<String, u64>,
        label: &str,
        parallel: usize,
    ) -> Result<Staging<Verified>> {
        let Core { site, about, lock } = self.core;
        lock.check()?;
        let counts = count(&site, &about, parallel)?;
        let wrong: Vec<String> = about
            .plan
            .tables
            .iter()
            .zip(counts)
            .filter_map(|(table, found)| {
                let sent = expected.get(&table.name).copied().unwrap_or(0);
                (sent != found).then(|| format!("`{}`: {sent} sent, {found} loaded", table.name))
            })
            .collect();
        if !wrong.is_empty() {
            return Err(Error::integrity(format!(
                "the rows of {} tables do not add up: {}",
                wrong.len(),
                wrong.join("; ")
            )));
        }
        let about = About { complete: Some(label.to_owned()), ..(*about).clone() };
        doc::write(&mut site.connect(None)?, &about.layout.about(), &about)?;
        let core = Core { site, about: Arc::new(about), lock };
        Ok(Staging { core, state: std::marker::PhantomData })
    }
}

fn count(site: &Site, about: &About, parallel: usize) -> Result<Vec<u64>> {
    let numbers: Vec<usize> = (0..about.plan.tables.len()).collect();
    try_each(
        || site.connect(None),
        parallel,
        &numbers,
        |conn, &number| {
            let staged = about.layout.staged(number, &about.plan.tables[number].name);
            conn.query_one(&format!("SELECT COUNT(*) FROM {staged}"))
        },
    )
}
