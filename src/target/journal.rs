//! What a swap has to do, written down before its first step, and how far it got.
//!
//! DDL commits by itself, so a mark "done" beside a statement could never be right at every moment. The journal
//! therefore holds what is to be true at the end, and how far a swap got is read from the server: the one `RENAME`
//! is the point of no return. Before it everything goes back to the old tables, after it on to the new ones. With
//! tables to merge the point is earlier: the one transaction that merges them all notes itself here.

use super::names::{Ladder, Layout};
use super::trigger::TriggerRecord;
use crate::error::{Error, Result};
use crate::plan::load::OutsideKey;
use crate::schema::ForeignKey;
use crate::sql::TableName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The whole record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Journal {
    pub(super) version: u32,
    pub(super) layout: Layout,
    pub(super) moves: Vec<Move>,
    /// Numbers and names of the tables that rows are merged into.
    #[serde(default)]
    pub(super) merges: Vec<(usize, String)>,
    /// Written by the transaction that merges: what it did, in the order of `merges`.
    #[serde(default)]
    pub(super) merged: Option<Vec<MergedTable>>,
    /// Of the tables that are replaced or merged into, in firing order.
    pub(super) triggers: Vec<TriggerRecord>,
    /// Keys of tables that stay and have to lead to the new tables.
    pub(super) outside: Vec<OutsideKey>,
    /// Second rung only: keys of the new tables, whose names are taken until the swap.
    pub(super) keys: Vec<ForeignKey>,
    /// Second rung only: CHECKs as (table, name, text), for the same reason.
    pub(super) checks: Vec<(String, String, String)>,
    /// The swap is done to its last key: what is left of it may be gone in part, and where the tables are tells
    /// nothing any more.
    #[serde(default)]
    pub(super) tidying: bool,
}

/// One table's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Move {
    pub(super) number: usize,
    pub(super) table: String,
    /// Whether there is an old table to make room.
    pub(super) replaces: bool,
}

/// What a merge did to one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedTable {
    /// The application's table.
    pub table: String,
    /// Rows that came.
    pub rows: u64,
    /// Rows that were there before with one of their keys.
    pub replaced: u64,
    /// Rows that went: others have their unique values now, or the rows that they referred to went.
    pub removed: u64,
    /// Rows that lost a reference to a row that went (`ON DELETE SET NULL`).
    pub unlinked: u64,
}

/// Which tables are where, names folded as the server compares them.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    pub(super) live: BTreeSet<String>,
    pub(super) staged: BTreeSet<String>,
    pub(super) old: BTreeSet<String>,
}

/// How far a swap got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// No table was moved.
    Before,
    /// A server that cannot rename several tables in one step died meanwhile; these moves are left.
    Between(Vec<(TableName, TableName)>),
    /// Every table was moved.
    After,
}

impl Journal {
    /// Whether there is nothing to merge, or it is done.
    pub(super) fn is_merged(&self) -> bool {
        self.merges.is_empty() || self.merged.is_some()
    }

    /// Whether the one `RENAME` is all that happens to tables in use.
    pub(super) fn is_rename_only(&self) -> bool {
        self.merges.is_empty()
            && self.triggers.is_empty()
            && self.outside.is_empty()
            && self.keys.is_empty()
            && self.checks.is_empty()
    }

    /// Triggers of the tables that rows are merged into (`true`) or that are replaced.
    pub(super) fn triggers_of(&self, merges: bool) -> Vec<&TriggerRecord> {
        let is_merge = |table: &str| self.merges.iter().any(|(_, name)| name == table);
        self.triggers.iter().filter(|trigger| is_merge(&trigger.table) == merges).collect()
    }

    /// The statement that is the swap.
    pub(super) fn rename(&self) -> String {
        rename(&self.moves.iter().flat_map(|step| self.steps(step)).collect::<Vec<_>>())
    }

    fn steps(&self, step: &Move) -> Vec<(TableName, TableName)> {
        let (live, staged) = (self.layout.live(&step.table), self.layout.staged(step.number, &step.table));
        let mut out = Vec::with_capacity(2);
        if step.replaces {
            out.push((live.clone(), self.layout.old(step.number, &step.table)));
        }
        out.push((staged, live));
        out
    }

