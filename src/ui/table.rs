//! Tables of text.

use comfy_table::{CellAlignment, ColumnConstraint, Table as Grid, Width, presets};

/// A preset of `comfy-table` (one character per component) with nothing but the line below the heading.
const RULE_BELOW_HEADING: &str = "     ──            ";

/// Longer words may be broken.
const WORD_MAX: u16 = 20;
/// Blanks after a cell on a terminal.
const PADDING: u16 = 1;
/// What a column gets at least where the terminal is too narrow for whole words.
const LEAST: u16 = 2;

/// Where the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table that is being put together.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    #[must_use]
    pub fn new(columns: &[(&'static str, Align)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; it has as many cells as there are headings.
    pub fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    /// Widths with the padding that columns are to keep, so that cells wrap between words: the longer the words that
    /// stay whole, the better, as far as all columns together fit.
    fn least_widths(&self, width: u16) -> Vec<u16> {
        let words: Vec<u16> = (0..self.columns.len()).map(|index| self.longest_word(index)).collect();
        let up_to = |longest: u16| words.iter().map(move |word| (*word).min(longest) + PADDING);
        // Between two columns stands a blank.
        let fits = |longest: &u16| up_to(*longest).map(|least| least + 1).sum::<u16>() <= width + 1;
        let longest = (LEAST..=WORD_MAX).rev().find(fits).unwrap_or(LEAST);
        up_to(longest).collect()
    }

    /// The longest word of a column, in characters.
    fn longest_word(&self, index: usize) -> u16 {
        let words = self.rows.iter().flat_map(|row| row[index].split_whitespace());
        let longest = words.chain([self.columns[index].0]).map(|word| word.chars().count()).max();
        longest.and_then(|longest| u16::try_from(longest).ok()).unwrap_or(WORD_MAX)
    }

    /// As text, lines without trailing blanks. On a terminal of `width` columns with a rule below the heading
    /// and long cells wrapped; without one with plain columns that a script can cut.
    #[must_use]
    pub fn render(&self, width: Option<u16>) -> String {
        let mut grid = Grid::new();
        grid.load_preset(if width.is_some() { RULE_BELOW_HEADING } else { presets::NOTHING });
        grid.set_header(self.columns.iter().map(|(heading, _)| *heading));
        for row in &self.rows {
            // A line end inside a cell would make two rows of one.
            grid.add_row(row.iter().map(|cell| super::format::plain(cell).replace(['\n', '\t'], " ")));
        }
        if let Some(width) = width {
            grid.set_width(width).set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
        }
        let least = width.map(|width| self.least_widths(width)).unwrap_or_default();
        for (index, (_, align)) in self.columns.iter().enumerate() {
            let Some(column) = grid.column_mut(index) else { continue };
            if *align == Align::Right {
                column.set_cell_alignment(CellAlignment::Right);
            }
            if let Some(least) = least.get(index) {
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(*least)));
            }
            // Two blanks between columns: on a terminal one of them is the grid's.
            column.set_padding((u16::from(index > 0 && width.is_none()), PADDING));
        }
        let text = grid.to_string();
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(&[("Table", Align::Left), ("Rows", Align::Right), ("Note", Align::Left)]);
        table.row(vec!["users".into(), "1,000".into(), String::new()]);
        table.row(vec!["or\nders".into(), "~5".into(), "new".into()]);
        table
    }

    #[test]
    fn without_a_terminal_there_are_no_rules() {
        assert_eq!(
            sample().render(None),
            "Table    Rows  Note\nusers    1,000\nor ders     ~5  new"
                .replace("Table    Rows", "Table     Rows")
        );
    }

    #[test]
    fn words_stay_whole_where_there_is_room() {
        let mut table = sample();
        table.row(vec!["notifications".into(), "~5".into(), "pulled in by notifications, orders".into()]);
        let text = table.render(Some(40));
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        assert!(text.contains("\nnotifications ") && text.contains(" notifications,\n"), "{text}");
        assert!(table.render(Some(24)).lines().all(|line| line.chars().count() <= 24));
    }

    #[test]
    fn on_a_terminal_a_rule_stands_below_the_heading() {
        let text = sample().render(Some(80));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[1].chars().all(|c| c == '─'), "{text}");
    }
}
