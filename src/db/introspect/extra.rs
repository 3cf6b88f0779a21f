//! What the catalog says of a column beside its type and its default: one text, the same words on both servers.

use super::text::lossy;
use crate::schema::Generated;
use crate::schema::expression::current_timestamp;

/// `EXTRA` of a column.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Extra {
    pub(super) generated: Generated,
    /// MySQL 8 and later mark a default that is an expression.
    pub(super) has_default_expression: bool,
    pub(super) is_invisible: bool,
    pub(super) is_auto_increment: bool,
    /// What follows `on update`, in its one spelling.
    pub(super) on_update: Option<String>,
}

impl Extra {
    /// Reads the cell.
    pub(super) fn of(cell: Option<&[u8]>) -> Self {
        let marks = cell.map(|bytes| lossy(bytes.to_vec()).to_ascii_uppercase()).unwrap_or_default();
        let generated = if marks.contains("VIRTUAL GENERATED") {
            Generated::Virtual
        } else if marks.contains("STORED GENERATED") || marks.contains("PERSISTENT") {
            Generated::Stored
        } else {
            Generated::No
        };
        Self {
            generated,
            has_default_expression: marks.contains("DEFAULT_GENERATED"),
            is_invisible: marks.split([' ', ',']).any(|mark| mark == "INVISIBLE"),
            is_auto_increment: marks.contains("AUTO_INCREMENT"),
            on_update: on_update(&marks),
        }
    }
}

fn on_update(marks: &str) -> Option<String> {
    let rest = &marks[marks.find("ON UPDATE ")? + "ON UPDATE ".len()..];
    let end = rest.find([',', ' ']).unwrap_or(rest.len());
    current_timestamp(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_among_each_other() {
        let none = || Extra::of(None);
        let at = |text: &str| Some(text.to_owned());
        for (cell, expected) in [
            ("", none()),
            ("auto_increment", Extra { is_auto_increment: true, ..none() }),
            ("INVISIBLE", Extra { is_invisible: true, ..none() }),
            ("on update current_timestamp(3)", Extra { on_update: at("current_timestamp(3)"), ..none() }),
            (
                "on update current_timestamp(), INVISIBLE",
                Extra { on_update: at("current_timestamp()"), is_invisible: true, ..none() },
            ),
            (
                "DEFAULT_GENERATED on update CURRENT_TIMESTAMP INVISIBLE",
                Extra {
                    has_default_expression: true,
                    on_update: at("current_timestamp()"),
                    is_invisible: true,
                    ..none()
                },
            ),
            (
                "VIRTUAL GENERATED INVISIBLE",
                Extra { generated: Generated::Virtual, is_invisible: true, ..none() },
            ),
            ("STORED GENERATED", Extra { generated: Generated::Stored, ..none() }),
            ("PERSISTENT", Extra { generated: Generated::Stored, ..none() }),
        ] {
            assert_eq!(Extra::of(Some(cell.as_bytes())), expected, "{cell}");
        }
    }
}
