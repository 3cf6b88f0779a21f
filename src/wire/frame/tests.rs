//! A stream that is right reads back, a stream with anything wrong in it does not.

use super::write::assemble;
use super::*;
use crate::error::{Error, Kind, Result};
use crate::sql::insert::session_preamble;
use proptest::prelude::*;
use std::io::Read;

/// Made once by this code and never again: format 1 as it is in files that exist.
const GOLDEN: &[u8] = include_bytes!("../../../testdata/golden/wire/dump-v1.sql.zst");

const CAPS: Caps = Caps { batch_bytes_max: 1 << 20, header_bytes_max: HEADER_BYTES_MAX };

/// As [`GOLDEN`], with rows that are taken back at the end.
const GOLDEN_REMOVAL: &[u8] = include_bytes!("../../../testdata/golden/wire/dump-v1-removal.sql.zst");

type Batches = Vec<(u32, u64, Vec<u8>)>;

fn golden_batches() -> Batches {
    let text = |rows: &str| format!("INSERT INTO `größe` (`id`,`t`) VALUES\n{rows};\n").into_bytes();
    vec![(0, 2, text("(1,'é'),\n(2,NULL)")), (0, 1, text("(3,'it\\'s')")), (2, 1, text("(4,'')"))]
}

/// Session frame, two batches, a wait, a chunk without rows, a batch, end.
fn parts(packer: &mut Packer, batches: &Batches) -> Vec<Vec<u8>> {
    let table = "größe";
    let mut totals = Totals::new();
    let mut parts = Vec::new();
    let mut frames = vec![packer.session(table, 0).unwrap()];
    let (mut chunk, mut seq) = (0, 1);
    for (of, rows, sql) in batches {
        while chunk < *of {
            if seq == 1 {
                frames.push(packer.batch(FrameId { table, chunk, seq }, 0, b"").unwrap());
            }
            (chunk, seq) = (chunk + 1, 1);
        }
        frames.push(packer.batch(FrameId { table, chunk, seq }, *rows, sql).unwrap());
        seq += 1;
    }
    for (at, frame) in frames.into_iter().enumerate() {
        if at == 2 {
            parts.push(totals.wait(Wait { phase: TablePhase::Copy, rows: 120_000 }).unwrap());
        }
        totals.add(frame.rows, &frame.digest);
        parts.push(frame.bytes);
    }
    parts.push(totals.end().unwrap());
    parts
}

fn stream(batches: &Batches) -> Vec<u8> {
    parts(&mut Packer::new(3).unwrap(), batches).concat()
}

fn read_as(bytes: &[u8], scope: Scope, caps: Caps) -> Result<(Batches, u64)> {
    let mut reader = FrameReader::new(bytes, "größe", scope, caps)?;
    let mut batches = Vec::new();
    loop {
        match reader.next_event()? {
            Event::Batch { chunk, rows, sql } => batches.push((chunk, rows, sql.to_vec())),
            Event::Removal { .. } => panic!("nothing is taken back"),
            Event::Wait(_) => {}
            Event::End { rows, .. } => {
                assert!(reader.next_event().is_err(), "nothing comes after the end");
                return Ok((batches, rows));
            }
        }
    }
}

fn read(bytes: &[u8]) -> Result<(Batches, u64)> {
    read_as(bytes, Scope::Table, CAPS)
}

fn refused(bytes: &[u8]) -> Error {
    let error = read(bytes).unwrap_err();
    assert!(matches!(error.kind(), Kind::Integrity | Kind::Remote), "{error:?}");
    error
}

/// What every zstd tool makes of the stream.
fn unzstd(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    zstd::stream::read::Decoder::new(bytes)?.read_to_end(&mut out)?;
    Ok(out)
}

fn raw_header(json: &str) -> Vec<u8> {
    let len = u32::try_from(json.len()).unwrap();
    [&SKIPPABLE_MAGIC[..], &len.to_le_bytes(), json.as_bytes()].concat()
}

/// Splits a stream into the JSON of its skippable frames, each with the data frame that follows it.
fn take_apart(mut bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let len = zstd::zstd_safe::find_frame_compressed_size(bytes).unwrap();
        let (frame, rest) = bytes.split_at(len);
        if frame.starts_with(&SKIPPABLE_MAGIC) {
            frames.push((String::from_utf8(frame[8..].to_vec()).unwrap(), Vec::new()));
        } else {
            frames.last_mut().unwrap().1 = frame.to_vec();
        }
        bytes = rest;
    }
    frames
}

