//! Which columns an expression of the server mentions (CHECKs, generated columns, functional indexes).

/// Whether `expression` names `column`, quoted or bare. Texts in quotes do not count; MySQL prints their quotes
/// with a backslash in front (`_utf8mb4\'x\'`).
pub(super) fn mentions(expression: &str, column: &str) -> bool {
    let wanted = column.to_lowercase();
    names(expression).iter().any(|name| name.to_lowercase() == wanted)
}

/// Whether the expression is nothing but the column in another case: `lower(`a`)`, `upper(a)`, or itself.
pub(super) fn only_changes_case(expression: &str, column: &str) -> bool {
    let words = names(expression);
    let rest = words
        .iter()
        .filter(|name| !matches!(name.to_lowercase().as_str(), "lower" | "upper" | "lcase" | "ucase"));
    let plain =
        expression.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '`' | '(' | ')' | ' '));
    plain && rest.map(|name| name.to_lowercase()).eq([column.to_lowercase()])
}

/// Every name and keyword in the expression, unquoted.
fn names(expression: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut chars = expression.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '`' => found.push(quoted_name(&mut chars)),
            '\'' | '"' => skip_text(&mut chars, c),
            '\\' => {
                if let Some(quote) = chars.next_if(|next| matches!(next, '\'' | '"')) {
                    skip_backslashed(&mut chars, quote);
                }
            }
            first if is_word(first) => {
                let mut word = String::from(first);
                while let Some(next) = chars.next_if(|next| is_word(*next)) {
                    word.push(next);
                }
                found.push(word);
            }
            _ => {}
        }
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn quoted_name(chars: &mut Chars<'_>) -> String {
    let mut name = String::new();
    while let Some(c) = chars.next() {
        if c == '`' && chars.next_if_eq(&'`').is_none() {
            break;
        }
        name.push(c);
    }
    name
}

fn skip_text(chars: &mut Chars<'_>, quote: char) {
    while let Some(c) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if c == quote && chars.next_if_eq(&quote).is_none() {
            break;
        }
    }
}

/// A text between `\'` and `\'`.
fn skip_backslashed(chars: &mut Chars<'_>, quote: char) {
    while let Some(c) = chars.next() {
        if c == '\\' && chars.next() == Some(quote) {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_and_texts_do_not() {
        for (expression, found) in [
            ("`email` like '%@%'", true),
            ("(`EMAIL` like _utf8mb4\\'%@%\\')", true),
            ("char_length(email) > 3", true),
            ("`emails` like '%'", false),
            ("`kind` in ('email','it''s email')", false),
            ("(`kind` = _utf8mb4\\'email\\')", false),
            ("(`kind` = _utf8mb4\\'x\\') and (`email` <> _utf8mb4\\'\\')", true),
            ("`kind` = 'a\\'b' and `email` = ''", true),
            ("json_extract(`meta`,\"$.email\")", false),
            ("`e``mail` = 1", false),
        ] {
            assert_eq!(mentions(expression, "email"), found, "{expression}");
        }
        assert!(mentions("`e``mail` = 1", "e`mail"));
    }

    #[test]
    fn case_changes_are_recognised() {
        for (expression, only) in [
            ("lower(`email`)", true),
            ("(UPPER(Email))", true),
            ("`email`", true),
            ("left(`email`,3)", false),
            ("lower(`email`) = 'x'", false),
            ("concat(`email`,`name`)", false),
        ] {
            assert_eq!(only_changes_case(expression, "email"), only, "{expression}");
        }
    }
}
