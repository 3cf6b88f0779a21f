//! "Did you mean …?"

/// The candidate that `name` is most likely a slip of; none when all are far away.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let allowed = (name.chars().count() / 3).max(2);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
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
        let tables = ["users", "orders", "a"];
        for (typed, expected) in [
            ("user", Some("users")),
            ("Users", Some("users")),
            ("oders", Some("orders")),
            ("customers", None),
            ("b", None),
        ] {
            assert_eq!(nearest(typed, tables), expected, "{typed}");
        }
    }
}