#[test]
fn the_golden_stream_is_read() {
    assert_eq!(read(GOLDEN).unwrap(), (golden_batches(), 4));
}

/// With the packed bytes of the golden file, since another zstd may pack otherwise.
#[test]
fn the_golden_stream_is_written() {
    let mut sql = [(0, 0, 0, session_preamble().as_bytes().to_vec())].to_vec();
    let batches = golden_batches();
    sql.push((0, 1, 2, batches[0].2.clone()));
    sql.push((0, 2, 1, batches[1].2.clone()));
    sql.push((1, 1, 0, Vec::new()));
    sql.push((2, 1, 1, batches[2].2.clone()));
    let packed: Vec<_> =
        take_apart(GOLDEN).into_iter().map(|(_, data)| data).filter(|d| !d.is_empty()).collect();
    assert_eq!(packed.len(), sql.len());
    let mut totals = Totals::new();
    let mut bytes = Vec::new();
    for (at, ((chunk, seq, rows, sql), packed)) in sql.into_iter().zip(packed).enumerate() {
        if at == 2 {
            bytes.extend(totals.wait(Wait { phase: TablePhase::Copy, rows: 120_000 }).unwrap());
        }
        let frame = assemble(FrameId { table: "größe", chunk, seq }, rows, None, &sql, &packed).unwrap();
        assert_eq!(frame.raw_bytes, sql.len() as u64);
        totals.add(frame.rows, &frame.digest);
        bytes.extend(frame.bytes);
    }
    bytes.extend(totals.end().unwrap());
    assert!(bytes == GOLDEN, "format 1 is written differently");
}

#[test]
fn headers_are_spelled_as_specified() {
    let headers: Vec<_> = take_apart(GOLDEN).into_iter().map(|(json, _)| json).collect();
    let expected = [
        r#"{"v":1,"table":"größe","chunk":0,"seq":0,"rows":0,"bytes":159,"packed":151,"sha256":"68599682cc4cbef00ed82aabbe8d4f85e8b11c9b8810046584ee1e8d8f85d6d1"}"#,
        r#"{"v":1,"table":"größe","chunk":0,"seq":1,"rows":2,"bytes":60,"packed":73,"sha256":"33084da16a10c58d7fab3111d9d8c587322517db37f9bdfaed33df61c8ba7b7b"}"#,
        r#"{"v":1,"wait":{"phase":"copy","rows":120000}}"#,
        r#"{"v":1,"table":"größe","chunk":0,"seq":2,"rows":1,"bytes":53,"packed":66,"sha256":"b6ca8d4ad1b6c71476d781498c0e1b89af49319b38bd7f701ff254435d1cb998"}"#,
        r#"{"v":1,"table":"größe","chunk":1,"seq":1,"rows":0,"bytes":0,"packed":13,"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}"#,
        r#"{"v":1,"table":"größe","chunk":2,"seq":1,"rows":1,"bytes":48,"packed":61,"sha256":"7b3d432007eee5bc7da6f5e200a335e399c88ebd84e21113f8be8302e377f3e0"}"#,
        r#"{"v":1,"end":true,"frames":5,"rows":4,"sha256":"f79ac1258dca5910e1f6254d618afa5d734c2b6e2aafb5c64de031050f5a0c57"}"#,
    ];
    assert_eq!(headers, expected);
}

#[test]
fn a_wait_says_how_far_the_table_is() {
    let mut reader = FrameReader::new(GOLDEN, "größe", Scope::Table, CAPS).unwrap();
    assert!(matches!(reader.next_event().unwrap(), Event::Batch { chunk: 0, rows: 2, .. }));
    let wait = Wait { phase: TablePhase::Copy, rows: 120_000 };
    assert_eq!(reader.next_event().unwrap(), Event::Wait(wait));
}

#[test]
fn every_zstd_tool_makes_plain_sql_of_it() {
    let sql: Vec<u8> = golden_batches().into_iter().flat_map(|(_, _, sql)| sql).collect();
    assert_eq!(unzstd(GOLDEN).unwrap(), [session_preamble().as_bytes(), &sql].concat());
}

