use super::*;

fn given(options: &[(&str, OptionValue)]) -> Vec<(String, OptionValue)> {
    options.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

#[test]
fn types_and_options_are_known_by_name() {
    let text = |text: &str| OptionValue::Text(text.to_owned());
    let number = OptionValue::Integer;
    for (name, options, expected) in [
        ("email", given(&[]), Ok(Mask::Email)),
        ("hash", given(&[("unusable", OptionValue::Boolean(true))]), Ok(Mask::Hash { unusable: true })),
        ("keep", given(&[("last", number(4))]), Ok(Mask::Keep(Keep { first: 0, last: 4, mask: '*' }))),
        ("shift", given(&[("days", number(30))]), Ok(Mask::Shift(Shift { days: 30 }))),
        ("noise", given(&[("percent", number(10))]), Ok(Mask::Noise(Noise { percent: 10 }))),
        ("truncate", given(&[("length", number(0))]), Ok(Mask::Truncate(Truncate { length: 0 }))),
        ("token", given(&[("length", number(20))]), Ok(Mask::Token(Token { length: 20 }))),
        ("token", given(&[("length", number(21))]), Err("has an odd `length`")),
        ("token", given(&[("length", number(10))]), Err("has `length`, which must be from 12 to 64")),
        ("emial", given(&[]), Err("has an unknown type / did you mean \"email\"?")),
        ("0123456789abcdef0123456789abcdef", given(&[]), Err("has an unknown type / types are email, name,")),
        (
            "email",
            given(&[("exlude", number(1))]),
            Err("has an unknown option `exlude` / did you mean `exclude`?"),
        ),
        (
            "email",
            given(&[("length", number(1))]),
            Err("has an unknown option `length` / options of the type `email` are exclude, where"),
        ),
        (
            "email",
            given(&[("0123456789abcdef0123456789abcdef", number(1))]),
            Err("has an unknown option / options of"),
        ),
        (
            "hash",
            given(&[("unusable", number(1))]),
            Err("has `unusable`, which must be true or false, found a number / "),
        ),
        (
            "email",
            given(&[("exclude", text("x"))]),
            Err("has `exclude`, which must be a list of strings, found a string / write it in brackets"),
        ),
        (
            "email",
            given(&[("exclude", OptionValue::List(vec![number(1)]))]),
            Err("has `exclude`, which must be a list of strings, found a number / "),
        ),
        ("shift", given(&[]), Err("has the type `shift` without `days` / write days = 30")),
        ("shift", given(&[("days", number(0))]), Err("has `days`, which must be from 1 to 3650 / ")),
        (
            "noise",
            given(&[("percent", text("5"))]),
            Err("has `percent`, which must be a whole number, found a string / write it without quotes"),
        ),
        ("keep", given(&[]), Err("has the type `keep` without `first` or `last` / ")),
        (
            "keep",
            given(&[("first", number(1)), ("mask", text("**"))]),
            Err("has `mask`, which must be one character of ASCII"),
        ),
        ("fixed", given(&[("value", OptionValue::List(Vec::new()))]), Err("has `value`, which must be")),
        ("fixed", given(&[("value", OptionValue::Decimal("nan".into()))]), Err("has `value`, which must be")),
        ("sql", given(&[]), Err("has the type `sql` without `expression`")),
        ("sql", given(&[("expression", text("({column})"))]), Err("gives every value back")),
        ("email", given(&[("where", text("(SELECT 1)"))]), Err("has `where`, ")),
    ] {
        match (parse(name, &options), expected) {
            (Ok(parsed), Ok(mask)) => assert_eq!((parsed.mask.name(), parsed.mask), (name, mask)),
            (Err(refusal), Err(expected)) => {
                let found = format!("{} / {}", refusal.what, refusal.hint);
                assert!(found.contains(expected), "{name}: {found}");
            }
            (result, _) => panic!("{name}: {result:?}"),
        }
    }
}
