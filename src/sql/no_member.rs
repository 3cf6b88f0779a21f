//! ENUM cells that hold no member (index 0): what a session that is not strict makes of a value that is none. They look
//! like the empty text. A strict session refuses to write one and any other warns of it (1265), so whoever loads rows
//! has to know beforehand how many there are in a batch.
//!
//! Such a cell is written `''`, and `0` where the ENUM has an empty member too (see [`super::literal::Form::Member`]).

use super::cells::{Cells, Literal, Token};
use crate::schema::Column;
use memchr::memmem;
use std::collections::BTreeMap;

/// How a cell of no member stands in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// `''`
    Empty,
    /// `0`
    Zero,
}

impl Written {
    /// For values of `source` that are stored in `target`; none where storing one is nothing special.
    fn of(source: &Column, target: &Column) -> Option<Self> {
        let both = source.data_type == "enum" && target.data_type == "enum";
        match (source.has_empty_member(), target.has_empty_member()) {
            _ if !both => None,
            (true, _) => Some(Self::Zero),
            (false, false) => Some(Self::Empty),
            // It becomes the member that looks like it.
            (false, true) => None,
        }
    }

    fn is(self, literal: Literal<'_>) -> bool {
        match self {
            Self::Empty => literal == Literal::Quoted(b""),
            Self::Zero => literal == Literal::Number(b"0"),
        }
    }
}

/// The columns of a table in which cells may hold no member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoMember {
    /// Position among the columns of a batch, name on the target.
    columns: Vec<(usize, String, Written)>,
}

impl NoMember {
    /// Of a table whose batches have these columns: each at the source, and on the target if it is there.
    pub fn of<'a>(columns: impl IntoIterator<Item = (&'a Column, Option<&'a Column>)>) -> Self {
        let columns = columns.into_iter().enumerate().filter_map(|(at, (source, target))| {
            let target = target?;
            Some((at, target.name.clone(), Written::of(source, target)?))
        });
        Self { columns: columns.collect() }
    }

    /// How many cells of a batch hold no member, by column; `values` is what stands after `VALUES`.
    #[must_use]
    pub fn count(&self, values: &str) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        if !self.may_be_in(values) {
            return counts;
        }
        let mut at = 0;
        for token in Cells::new(values) {
            let Token::Cell(literal) = token else {
                at = 0;
                continue;
            };
            for (_, name, _) in self.columns.iter().filter(|(of, _, how)| *of == at && how.is(literal)) {
                *counts.entry(name.as_str()).or_default() += 1;
            }
            at += 1;
        }
        counts
    }

    /// Much quicker than a walk through all cells, and enough for most batches.
    fn may_be_in(&self, values: &str) -> bool {
        let zero = self.columns.iter().any(|(_, _, how)| *how == Written::Zero);
        zero || (!self.columns.is_empty() && memmem::find(values.as_bytes(), b"''").is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, column_type: &str) -> Column {
        Column::new(name, column_type)
    }

    #[test]
    fn cells_of_no_member_are_counted_where_the_target_will_warn_of_them() {
        let columns = [
            (column("id", "int"), Some(column("id", "int"))),
            (column("plain", "enum('a','b')"), Some(column("Plain", "enum('a','b')"))),
            (column("with", "enum('','0')"), Some(column("with", "enum('','0')"))),
            (column("text", "enum('a')"), Some(column("text", "varchar(9)"))),
            (column("more", "enum('a')"), Some(column("more", "enum('a','')"))),
            (column("less", "enum('a','')"), Some(column("less", "enum('a')"))),
            (column("note", "text"), Some(column("note", "enum('a')"))),
            (column("gone", "enum('a')"), None),
        ];
        let all = NoMember::of(columns.iter().map(|(source, target)| (source, target.as_ref())));
        let counts = all
            .count("(0,'','','','','','',''),\n(1,'a',0,NULL,'a',0,'',0),\n(2,'','0','a','','','',NULL);\n");
        assert_eq!(counts, BTreeMap::from([("Plain", 2), ("with", 1), ("less", 1)]));
        assert_eq!(all.count("(0,'a','','','','','it''s',x'');\n"), BTreeMap::new());
        assert_eq!(NoMember::default().count("('');\n"), BTreeMap::new());
    }
}