    /// Reads from where the tables are how far the swap got.
    ///
    /// # Errors
    /// `Integrity` when tables are missing, so that neither way leads to a whole database.
    pub(super) fn progress(&self, found: &Found, fold: impl Fn(&str) -> String) -> Result<Progress> {
        let is_in = |set: &BTreeSet<String>, name: &TableName| set.contains(&fold(name.table()));
        let (mut begun, mut left, mut lost) = (false, Vec::new(), Vec::new());
        // Old tables say it best; new names alone could have been taken by anybody since.
        let by_old = self.moves.iter().any(|step| step.replaces);
        let staging_left =
            self.moves.iter().any(|step| is_in(&found.staged, &self.layout.staged(step.number, &step.table)));
        for step in &self.moves {
            let live = self.layout.live(&step.table);
            let staged = self.layout.staged(step.number, &step.table);
            let old = self.layout.old(step.number, &step.table);
            let (has_live, has_staged) = (is_in(&found.live, &live), is_in(&found.staged, &staged));
            let has_old = is_in(&found.old, &old);
            begun |= has_old || (!by_old && has_live && !has_staged);
            let open_old = step.replaces && !has_old;
            // With nothing left in staging the RENAME was whole: who misses a table has dropped it since.
            let open_new = has_staged || open_old || (!has_live && staging_left);
            if open_old {
                left.push((live.clone(), old));
            }
            if open_new {
                left.push((staged, live));
            }
            if (open_old && !has_live) || (open_new && !has_staged) {
                lost.push(step.table.as_str());
            }
        }
        if !begun && !self.moves.is_empty() {
            return Ok(Progress::Before);
        }
        if left.is_empty() {
            return Ok(Progress::After);
        }
        if !lost.is_empty() {
            return Err(Error::integrity(format!(
                "a swap was interrupted, and these tables are neither in `{}` nor in staging: {}",
                self.layout.database,
                lost.join(", ")
            ))
            .hint(format!("their old rows are in {}", self.layout.schema(super::names::Purpose::Old))));
        }
        Ok(Progress::Between(left))
    }

    /// Tables that `LOCK TABLES` has to name so that the whole swap can run under it.
    pub(super) fn tables_to_lock(&self) -> BTreeSet<TableName> {
        let mut out: BTreeSet<TableName> = self.contended().into_iter().collect();
        for step in &self.moves {
            out.insert(self.layout.staged(step.number, &step.table));
        }
        let is_moved = |name: &str| self.moves.iter().any(|step| step.table == name);
        if self.layout.ladder == Ladder::Prefixed {
            for key in &self.keys {
                let parent = super::keys::live_parent(&self.layout, key);
                if parent.schema() != Some(&self.layout.database) || !is_moved(&key.references) {
                    out.insert(parent);
                }
            }
        }
        out
    }

