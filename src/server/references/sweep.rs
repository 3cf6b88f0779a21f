//! Finds rows whose parents are not in the result, and decides which of them have to go.
//!
//! A row goes if it is not at the source any more as it was delivered, or has a parent there that was not delivered. A
//! row that dangles at the source now is what the source has, and stays: of restricted tables too, where a limit may
//! want it. What goes may leave rows of its own without parent: they are looked at in turn, until nothing changes.
//!
//! Where the parents come as a delta, those that are older than it were delivered by earlier pulls: their children stay.
//! What goes has to come again with the next delta, so the moment of each row is told.

use super::set::Difference;
use super::{Layout, References};
use crate::error::{Error, Result};
use crate::plan::checked::{Checked, Compared, Key};
use crate::wire::moment::Moment;
use std::collections::{HashMap, HashSet};

/// Missing values that are looked for in one pass over a log.
const SLICE: usize = 256 * 1024;
/// Rows that are looked up at the source by one statement.
pub(super) const LOOKUP_ROWS: usize = 500;
/// Bytes of their cells.
const LOOKUP_BYTES: usize = 256 * 1024;
/// By how much more there may be where a whole table is walked for them.
const WALK_FACTOR: usize = 64;

/// Cells that are not NULL.
pub(super) type Cells = Vec<Vec<u8>>;

/// A delivered row that references something that is missing.
#[derive(Debug)]
pub(super) struct Candidate {
    /// What names it: the cells of [`Checked::identity`].
    pub(super) identity: Cells,
    /// What it references.
    pub(super) referencing: Cells,
    number: u64,
    hash: u64,
    /// What it is referenced by, for each key of its table that is not NULL.
    keys: Vec<(usize, u64)>,
}

impl Candidate {
    fn bytes(&self) -> usize {
        self.identity.iter().chain(&self.referencing).map(Vec::len).sum()
    }
}

/// A row as the source has it now, beside one parent of it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) identity: Cells,
    /// None if it references nothing any more.
    pub(super) referencing: Option<Cells>,
    /// None if the row dangles.
    pub(super) parent: Option<Parent>,
    /// From when on a delta has the row; none if every delta has, or the table can have none.
    pub(super) moment: Option<Moment>,
}

/// A parent as the source has it now.
#[derive(Debug)]
pub(super) struct Parent {
    /// By what its key is compared.
    pub(super) key: Cells,
    /// Whether it is older than the delta that its table comes as.
    pub(super) is_earlier: bool,
}

/// What is true at the source now.
pub(super) trait Now {
    /// Those of `rows` that hold for the reference, each as often as it has parents, once if it has none.
    fn find(&mut self, checked: &Checked, rows: &[Candidate]) -> Result<Vec<Found>>;

    /// The keys of those parents that have one of these values and are older than the delta that their table comes as.
    fn earlier(&mut self, checked: &Checked, values: &[Cells]) -> Result<Vec<Cells>>;
}

/// Where rows that go are told.
pub(super) trait Removals {
    /// All rows of the child that have this identity, of which there are so many.
    fn remove(&mut self, checked: &Checked, identity: &[Vec<u8>], rows: u64) -> Result<()>;

    /// The next delta of the child must have what is of this moment.
    fn comes_again(&mut self, checked: &Checked, moment: Moment);
}

/// Takes back what must not stay; says how many rows.
///
/// # Errors
/// The source's; `Internal` when what was recorded cannot be read back.
pub(super) fn sweep(references: &References, now: &mut dyn Now, out: &mut dyn Removals) -> Result<u64> {
    let keys = references.checks.keys.len();
    let mut sweep = Sweep {
        references,
        now,
        out,
        removed: references.logs.iter().map(|_| HashSet::new()).collect(),
        gone: vec![HashSet::new(); keys],
        fresh: vec![HashSet::new(); keys],
        spelled: HashMap::new(),
    };
    sweep.never_there()?;
    sweep.not_there_any_more()?;
    Ok(sweep.removed.iter().map(|rows| rows.len() as u64).sum())
}

