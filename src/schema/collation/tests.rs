use super::*;
use Fit::{Equal, Finer, Padded, Same};

const MARIA: (Flavour, Version) = (Flavour::Mariadb, Version(10, 11, 6));
const MARIA_OLD: (Flavour, Version) = (Flavour::Mariadb, Version(10, 5, 9));
const MYSQL: (Flavour, Version) = (Flavour::Mysql, Version(9, 7, 0));
const MYSQL_8: (Flavour, Version) = (Flavour::Mysql, Version(8, 0, 16));
const MYSQL_5: (Flavour, Version) = (Flavour::Mysql, Version(5, 7, 44));

#[test]
fn every_collation_has_one_counterpart_per_target() {
    for (name, (flavour, version), expected, fit) in [
        ("utf8mb4_0900_ai_ci", MARIA, "utf8mb4_uca1400_nopad_ai_ci", Equal),
        ("utf8mb4_0900_as_cs", MARIA, "utf8mb4_uca1400_nopad_as_cs", Equal),
        ("utf8mb4_0900_bin", MARIA, "utf8mb4_nopad_bin", Same),
        ("utf8mb4_de_pb_0900_ai_ci", MARIA, "utf8mb4_uca1400_german2_nopad_ai_ci", Equal),
        ("utf8mb4_es_trad_0900_as_cs", MARIA, "utf8mb4_uca1400_spanish2_nopad_as_cs", Equal),
        ("utf8mb4_bs_0900_ai_ci", MARIA, "utf8mb4_uca1400_croatian_nopad_ai_ci", Equal),
        ("utf8mb4_ru_0900_as_cs", MARIA, "utf8mb4_uca1400_nopad_as_cs", Equal),
        ("utf8mb4_ja_0900_as_cs_ks", MARIA, "utf8mb4_nopad_bin", Finer),
        ("utf8mb4_zh_0900_as_cs", MARIA, "utf8mb4_nopad_bin", Finer),
        ("utf8mb4_0900_ai_ci", MARIA_OLD, "utf8mb4_unicode_520_nopad_ci", Finer),
        ("utf8mb4_0900_as_ci", MARIA_OLD, "utf8mb4_nopad_bin", Finer),
        ("utf8mb4_uca1400_ai_ci", MARIA_OLD, "utf8mb4_unicode_520_ci", Finer),
        ("utf8mb3_general_ci", MARIA_OLD, "utf8_general_ci", Same),
        ("utf8mb3_tolower_ci", MARIA, "utf8mb3_bin", Finer),
        ("utf8mb4_uca1400_ai_ci", MYSQL, "utf8mb4_0900_ai_ci", Finer),
        ("utf8mb4_uca1400_nopad_ai_ci", MYSQL, "utf8mb4_0900_ai_ci", Equal),
        ("utf8mb4_uca1400_nopad_as_ci", MYSQL, "utf8mb4_0900_as_ci", Equal),
        ("utf8mb4_uca1400_nopad_ai_cs", MYSQL, "utf8mb4_0900_as_cs", Finer),
        ("utf8mb4_uca1400_swedish_nopad_as_ci", MYSQL, "utf8mb4_sv_0900_as_cs", Finer),
        ("utf8mb4_uca1400_swedish_nopad_ai_ci", MYSQL, "utf8mb4_sv_0900_as_cs", Finer),
        ("utf8mb4_uca1400_latvian_ai_ci", MYSQL, "utf8mb4_lv_0900_as_cs", Finer),
        ("utf8mb4_uca1400_polish_nopad_ai_ci", MYSQL, "utf8mb4_pl_0900_ai_ci", Equal),
        ("utf8mb4_uca1400_romanian_nopad_ai_ci", MYSQL, "utf8mb4_ro_0900_ai_ci", Equal),
        ("utf8mb4_uca1400_romanian_nopad_as_cs", MYSQL, "utf8mb4_0900_bin", Finer),
        ("utf8mb4_sl_0900_ai_ci", MARIA, "utf8mb4_uca1400_slovenian_nopad_as_ci", Finer),
        ("utf8mb4_sl_0900_as_cs", MARIA, "utf8mb4_uca1400_slovenian_nopad_as_cs", Equal),
        ("utf8mb4_nn_0900_ai_ci", MARIA, "utf8mb4_uca1400_danish_nopad_as_ci", Finer),
        ("utf8mb4_tr_0900_ai_ci", MARIA, "utf8mb4_uca1400_turkish_nopad_as_cs", Finer),
        ("utf8mb4_uca1400_persian_nopad_ai_ci", MYSQL, "utf8mb4_0900_bin", Finer),
        ("utf8mb4_uca1400_persian_ai_ci", MYSQL, "utf8mb4_bin", Finer),
        ("utf8mb3_uca1400_ai_ci", MYSQL, "utf8mb3_unicode_520_ci", Finer),
        ("utf8mb3_uca1400_as_cs", MYSQL, "utf8mb3_bin", Finer),
        ("utf8mb3_uca1400_nopad_as_cs", MYSQL, "utf8mb3_bin", Padded),
        ("utf8_general_ci", MYSQL, "utf8mb3_general_ci", Same),
        ("utf8mb4_nopad_bin", MYSQL, "utf8mb4_0900_bin", Same),
        ("utf8mb4_nopad_bin", MYSQL_8, "utf8mb4_bin", Padded),
        ("utf8mb4_0900_bin", MYSQL_8, "utf8mb4_bin", Padded),
        ("utf8mb4_nb_0900_ai_ci", MYSQL_8, "utf8mb4_da_0900_ai_ci", Equal),
        ("utf8mb4_ru_0900_ai_ci", MYSQL_8, "utf8mb4_ru_0900_ai_ci", Same),
        ("utf8mb4_ja_0900_as_cs_ks", MYSQL, "utf8mb4_ja_0900_as_cs_ks", Same),
        ("latin1_swedish_nopad_ci", MYSQL, "latin1_swedish_ci", Padded),
        ("utf8mb4_unicode_520_nopad_ci", MYSQL, "utf8mb4_unicode_520_ci", Padded),
        ("utf8mb4_croatian_mysql561_ci", MYSQL, "utf8mb4_croatian_ci", Same),
        ("utf8mb4_thai_520_w2", MYSQL, "utf8mb4_bin", Finer),
        ("utf8mb4_0900_ai_ci", MYSQL_5, "utf8mb4_unicode_520_ci", Padded),
        ("utf8mb4_0900_as_cs", MYSQL_5, "utf8mb4_bin", Padded),
        ("utf8mb4_uca1400_ai_ci", MYSQL_5, "utf8mb4_unicode_520_ci", Finer),
        ("binary", MARIA, "binary", Same),
        ("latin1_swedish_ci", MARIA, "latin1_swedish_ci", Same),
        ("gb18030_chinese_ci", MYSQL, "gb18030_chinese_ci", Same),
    ] {
        let mapped = map(name, flavour, version).unwrap();
        assert_eq!((mapped.name.as_str(), mapped.fit), (expected, fit), "{name} on {flavour} {version}");
    }
}