#[test]
fn no_flipped_bit_passes() {
    for at in 0..GOLDEN.len() * 8 {
        let mut bytes = GOLDEN.to_vec();
        bytes[at / 8] ^= 1 << (at % 8);
        refused(&bytes);
    }
}

#[test]
fn no_stream_that_is_cut_or_goes_on_passes() {
    for len in 0..GOLDEN.len() {
        let error = refused(&GOLDEN[..len]);
        assert!(error.is_retryable() && error.what().contains("without an end frame"), "{len}: {error}");
    }
    assert!(refused(&[GOLDEN, b"\0"].concat()).what().contains("follows its end"));
}

#[test]
fn frames_left_out_doubled_or_swapped_are_noticed() {
    let parts = parts(&mut Packer::new(1).unwrap(), &golden_batches());
    for at in 0..parts.len() {
        let mut fewer = parts.clone();
        fewer.remove(at);
        refused(&fewer.concat());
        let mut more = parts.clone();
        more.insert(at, parts[at].clone());
        refused(&more.concat());
        for with in at + 1..parts.len() {
            let mut swapped = parts.clone();
            swapped.swap(at, with);
            refused(&swapped.concat());
        }
    }
}

#[test]
fn the_stream_of_one_chunk_holds_that_chunk() {
    let mut packer = Packer::new(1).unwrap();
    let mut totals = Totals::new();
    let mut bytes = Vec::new();
    let frames = [
        packer.session("größe", 7).unwrap(),
        packer.batch(FrameId { table: "größe", chunk: 7, seq: 1 }, 1, b"x").unwrap(),
    ];
    for frame in frames {
        totals.add(frame.rows, &frame.digest);
        bytes.extend(frame.bytes);
    }
    let other = packer.batch(FrameId { table: "größe", chunk: 8, seq: 1 }, 1, b"x").unwrap();
    let unfinished = bytes.clone();
    bytes.extend(totals.end().unwrap());
    assert_eq!(read_as(&bytes, Scope::Chunk(7), CAPS).unwrap(), (vec![(7, 1, b"x".to_vec())], 1));
    for scope in [Scope::Table, Scope::Chunk(6)] {
        assert!(read_as(&bytes, scope, CAPS).unwrap_err().what().contains("out of order"));
    }
    totals.add(other.rows, &other.digest);
    let two = [unfinished, other.bytes, totals.end().unwrap()].concat();
    assert!(read_as(&two, Scope::Chunk(7), CAPS).unwrap_err().what().contains("out of order"));
}

#[test]
fn a_chunk_without_any_batch_is_noticed() {
    let mut packer = Packer::new(1).unwrap();
    let session = packer.session("größe", 0).unwrap();
    let later = packer.batch(FrameId { table: "größe", chunk: 1, seq: 1 }, 1, b"x").unwrap();
    let mut totals = Totals::new();
    totals.add(session.rows, &session.digest);
    let nothing = [session.bytes.clone(), totals.end().unwrap()].concat();
    assert!(refused(&nothing).what().contains("before its first batch"));
    totals.add(later.rows, &later.digest);
    let skipped = [session.bytes, later.bytes, totals.end().unwrap()].concat();
    assert!(refused(&skipped).what().contains("out of order"));
}

#[test]
fn a_stream_of_another_table_is_refused() {
    let mut reader = FrameReader::new(GOLDEN, "users", Scope::Table, CAPS).unwrap();
    let error = reader.next_event().unwrap_err();
    assert_eq!(error.what(), "dump stream of `users`: chunk 0, frame 0: the frame is of another table");
    assert_eq!(reader.next_event().unwrap_err().kind(), Kind::Internal);
}

