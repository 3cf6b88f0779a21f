use super::shape::{number_key, split_number};
use super::*;
use crate::schema::Column;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn all(keys: &Keys) -> Vec<Vec<u8>> {
    let mut cursor = keys.cursor();
    let mut found = Vec::new();
    while let Some(key) = cursor.next_key().unwrap() {
        found.push(key.to_vec());
    }
    found
}

fn set(room: &Arc<Room>, keys: &[Vec<u8>]) -> Keys {
    let mut growing = Growing::new(room);
    let mut known = BTreeSet::new();
    for key in keys {
        assert_eq!(growing.insert(key).unwrap(), known.insert(key.clone()));
    }
    assert_eq!(growing.rows(), known.len() as u64);
    growing.finish().unwrap()
}

#[test]
fn what_does_not_fit_goes_to_the_file_and_is_found_there() {
    let most = 64 * 1024;
    let room = Room::of(most);
    let keys: Vec<Vec<u8>> = (0..10_000_u64).map(|at| number_key(at * 7_919 % 10_007)).collect();
    let mut growing = Growing::new(&room);
    let mut peak = 0;
    for key in &keys {
        assert!(growing.insert(key).unwrap());
        peak = peak.max(room.used.load(Ordering::Relaxed));
    }
    assert!(peak < 2 * most, "{peak}");
    assert!(!growing.insert(&keys[17]).unwrap(), "one that is in the file");
    let sorted = growing.finish().unwrap();
    assert_eq!(sorted.rows(), 10_000);
    let expected: BTreeSet<&Vec<u8>> = keys.iter().collect();
    assert!(all(&sorted).iter().eq(expected));
    assert!(sorted.contains(&keys[3]).unwrap() && !sorted.contains(&number_key(20_000)).unwrap());
    drop(sorted);
    assert_eq!(room.used.load(Ordering::Relaxed), 0, "everything is given back");
}

#[test]
fn what_fits_touches_no_disk() {
    let room = Room::new();
    let sorted = set(&room, &(0..10_000).map(number_key).collect::<Vec<_>>());
    assert!(format!("{:?}", room.store).contains("None"), "no file was made");
    assert_eq!(all(&sorted).len(), 10_000);
}

#[test]
fn an_empty_set_has_nothing() {
    let room = Room::new();
    let sorted = set(&room, &[]);
    assert_eq!((sorted.rows(), all(&sorted).len()), (0, 0));
    assert!(!sorted.contains(b"x").unwrap());
    assert!(sorted.behind(3).unwrap().next_key().unwrap().is_none());
}

#[test]
fn keys_of_any_length_come_back() {
    let room = Room::of(0);
    let keys: Vec<Vec<u8>> = [0, 1, 254, 255, 256, 5_000, 70_000].map(|len| vec![7; len]).to_vec();
    assert_eq!(all(&set(&room, &keys)), keys);
}

fn shape(types: &[&str]) -> KeyShape {
    let columns: Vec<Column> = types.iter().map(|name| Column::new("c", name)).collect();
    KeyShape::of(&columns)
}

fn encoded(shape: &KeyShape, cells: &[Option<Vec<u8>>]) -> Vec<u8> {
    let mut out = Vec::new();
    shape.encode(cells.iter().map(Option::as_deref), &mut out).unwrap();
    out
}

#[test]
fn integers_sort_by_value_and_lose_zeros_in_front() {
    let shape = shape(&["bigint"]);
    let texts = [
        "-9223372036854775808",
        "-256",
        "-255",
        "-1",
        "0",
        "1",
        "255",
        "256",
        "65536",
        "9223372036854775808",
        "18446744073709551615",
    ];
    let keys: Vec<Vec<u8>> =
        texts.iter().map(|text| encoded(&shape, &[Some(text.as_bytes().to_vec())])).collect();
    assert!(keys.is_sorted());
    for (text, key) in texts.iter().zip(&keys) {
        assert_eq!(shape.decode(key).unwrap(), [Some(text.as_bytes().to_vec())]);
    }
    assert_eq!(encoded(&shape, &[Some(b"0012".to_vec())]), encoded(&shape, &[Some(b"12".to_vec())]));
    for wrong in ["", "x", "1.5", "99999999999999999999"] {
        assert!(shape.encode([Some(wrong.as_bytes())], &mut Vec::new()).is_err(), "{wrong:?}");
    }
    assert_eq!(split_number(&number_key(77)), Some((77, [].as_slice())));
}

