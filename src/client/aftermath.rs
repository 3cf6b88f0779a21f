//! What became of pulls whose process died: told once, by the next pull.

use super::state::{Fate, State, Sync};
use crate::target::recover::Recovered;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Notes for the user about pulls that died, given what was taken to its end in `target` just now. What was found out is
/// noted in the state.
pub(super) fn notes(state: &mut State, target: &str, recovered: &[Recovered]) -> Vec<String> {
    let mut notes: Vec<String> = recovered.iter().map(swap).collect();
    let died: Vec<Sync> = state.died().into_iter().cloned().collect();
    for sync in died {
        let fate = fate(&sync, target, recovered);
        state.note_fate(&sync.id, fate);
        notes.push(format!("the pull of {} was interrupted: {}", time(sync.started), data(fate)));
    }
    notes
}

/// What became of a swap that was found in the middle.
fn swap(recovered: &Recovered) -> String {
    let tables = recovered.tables;
    match (&recovered.left_behind, recovered.swapped) {
        (Some(left), _) => left.clone(),
        (None, true) => format!("an interrupted swap of {tables} tables was completed"),
        (None, false) => format!("an interrupted swap of {tables} tables was undone; the data is as it was"),
    }
}

fn fate(sync: &Sync, target: &str, recovered: &[Recovered]) -> Fate {
    match sync.fate {
        Some(Fate::Unknown) | None if sync.target == target || sync.target.is_empty() => {
            match recovered.last() {
                Some(last) if last.swapped => Fate::Completed,
                Some(_) => Fate::Undone,
                None => Fate::Unknown,
            }
        }
        fate => fate.unwrap_or(Fate::Unknown),
    }
}

fn data(fate: Fate) -> &'static str {
    match fate {
        Fate::Untouched => "your data was not changed",
        Fate::Unknown => "it was putting its tables in place; they are all new, or all as they were",
        Fate::Completed => "its tables are in place",
        Fate::Undone => "your data is as it was before",
    }
}

/// The time of day and the date, as clocks here show them.
fn time(unix_seconds: i64) -> String {
    let zone = TimeZone::try_system().unwrap_or(TimeZone::UTC);
    Timestamp::from_second(unix_seconds).map_or_else(
        |_| unix_seconds.to_string(),
        |timestamp| timestamp.to_zoned(zone).strftime("%H:%M on %Y-%m-%d").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::state::{Begun, Mode};

    fn died(fate: Option<Fate>, recovered: &[Recovered]) -> (Vec<String>, Option<Fate>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let (mut state, _) = State::open(&path).unwrap();
        let begun = Begun {
            mode: Mode::Delta,
            source: "app",
            target: "localhost/dev",
            tables: 1,
            unchanged: 0,
            selected: false,
        };
        let id = state.begin(begun).unwrap();
        if fate == Some(Fate::Unknown) {
            state.swapping(&id).unwrap();
        }
        drop(state);
        let (mut state, _) = State::open(&path).unwrap();
        let notes = notes(&mut state, "localhost/dev", recovered);
        (notes, state.died()[0].fate)
    }

    #[test]
    fn what_became_of_the_data_is_told() {
        let recovered =
            |swapped| Recovered { name: "x".into(), tables: 3, merges: 1, swapped, left_behind: None };
        for (fate, recovered, words, becomes) in [
            (Fate::Untouched, None, "your data was not changed", Fate::Untouched),
            (Fate::Unknown, None, "all new, or all as they were", Fate::Unknown),
            (Fate::Unknown, Some(recovered(true)), "its tables are in place", Fate::Completed),
            (Fate::Unknown, Some(recovered(false)), "your data is as it was before", Fate::Undone),
        ] {
            let recovered: Vec<Recovered> = recovered.into_iter().collect();
            let (notes, noted) = died(Some(fate), &recovered);
            assert_eq!(notes.len(), recovered.len() + 1);
            assert!(notes.last().unwrap().contains(words), "{notes:?}");
            assert!(notes.last().unwrap().starts_with("the pull of "), "{notes:?}");
            assert_eq!(noted, Some(becomes));
        }
    }
}
