use super::*;
use proptest::prelude::*;

pub fn column(data_type: &str, charset: Option<&str>) -> Column {
    Column { charset: charset.map(Into::into), ..Column::new("c", data_type) }
}

fn literal(form: Form, cell: &[u8]) -> String {
    let mut out = Vec::new();
    form.write(Some(cell), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn forms_follow_the_declared_type() {
    for (data_type, charset, form) in [
        ("bigint", None, Form::Number),
        ("decimal", None, Form::Number),
        ("float", None, Form::Float),
        ("bit", None, Form::Hex),
        ("geometrycollection", None, Form::Hex),
        ("vector", None, Form::Hex),
        ("longblob", None, Form::Hex),
        ("json", None, Form::Utf8),
        ("json", Some("latin1"), Form::Ascii("latin1")),
        ("varchar", Some("utf8mb4"), Form::Utf8),
        ("varchar", Some("utf8"), Form::Utf8),
        ("enum", Some("latin1"), Form::Ascii("latin1")),
        ("set", None, Form::Hex),
        ("enum('a','b')", Some("latin1"), Form::Ascii("latin1")),
        ("enum('a','')", Some("utf8"), Form::Member("utf8mb3")),
        ("text", Some("sjis"), Form::Charset("sjis")),
        ("text", Some("gbk"), Form::Ascii("gbk")),
        ("char", Some("utf16le"), Form::Charset("utf16le")),
        ("year", None, Form::Quoted),
        ("uuid", None, Form::Quoted),
    ] {
        assert_eq!(Form::of(&column(data_type, charset)).unwrap(), form, "{data_type} {charset:?}");
    }
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    for (data_type, charset) in [("xmltype", None), ("text", Some("klingon")), ("text", None)] {
        let error = Form::of(&column(data_type, charset)).unwrap_err();
        assert_eq!(error.kind(), Kind::Schema);
        assert!(error.what().contains("`c`") && error.what().contains(data_type), "{error}");
    }
}

#[test]
fn literals_are_written_as_documented() {
    for (form, cell, expected) in [
        (Form::Number, &b"-0012.50"[..], "-0012.50"),
        (Form::Float, b"-0", "-0e0"),
        (Form::Float, b"1.5", "1.5e0"),
        (Form::Float, b"1.5e-7", "1.5e-7"),
        (Form::Hex, b"", "''"),
        (Form::Hex, b"\x00\xff", "x'00ff'"),
        (Form::Utf8, "o'neil \\ é\0\n\r\t\x1a".as_bytes(), "'o\\'neil \\\\ é\\0\\n\\r\t\\Z'"),
        (Form::Utf8, b"\xff", "_utf8mb4 x'ff'"),
        (Form::Utf8, b"", "''"),
        (Form::Ascii("latin1"), b"it's", "'it\\'s'"),
        (Form::Ascii("latin1"), b"\xe9", "_latin1 x'e9'"),
        (Form::Charset("sjis"), b"\x5c", "_sjis x'5c'"),
        (Form::Member("latin1"), b"", "''"),
        (Form::Member("latin1"), b" ", "0"),
        (Form::Member("latin1"), b"0", "'0'"),
        (Form::Member("latin1"), b"\xe9", "_latin1 x'e9'"),
        (Form::Charset("sjis"), b"", "''"),
        (Form::Quoted, b"0000-00-00 00:00:00", "'0000-00-00 00:00:00'"),
    ] {
        assert_eq!(literal(form, cell), expected, "{form:?}");
    }
    let mut out = Vec::new();
    Form::Hex.write(None, &mut out).unwrap();
    assert_eq!(out, b"NULL");
}

#[test]
fn a_number_that_is_none_is_refused_without_being_shown() {
    for cell in ["", "-", "1 ", "1e", "1.", ".5", "0x1f", "nan", "--1", "1;drop", "+1", "1e5.0", "1\n"] {
        for form in [Form::Number, Form::Float] {
            let mut out = b"kept".to_vec();
            let error = form.write(Some(cell.as_bytes()), &mut out).unwrap_err();
            assert_eq!(out, b"kept", "{cell:?}");
            assert_eq!(error.what(), "a value of a numeric column is not a number");
        }
    }
    assert!(Form::Quoted.write(Some(b"2020'"), &mut Vec::new()).is_err());
    assert!(Form::Quoted.write(Some("é".as_bytes()), &mut Vec::new()).is_err());
}

#[test]
fn what_text_does_not_tell_is_asked_for() {
    assert_eq!(Form::select_expression(&column("float", None)), "`c`*1e0");
    assert_eq!(Form::select_expression(&column("double", None)), "`c`");
    assert_eq!(Form::select_expression(&column("int(6) unsigned zerofill", None)), "`c`+0");
    assert_eq!(Form::select_expression(&column("enum('it''s')", None)), "`c`");
    assert_eq!(Form::select_expression(&column("enum('a','')", None)), "IF(`c`=0,x'20',CAST(`c` AS BINARY))");
}

/// A form with a cell that its columns can hold.
pub fn cell() -> impl Strategy<Value = (Form, Vec<u8>)> {
    let bytes = proptest::collection::vec(
        prop_oneof![any::<u8>(), proptest::sample::select(b"'\\\0\n\r\x1a;-(),\"`x".to_vec())],
        0..90,
    );
    prop_oneof![
        ("-?[0-9]{1,20}(\\.[0-9]{1,30})?").prop_map(|text| (Form::Number, text.into_bytes())),
        ("-?[0-9]\\.[0-9]{1,16}(e-?[0-9]{1,3})?").prop_map(|text| (Form::Float, text.into_bytes())),
        ("[0-9a-f:. -]{0,40}").prop_map(|text| (Form::Quoted, text.into_bytes())),
        any::<String>().prop_map(|text| (Form::Utf8, text.into_bytes())),
        ("[\0\n\r\x1a'\\\\é]?[a-z]{0,40}[\0\n\r\x1a'\\\\é]?")
            .prop_map(|text| (Form::Utf8, text.into_bytes())),
        (
            proptest::sample::select(vec![
                Form::Hex,
                Form::Utf8,
                Form::Ascii("latin1"),
                Form::Charset("sjis"),
                Form::Charset("utf16le"),
            ]),
            bytes
        ),
    ]
}

proptest! {
    #[test]
    fn what_is_written_reads_back_as_the_same_bytes((form, cell) in cell()) {
        let text = literal(form, &cell);
        prop_assert!(!text.contains(['\0', '\n', '\r', '\x1a']), "{text:?}");
        let mut back = read_back::value(&text).unwrap();
        if form == Form::Float && !cell.contains(&b'e') {
            back.truncate(back.len() - 2);
        }
        prop_assert_eq!(back, cell);
    }
}