    /// The application's tables that the swap needs for itself.
    pub(super) fn contended(&self) -> Vec<TableName> {
        let replaced =
            self.moves.iter().filter(|step| step.replaces).map(|step| self.layout.live(&step.table));
        let outside =
            self.outside.iter().map(|o| TableName::qualified(o.schema.as_str(), o.key.table.as_str()));
        let merged = self.merges.iter().map(|(_, table)| self.layout.live(table));
        // A table with two keys into the pull is one table: LOCK TABLES refuses to name it twice (1066).
        replaced.chain(outside).chain(merged).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// One `RENAME` for all moves.
pub(super) fn rename(moves: &[(TableName, TableName)]) -> String {
    let pairs: Vec<String> = moves.iter().map(|(from, to)| format!("{from} TO {to}")).collect();
    format!("RENAME TABLE {}", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::names::StagingId;

    fn journal(moves: &[(&str, bool)]) -> Journal {
        Journal {
            version: 1,
            layout: Layout {
                database: "app".into(),
                ladder: Ladder::Schemas,
                id: StagingId { unix: 1, rand: 2 },
            },
            moves: moves
                .iter()
                .enumerate()
                .map(|(number, (table, replaces))| Move {
                    number,
                    table: (*table).to_owned(),
                    replaces: *replaces,
                })
                .collect(),
            merges: Vec::new(),
            merged: None,
            triggers: Vec::new(),
            outside: Vec::new(),
            keys: Vec::new(),
            checks: Vec::new(),
            tidying: false,
        }
    }

    fn found(live: &[&str], staged: &[&str], old: &[&str]) -> Found {
        let set = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        Found { live: set(live), staged: set(staged), old: set(old) }
    }

    fn progress(moves: &[(&str, bool)], found: &Found) -> Result<Progress> {
        journal(moves).progress(found, str::to_owned)
    }

    #[test]
    fn one_statement_moves_old_tables_out_and_new_ones_in() {
        assert_eq!(
            journal(&[("a", true), ("n", false)]).rename(),
            "RENAME TABLE `app`.`a` TO `_backfill_old_1_00000002`.`a`, \
             `_backfill_load_1_00000002`.`a` TO `app`.`a`, `_backfill_load_1_00000002`.`n` TO `app`.`n`"
        );
    }

    #[test]
    fn without_tables_to_swap_there_is_nothing_to_move() {
        assert_eq!(progress(&[], &found(&["a"], &[], &[])).unwrap(), Progress::After);
        let merge = Journal { merges: vec![(0, "a".into())], ..journal(&[]) };
        assert!(journal(&[]).is_merged() && !merge.is_merged());
        assert!(Journal { merged: Some(Vec::new()), ..merge }.is_merged());
    }

    #[test]
    fn where_the_tables_are_tells_how_far_it_got() {
        let both = [("a", true), ("n", false)];
        let before = found(&["a"], &["a", "n"], &[]);
        let after = found(&["a", "n"], &[], &["a"]);
        assert_eq!(progress(&both, &before).unwrap(), Progress::Before);
        assert_eq!(progress(&both, &after).unwrap(), Progress::After);
        // staging was dropped, or the application made a table of the new one's name: still nothing happened
        assert_eq!(progress(&both, &found(&["a"], &[], &[])).unwrap(), Progress::Before);
        assert_eq!(progress(&both, &found(&["a", "n"], &["a", "n"], &[])).unwrap(), Progress::Before);
        let only_new = [("n", false)];
        assert_eq!(progress(&only_new, &found(&[], &["n"], &[])).unwrap(), Progress::Before);
        assert_eq!(progress(&only_new, &found(&["n"], &[], &[])).unwrap(), Progress::After);
    }

    #[test]
    fn every_state_inside_a_rename_leads_on_to_the_new_tables() {
        let plan = journal(&[("a", true), ("b", true), ("n", false)]);
        let steps: Vec<_> = plan.moves.iter().flat_map(|step| plan.steps(step)).collect();
        for done in 1..steps.len() {
            let mut state = found(&["a", "b"], &["a", "b", "n"], &[]);
            for (from, to) in &steps[..done] {
                let place = |name: &TableName, state: &mut Found, add: bool| {
                    let set = match name.schema() {
                        Some("app") => &mut state.live,
                        Some(schema) if schema.contains("load") => &mut state.staged,
                        _ => &mut state.old,
                    };
                    if add {
                        set.insert(name.table().to_owned())
                    } else {
                        set.remove(name.table())
                    };
                };
                place(from, &mut state, false);
                place(to, &mut state, true);
            }
            let left = plan.progress(&state, str::to_owned).unwrap();
            assert_eq!(left, Progress::Between(steps[done..].to_vec()), "after {done} moves");
        }
    }

    #[test]
    fn a_state_without_a_way_out_is_an_error() {
        let moves = [("a", true), ("b", true)];
        for state in [found(&["b"], &["b"], &["a"]), found(&["a"], &["b"], &["a"])] {
            assert!(progress(&moves, &state).is_err(), "{state:?}");
        }
    }

    #[test]
    fn a_new_table_that_was_dropped_since_holds_nothing_up() {
        let moves = [("a", true), ("b", true)];
        assert_eq!(progress(&moves, &found(&["a"], &[], &["a", "b"])).unwrap(), Progress::After);
    }

    #[test]
    fn names_compare_as_the_server_compares_them() {
        let state = found(&["users"], &[], &["users"]);
        let folded = journal(&[("Users", true)]).progress(&state, str::to_lowercase).unwrap();
        assert_eq!(folded, Progress::After);
    }
}
