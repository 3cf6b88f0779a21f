//! The label of a staging that is complete and could not be swapped, by which a later pull knows it again.

/// What the label of a complete staging says beside which data it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    /// Rows of all tables.
    pub(super) rows: u64,
    /// Its rows were read back.
    pub(super) verified: bool,
}

/// Ends the label of a staging whose rows were read back.
const READ_BACK: &str = ":verified";

impl Kept {
    /// The label.
    pub(super) fn label(self, data: &str) -> String {
        format!("{data}:{}{}", self.rows, if self.verified { READ_BACK } else { "" })
    }

    /// What a label says; none if it names other data.
    pub(super) fn read(label: &str, data: &str) -> Option<Self> {
        let text = label.strip_prefix(data)?.strip_prefix(':')?;
        let rows = text.strip_suffix(READ_BACK);
        Some(Self { rows: rows.unwrap_or(text).parse().ok()?, verified: rows.is_some() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_read_as_it_was_written() {
        for verified in [false, true] {
            let kept = Kept { rows: 12, verified };
            assert_eq!(Kept::read(&kept.label("data"), "data"), Some(kept));
            assert_eq!(Kept::read(&kept.label("data"), "other"), None);
        }
        for label in ["data", "data:", "data:x", "data:1:other", "data1:1", "data::verified"] {
            assert_eq!(Kept::read(label, "data"), None, "{label}");
        }
    }
}
