//! "Did you mean …?"

/// Names that begin with one of so many characters are taken for it cut short: `created` for `created_at`.
const BEGINNING_MIN: usize = 4;

/// The candidate that `name` is most likely a slip of; none when all are far away.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let allowed = (name.chars().count() / 3).max(2);
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let slip = candidates
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name, &candidate.to_lowercase()), *candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate);
    let is_begun = |candidate: &&&str| {
        name.chars().count() >= BEGINNING_MIN && candidate.to_lowercase().starts_with(&name)
    };
    slip.or_else(|| candidates.iter().find(is_begun).copied())
}

/// `; did you mean …?`, or nothing.
pub(super) fn did_you_mean(guess: Option<&str>) -> String {
    guess.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_names_are_suggested() {
        let tables = ["users", "orders", "a", "created_at"];
        for (typed, expected) in [
            ("user", Some("users")),
            ("Users", Some("users")),
            ("oders", Some("orders")),
            ("customers", None),
            ("b", None),
            ("order", Some("orders")),
            ("created", Some("created_at")),
            ("cre", None),
        ] {
            assert_eq!(nearest(typed, tables), expected, "{typed}");
        }
    }
}