#[test]
fn an_abort_fails_both_readers() {
    let mut bytes = parts(&mut Packer::new(1).unwrap(), &golden_batches())[..3].concat();
    assert!(unzstd(&bytes).is_ok());
    bytes.extend(abort_frame(Code::SourceUnavailable, "the source\x1b[2J went away", "r-17").unwrap());
    assert!(unzstd(&bytes).is_err());
    let error = refused(&bytes);
    assert_eq!(error.kind(), Kind::Remote);
    assert_eq!(error.what(), "dump stream of `größe`: the server gave up: the source[2J went away");
    assert!(error.hint_text().unwrap().contains("r-17") && error.is_retryable());

    let long = abort_frame(Code::Internal, &"é".repeat(100_000), "r").unwrap();
    let error = refused(&long);
    assert!(error.what().chars().count() < 600 && !error.is_retryable());
    let newer = raw_header(r#"{"v":1,"abort":{"code":"later","message":"m","request_id":"r"},"x":1}"#);
    assert_eq!(refused(&newer).kind(), Kind::Remote);
}

#[test]
fn sizes_are_compared_with_caps_before_anything_is_read() {
    let error = read_as(GOLDEN, Scope::Table, Caps { batch_bytes_max: 100, ..CAPS }).unwrap_err();
    assert!(error.what().contains("larger than the 100 asked for"), "{error}");
    let error = read_as(GOLDEN, Scope::Table, Caps { header_bytes_max: 40, ..CAPS }).unwrap_err();
    assert!(error.what().contains("too long"), "{error}");
    let sha = "0".repeat(64);
    let huge = format!(
        r#"{{"v":1,"table":"größe","chunk":0,"seq":0,"rows":0,"bytes":10,"packed":{},"sha256":"{sha}"}}"#,
        u64::MAX
    );
    assert!(refused(&raw_header(&huge)).what().contains("compressed bytes are more"));
}

#[test]
fn versions_and_spellings_are_told_apart() {
    for (json, says, hint) in
        [(r#"{"v":2,"chunks":[]}"#, "newer", "this side"), (r#"{"v":0}"#, "older", "the server")]
    {
        let error = refused(&raw_header(json));
        assert!(error.what().contains(says) && error.hint_text().unwrap().contains(hint), "{error:?}");
    }
    for json in [
        "",
        "{}",
        "[1]",
        r#"{"v":1}"#,
        r#"{"v":1,"wait":{"phase":"copy","rows":120000},"x":1}"#,
        r#"{"v":1,"wait":{"phase":"copy","rows":120000,"x":1}}"#,
        r#"{"v":1,"wait":{"phase":"dance","rows":120000}}"#,
        r#"{"v": 1,"wait":{"phase":"copy","rows":120000}}"#,
        r#"{"wait":{"phase":"copy","rows":120000},"v":1}"#,
        r#"{"v":1,"wait":{"phase":"c\u006fpy","rows":120000}}"#,
    ] {
        assert!(refused(&raw_header(json)).what().contains("a frame header is not"), "{json}");
    }
}

#[test]
fn another_session_frame_is_refused() {
    let id = FrameId { table: "größe", chunk: 0, seq: 0 };
    let sql = b"SET GLOBAL x=1;\n";
    let packed = zstd::bulk::compress(sql, 1).unwrap();
    let frame = assemble(id, 0, None, sql, &packed).unwrap();
    assert!(refused(&frame.bytes).what().contains("session settings"));
}

#[test]
fn a_size_that_zstd_does_not_confirm_is_refused() {
    let id = FrameId { table: "größe", chunk: 0, seq: 0 };
    let sql = session_preamble().as_bytes();
    let short = zstd::bulk::compress(&sql[1..], 1).unwrap();
    assert!(refused(&assemble(id, 0, None, sql, &short).unwrap().bytes).what().contains("size announced"));
    let two = [zstd::bulk::compress(sql, 1).unwrap(), zstd::bulk::compress(b"", 1).unwrap()].concat();
    assert!(refused(&assemble(id, 0, None, sql, &two).unwrap().bytes).what().contains("one zstd frame"));
}

#[test]
fn rows_without_text_and_text_without_rows_are_refused() {
    let mut packer = Packer::new(1).unwrap();
    let session = packer.session("größe", 0).unwrap().bytes;
    for (rows, sql) in [(0, &b"x"[..]), (1, b"")] {
        let packed = zstd::bulk::compress(sql, 1).unwrap();
        let id = FrameId { table: "größe", chunk: 0, seq: 1 };
        let frame = assemble(id, rows, None, sql, &packed).unwrap();
        let error = refused(&[session.clone(), frame.bytes].concat());
        assert!(error.what().ends_with(&format!("{rows} rows in {} bytes", sql.len())), "{error}");
    }
}

#[test]
fn batches_without_a_place_are_not_written() {
    let mut packer = Packer::new(1).unwrap();
    for (seq, rows, sql) in [(0, 1, "x"), (1, 0, "x"), (1, 1, "")] {
        assert!(packer.batch(FrameId { table: "t", chunk: 0, seq }, rows, sql.as_bytes()).is_err());
    }
}

/// The stream of a chunk that takes two rows back, after whatever `before` is.
fn removal_parts(before: &[EncodedFrame], chunk: u32) -> (Vec<EncodedFrame>, Removes) {
    let mut packer = Packer::new(3).unwrap();
    let removes = Removes { columns: vec!["id".into(), "t".into()], rows: 2 };
    let sql = "DELETE FROM `größe` WHERE (`id`,`t`) IN (\n(1,'é'),\n(3,'it\\'s'));\n";
    let mut frames = vec![packer.session("größe", 0).unwrap()];
    frames.extend(before.iter().cloned());
    let id = FrameId { table: "größe", chunk, seq: 1 };
    frames.push(packer.removal(id, &removes, sql.as_bytes()).unwrap());
    (frames, removes)
}

fn whole(frames: &[EncodedFrame]) -> Vec<u8> {
    let mut totals = Totals::new();
    let mut bytes = Vec::new();
    for frame in frames {
        totals.add(frame.rows, &frame.digest);
        bytes.extend_from_slice(&frame.bytes);
    }
    bytes.extend(totals.end().unwrap());
    bytes
}

fn rows_frame(chunk: u32, seq: u32) -> EncodedFrame {
    let (_, rows, sql) = golden_batches().remove(0);
    Packer::new(3).unwrap().batch(FrameId { table: "größe", chunk, seq }, rows, &sql).unwrap()
}

#[test]
fn the_golden_stream_with_a_removal_is_read_and_written() {
    let (frames, removes) = removal_parts(&[rows_frame(0, 1)], 1);
    let mut reader = FrameReader::new(GOLDEN_REMOVAL, "größe", Scope::Table, CAPS).unwrap();
    assert!(matches!(reader.next_event().unwrap(), Event::Batch { chunk: 0, rows: 2, .. }));
    match reader.next_event().unwrap() {
        Event::Removal { chunk: 1, removes: found, sql } => {
            assert_eq!(found, removes);
            assert!(sql.starts_with("DELETE FROM `größe` WHERE (`id`,`t`) IN (\n".as_bytes()));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(reader.next_event().unwrap(), Event::End { frames: 3, rows: 2 });
    let headers = |bytes: &[u8]| -> Vec<String> {
        // Another zstd may pack otherwise.
        let packed = |json: String| json.split("\"packed\"").next().unwrap().to_owned();
        take_apart(bytes)
            .into_iter()
            .map(|(json, _)| packed(json))
            .filter(|j| !j.contains("\"end\""))
            .collect()
    };
    assert_eq!(headers(&whole(&frames)), headers(GOLDEN_REMOVAL));
    assert!(headers(GOLDEN_REMOVAL)[2].starts_with(
        r#"{"v":1,"table":"größe","chunk":1,"seq":1,"rows":0,"removes":{"columns":["id","t"],"rows":2},"bytes":"#
    ));
    assert_eq!(unzstd(GOLDEN_REMOVAL).unwrap(), unzstd(&whole(&frames)).unwrap());
}

#[test]
fn no_flipped_bit_of_a_removal_passes() {
    for at in 0..GOLDEN_REMOVAL.len() * 8 {
        let mut bytes = GOLDEN_REMOVAL.to_vec();
        bytes[at / 8] ^= 1 << (at % 8);
        let mut reader = FrameReader::new(&bytes[..], "größe", Scope::Table, CAPS).unwrap();
        let ended = loop {
            match reader.next_event() {
                Ok(Event::End { .. }) => break true,
                Ok(_) => {}
                Err(_) => break false,
            }
        };
        assert!(!ended, "bit {at}");
    }
}

#[test]
fn removals_stand_behind_all_rows_in_chunks_of_their_own() {
    let (frames, _) = removal_parts(&[rows_frame(0, 1)], 1);
    let events = |frames: &[EncodedFrame]| {
        let bytes = whole(frames);
        let mut reader = FrameReader::new(&bytes[..], "größe", Scope::Table, CAPS).unwrap();
        loop {
            match reader.next_event() {
                Ok(Event::End { .. }) => return String::new(),
                Ok(_) => {}
                Err(error) => return error.what().to_owned(),
            }
        }
    };
    assert_eq!(events(&frames), "");
    let mut later = frames.clone();
    later.push(rows_frame(2, 1));
    assert!(events(&later).ends_with("a batch follows rows that were taken back"));
    let mut same = frames.clone();
    same.push(rows_frame(1, 2));
    assert!(events(&same).ends_with("a batch follows rows that were taken back"));
    let mut twice = frames.clone();
    twice.push(frames[2].clone());
    assert!(events(&twice).ends_with("out of order"));
    let mut packer = Packer::new(3).unwrap();
    let removes = Removes { columns: vec!["id".into()], rows: 1 };
    let id = FrameId { table: "größe", chunk: 0, seq: 2 };
    let behind = [frames[0].clone(), frames[1].clone(), packer.removal(id, &removes, b"x").unwrap()];
    assert!(events(&behind).ends_with("in a chunk that has rows"));
}

#[test]
fn a_removal_of_nothing_or_of_more_than_one_kind_is_refused() {
    let id = FrameId { table: "größe", chunk: 0, seq: 1 };
    let none = Removes { columns: Vec::new(), rows: 1 };
    let zero = Removes { columns: vec!["id".into()], rows: 0 };
    let one = Removes { columns: vec!["id".into()], rows: 1 };
    let mut packer = Packer::new(3).unwrap();
    let session = packer.session("größe", 0).unwrap().bytes;
    for (rows, removes, sql) in [(0, &none, &b"x"[..]), (0, &zero, b"x"), (1, &one, b"x"), (0, &one, b"")] {
        let packed = zstd::bulk::compress(sql, 1).unwrap();
        let frame = assemble(id, rows, Some(removes), sql, &packed).unwrap();
        let error = refused(&[session.clone(), frame.bytes].concat());
        assert!(error.what().contains("a removal that takes nothing back"), "{error}");
        assert!(rows > 0 || packer.removal(id, removes, sql).is_err());
    }
    let sha = "0".repeat(64);
    for removes in [
        r#"{"columns":["id"]}"#,
        r#"{"columns":["id"],"rows":-1}"#,
        r#"{"columns":["id"],"rows":1,"x":1}"#,
        r#"{"rows":1,"columns":["id"]}"#,
        r#"{"columns":[1],"rows":1}"#,
        "null",
        "[]",
    ] {
        let json = format!(
            r#"{{"v":1,"table":"größe","chunk":0,"seq":1,"rows":0,"removes":{removes},"bytes":9,"packed":9,"sha256":"{sha}"}}"#
        );
        let error = refused(&[session.clone(), raw_header(&json)].concat());
        assert!(error.what().contains("a frame header is not"), "{removes}: {error}");
    }
}

fn batches() -> impl Strategy<Value = Batches> {
    let batch = (0_u32..3, 1_u64..9, proptest::collection::vec(any::<u8>(), 1..400));
    proptest::collection::vec(batch, 1..6).prop_map(|mut batches| {
        let mut chunk = 0;
        for batch in &mut batches {
            chunk += batch.0;
            batch.0 = chunk;
        }
        batches
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(batches in batches()) {
        let rows = batches.iter().map(|(_, rows, _)| rows).sum();
        prop_assert_eq!(read(&stream(&batches)).unwrap(), (batches, rows));
    }

    #[test]
    fn no_change_of_a_stream_passes(
        batches in batches(),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
        change in 0..3,
    ) {
        let mut bytes = stream(&batches);
        let good = bytes.clone();
        let at = at.index(bytes.len());
        match change {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => drop(bytes.remove(at)),
        }
        prop_assume!(bytes != good);
        refused(&bytes);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        refused(&bytes);
        refused(&[&SKIPPABLE_MAGIC[..], &[bytes.len() as u8, 0, 0, 0], &bytes].concat());
    }
}