#[test]
fn what_has_no_counterpart_is_listed() {
    let names = [
        "utf8mb4_bin",
        "gb18030_bin",
        "klingon_ci",
        "utf8mb4_bin; DROP",
        "latin1_0900_ai_ci",
        "latin1_uca1400_ai_ci",
        "",
    ];
    let error = map_all(names, MARIA.0, MARIA.1).unwrap_err();
    assert_eq!(error.kind(), Kind::Schema);
    for name in
        ["gb18030_bin", "klingon_ci", "utf8mb4_bin; DROP", "latin1_0900_ai_ci", "latin1_uca1400_ai_ci", "``"]
    {
        assert!(error.what().contains(name), "{name}: {error}");
    }
    assert!(!error.what().contains("`utf8mb4_bin`"));
    assert_eq!(map_all(["utf8mb4_bin"], MARIA.0, MARIA.1).unwrap().len(), 1);
}

#[test]
fn mapping_twice_changes_nothing_more() {
    for (name, _, _) in render_table() {
        for (flavour, version) in [MARIA, MARIA_OLD, MYSQL, MYSQL_8, MYSQL_5] {
            if let Ok(once) = map(&name, flavour, version) {
                let twice = map(&once.name, flavour, version).unwrap();
                assert_eq!(twice, Mapped { name: once.name, fit: Same }, "{name} on {flavour} {version}");
            }
        }
    }
}

#[test]
fn character_sets_have_one_name_per_target() {
    assert_eq!(charset("utf8", MYSQL.0, MYSQL.1).unwrap(), "utf8mb3");
    assert_eq!(charset("utf8mb3", MYSQL_5.0, MYSQL_5.1).unwrap(), "utf8");
    assert!(charset("gb18030", MARIA.0, MARIA.1).is_err());
    assert!(charset("latin1 x", MYSQL.0, MYSQL.1).is_err());
}