/// Which rows are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    /// All that were delivered.
    Delivered,
    /// Those that do not go yet.
    Left,
}

struct Sweep<'a> {
    references: &'a References,
    now: &'a mut dyn Now,
    out: &'a mut dyn Removals,
    /// By table: numbers of rows that go.
    removed: Vec<HashSet<u64>>,
    /// By key: values of rows that go, all and those whose children were not looked at yet.
    gone: Vec<HashSet<u64>>,
    fresh: Vec<HashSet<u64>>,
    /// Values that mean a key of another hash, by the key and that hash.
    spelled: HashMap<(usize, u64), HashSet<u64>>,
}

impl Sweep<'_> {
    /// Rows whose parents were not delivered.
    fn never_there(&mut self) -> Result<()> {
        let references = self.references;
        for (at, checked) in references.checks.references.iter().enumerate() {
            let of = references.children[at].get().ok_or_else(unread)?;
            let without = references.keys[checked.key].get().ok_or_else(unread)?;
            let mut missing = Difference::new(of, without, &references.store)?;
            loop {
                let slice = missing.take(SLICE)?;
                if slice.is_empty() {
                    break;
                }
                let is_missing = |hash| slice.binary_search(&hash).is_ok();
                let earlier = self.earlier(at, &is_missing)?;
                self.visit(at, &|hash| is_missing(hash) && !earlier.contains(&hash))?;
            }
        }
        Ok(())
    }

    /// Those of the missing values that are parents of earlier pulls. Most of what a delta's rows reference is such: each is
    /// looked up once, not for every row.
    fn earlier(&mut self, at: usize, is_missing: &dyn Fn(u64) -> bool) -> Result<HashSet<u64>> {
        let mut earlier = HashSet::new();
        let checked = &self.references.checks.references[at];
        if !self.references.checks.keys[checked.key].has_earlier {
            return Ok(earlier);
        }
        let (mut seen, mut values) = (HashSet::new(), Vec::new());
        let most = at_once(checked.masked, LOOKUP_ROWS);
        self.candidates(at, is_missing, Rows::Delivered, |sweep, candidates| {
            let fresh = candidates.into_iter().filter(|candidate| seen.insert(candidate.hash));
            values.extend(fresh.map(|candidate| candidate.referencing));
            if values.len() >= most {
                sweep.add_earlier(checked, &std::mem::take(&mut values), &mut earlier)?;
            }
            Ok(())
        })?;
        self.add_earlier(checked, &values, &mut earlier)?;
        Ok(earlier)
    }

    fn add_earlier(&mut self, checked: &Checked, values: &[Cells], earlier: &mut HashSet<u64>) -> Result<()> {
        if values.is_empty() {
            return Ok(());
        }
        let found = self.now.earlier(checked, values)?;
        earlier.extend(found.iter().map(|key| self.key_hash(checked.key, key)));
        Ok(())
    }

    /// The hash of a key as the source has it: equal to that of a delivered row with the same.
    fn key_hash(&self, key: usize, cells: &[Vec<u8>]) -> u64 {
        let compared = &self.references.checks.keys[key].compared;
        let cell = |part| {
            let at = compared.iter().position(|known| *known == part)?;
            cells.get(at).map(Vec::as_slice)
        };
        self.references.hash(compared, cell, &mut Vec::new()).unwrap_or_default()
    }

    /// Rows whose parents go.
    fn not_there_any_more(&mut self) -> Result<()> {
        let references = self.references;
        while let Some(key) = self.fresh.iter().position(|fresh| !fresh.is_empty()) {
            let mut fresh = std::mem::take(&mut self.fresh[key]);
            self.keep_shared(key, &mut fresh)?;
            let others = fresh.iter().filter_map(|hash| self.spelled.remove(&(key, *hash)));
            let others: Vec<u64> = others.flatten().collect();
            self.gone[key].extend(&fresh);
            fresh.extend(others);
            if fresh.is_empty() {
                continue;
            }
            for (at, _) in references.checks.references.iter().enumerate().filter(|(_, c)| c.key == key) {
                self.visit(at, &|hash| fresh.contains(&hash))?;
            }
        }
        Ok(())
    }

    /// Where the referenced columns are not unique, other rows may still have the value.
    fn keep_shared(&self, key: usize, fresh: &mut HashSet<u64>) -> Result<()> {
        let of = &self.references.checks.keys[key];
        if of.unique {
            return Ok(());
        }
        let layout = Layout::new(&self.references.checks, of.table);
        let mut spare = Vec::new();
        let log = self.references.logs[of.table].get().ok_or_else(unread)?;
        log.for_each(&self.references.store, |number, row| {
            if !self.removed[of.table].contains(&number)
                && let Some(hash) =
                    self.references.hash(&of.compared, |part| row[layout.compared(part)?], &mut spare)
            {
                fresh.remove(&hash);
            }
            Ok(())
        })
    }

    /// Looks at all rows whose reference is missing.
    fn visit(&mut self, at: usize, is_missing: &dyn Fn(u64) -> bool) -> Result<()> {
        let checked = &self.references.checks.references[at];
        // Without a key of its own a row cannot be told from others with the same values: they go together.
        if checked.index.is_some() {
            self.candidates(at, is_missing, Rows::Left, |sweep, candidates| {
                for candidate in sweep.decide(at, candidates)? {
                    sweep.take(checked, &candidate);
                    sweep.out.remove(checked, &candidate.identity, 1)?;
                }
                Ok(())
            })
        } else {
            self.visit_values(at, checked, is_missing)
        }
    }

    /// A value goes if no row that was delivered with it stays, however each spells it.
    fn visit_values(&mut self, at: usize, checked: &Checked, is_missing: &dyn Fn(u64) -> bool) -> Result<()> {
        let mut seen: HashSet<Cells> = HashSet::new();
        let mut going: HashMap<u64, (Cells, u64)> = HashMap::new();
        let mut staying: HashSet<u64> = HashSet::new();
        self.candidates(at, is_missing, Rows::Delivered, |sweep, mut candidates| {
            candidates.retain(|candidate| seen.insert(candidate.identity.clone()));
            let mut all: HashMap<u64, u64> =
                candidates.iter().map(|candidate| (candidate.number, candidate.hash)).collect();
            for candidate in sweep.decide(at, candidates)? {
                all.remove(&candidate.number);
                going.insert(candidate.hash, (candidate.identity, 0));
            }
            staying.extend(all.values());
            Ok(())
        })?;
        going.retain(|value, _| !staying.contains(value));
        if going.is_empty() {
            return Ok(());
        }
        self.candidates(at, is_missing, Rows::Left, |sweep, candidates| {
            for candidate in candidates {
                if let Some((_, rows)) = going.get_mut(&candidate.hash) {
                    *rows += 1;
                    sweep.take(checked, &candidate);
                }
            }
            Ok(())
        })?;
        let mut going = going.into_values().filter(|(_, rows)| *rows > 0);
        going.try_for_each(|(identity, rows)| self.out.remove(checked, &identity, rows))
    }

    /// Hands the rows of a reference's child to `each`, in batches, whose reference is missing.
    fn candidates(
        &mut self,
        at: usize,
        is_missing: &dyn Fn(u64) -> bool,
        rows: Rows,
        mut each: impl FnMut(&mut Self, Vec<Candidate>) -> Result<()>,
    ) -> Result<()> {
        let references = self.references;
        let checks = &references.checks;
        let checked = &checks.references[at];
        let layout = Layout::new(checks, checked.child);
        let condition = layout.condition(at);
        let (identity, referencing) = (layout.logged(&checked.identity), layout.logged(&checked.cells));
        let keys: Vec<(usize, &Key)> =
            checks.keys.iter().enumerate().filter(|(_, key)| key.table == checked.child).collect();
        let log = references.logs[checked.child].get().ok_or_else(unread)?;
        let (mut batch, mut bytes, mut spare) = (Vec::new(), 0, Vec::new());
        let walked = checked.named_by_masks;
        let (rows_max, bytes_max) = (at_once(walked, LOOKUP_ROWS), at_once(walked, LOOKUP_BYTES));
        log.for_each(&references.store, |number, row| {
            let mut hash_of = |compared: &[Compared]| {
                references.hash(compared, |part| row[layout.compared(part)?], &mut spare)
            };
            let Some(hash) = hash_of(&checked.compared) else { return Ok(()) };
            if condition.is_some_and(|at| row[at] != Some(b"1"))
                || !is_missing(hash)
                || (rows == Rows::Left && self.removed[checked.child].contains(&number))
            {
                return Ok(());
            }
            let owned = |cells: &[usize]| -> Cells {
                cells.iter().map(|at| row[*at].unwrap_or_default().to_vec()).collect()
            };
            let candidate = Candidate {
                identity: owned(&identity),
                referencing: owned(&referencing),
                number,
                hash,
                keys: keys.iter().filter_map(|(at, key)| Some((*at, hash_of(&key.compared)?))).collect(),
            };
            bytes += candidate.bytes();
            batch.push(candidate);
            if batch.len() >= rows_max || bytes >= bytes_max {
                bytes = 0;
                return each(self, std::mem::take(&mut batch));
            }
            Ok(())
        })?;
        if batch.is_empty() { Ok(()) } else { each(self, batch) }
    }

    /// Those of the candidates that have to go.
    fn decide(&mut self, at: usize, candidates: Vec<Candidate>) -> Result<Vec<Candidate>> {
        if candidates.is_empty() {
            return Ok(candidates);
        }
        let checked = &self.references.checks.references[at];
        let mut found: HashMap<(Cells, Cells), Vec<Option<Parent>>> = HashMap::new();
        let mut moments: HashMap<Cells, Moment> = HashMap::new();
        for row in self.now.find(checked, &candidates)? {
            if let Some(moment) = row.moment {
                let least = moments.entry(row.identity.clone()).or_insert(moment);
                *least = moment.min(*least);
            }
            if let Some(referencing) = row.referencing {
                found.entry((row.identity, referencing)).or_default().push(row.parent);
            }
        }
        let mut go = Vec::new();
        for mut candidate in candidates {
            let name = (std::mem::take(&mut candidate.identity), std::mem::take(&mut candidate.referencing));
            let stays = match found.get(&name) {
                Some(parents) => self.stays(checked, candidate.hash, parents)?,
                None => false,
            };
            if !stays && let Some(moment) = moments.get(&name.0) {
                self.out.comes_again(checked, *moment);
            }
            (candidate.identity, candidate.referencing) = name;
            if !stays {
                go.push(candidate);
            }
        }
        Ok(go)
    }

    /// Whether a row stays that has these parents at the source.
    fn stays(&mut self, checked: &Checked, hash: u64, parents: &[Option<Parent>]) -> Result<bool> {
        if parents.iter().flatten().any(|parent| parent.is_earlier) {
            return Ok(true);
        }
        let references = self.references;
        let key = checked.key;
        let delivered = references.keys[key].get().ok_or_else(unread)?;
        for parent in parents.iter().flatten() {
            // What is equal to the server should have one hash. Should it not, nothing is lost by it.
            let other = self.key_hash(key, &parent.key);
            if other != hash
                && !self.gone[key].contains(&other)
                && !self.fresh[key].contains(&other)
                && delivered.contains(other, &references.store)?
            {
                self.spelled.entry((key, other)).or_default().insert(hash);
                return Ok(true);
            }
        }
        Ok(parents.iter().all(Option::is_none))
    }

    fn take(&mut self, checked: &Checked, candidate: &Candidate) {
        if self.removed[checked.child].insert(candidate.number) {
            for (key, hash) in &candidate.keys {
                self.fresh[*key].insert(*hash);
            }
        }
    }
}

/// How much is asked for at once, where that is usually `lookup`.
fn at_once(walked: bool, lookup: usize) -> usize {
    if walked { lookup * WALK_FACTOR } else { lookup }
}

fn unread() -> Error {
    Error::internal("a table that references are checked by was not read")
}