proptest! {
    #[test]
    fn keys_come_back_and_sort_column_by_column(
        rows in proptest::collection::vec((any::<i64>(), proptest::option::of(proptest::collection::vec(0_u8..4, 0..5))), 1..20)
    ) {
        let shape = shape(&["bigint", "varchar"]);
        let cells = |row: &(i64, Option<Vec<u8>>)| vec![Some(row.0.to_string().into_bytes()), row.1.clone()];
        let mut rows = rows;
        rows.sort();
        let keys: Vec<Vec<u8>> = rows.iter().map(|row| encoded(&shape, &cells(row))).collect();
        prop_assert!(keys.is_sorted());
        for (row, key) in rows.iter().zip(&keys) {
            prop_assert_eq!(shape.decode(key).unwrap(), cells(row));
        }
    }

    #[test]
    fn a_set_is_a_set_however_little_fits(
        numbers in proptest::collection::vec(0_u64..5_000, 0..3_000),
        most in 0_usize..20_000,
        asked in 0_u64..5_000,
        behind in 0_u64..3_000,
    ) {
        let keys: Vec<Vec<u8>> = numbers.iter().map(|number| number_key(*number)).collect();
        let sorted = set(&Room::of(most), &keys);
        let expected: BTreeSet<Vec<u8>> = keys.into_iter().collect();
        let expected: Vec<Vec<u8>> = expected.into_iter().collect();
        prop_assert_eq!(&all(&sorted), &expected);
        let asked = number_key(asked);
        let rank = expected.iter().position(|key| *key == asked).map(|at| at as u64);
        prop_assert_eq!(sorted.rank(&asked).unwrap(), rank);
        let from = expected.iter().find(|key| **key >= asked).cloned();
        prop_assert_eq!(sorted.from(&asked).unwrap().next_key().unwrap().map(<[u8]>::to_vec), from);
        let next = expected.get(usize::try_from(behind).unwrap()).cloned();
        prop_assert_eq!(sorted.behind(behind).unwrap().next_key().unwrap().map(<[u8]>::to_vec), next);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn pieces_are_complete_and_disjoint_and_a_union_has_each_key_once(
        sets in proptest::collection::vec(
            proptest::collection::vec(proptest::collection::vec(0_u8..3, 0..9), 0..200),
            1..5,
        ),
        most in 0_usize..6_000,
        pieces in proptest::collection::vec(1_u64..300, 1..9),
    ) {
        let room = Room::of(most);
        // Some so long that a block holds few of them.
        let lengthened = |key: &Vec<u8>| key.repeat(if key.len() > 7 { 300 } else { 1 });
        let sets: Vec<Vec<Vec<u8>>> = sets.iter().map(|keys| keys.iter().map(lengthened).collect()).collect();
        let expected: Vec<Vec<u8>> = sets.iter().flatten().collect::<BTreeSet<_>>().into_iter().cloned().collect();
        let sets: Vec<Keys> = sets.iter().map(|keys| set(&room, keys)).collect();
        let union = Keys::union(&room, &sets).unwrap();
        prop_assert_eq!(union.rows(), expected.len() as u64);
        let mut found: Vec<Vec<u8>> = Vec::new();
        for rows in pieces.iter().cycle() {
            let mut cursor = union.behind(found.len() as u64).unwrap();
            let before = found.len();
            for _ in 0..*rows {
                let Some(key) = cursor.next_key().unwrap() else { break };
                found.push(key.to_vec());
            }
            if found.len() == before {
                break;
            }
        }
        prop_assert_eq!(&found, &expected);
        for (at, key) in expected.iter().enumerate() {
            prop_assert_eq!(union.rank(key).unwrap(), Some(at as u64));
        }
        drop((sets, union));
        prop_assert_eq!(room.used.load(Ordering::Relaxed), 0);
    }
}
