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
        let frame = assemble(FrameId { table: "größe", chunk, seq }, rows, &sql, &packed).unwrap();
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
    let frame = assemble(id, 0, sql, &packed).unwrap();
    assert!(refused(&frame.bytes).what().contains("session settings"));
}

#[test]
fn a_size_that_zstd_does_not_confirm_is_refused() {
    let id = FrameId { table: "größe", chunk: 0, seq: 0 };
    let sql = session_preamble().as_bytes();
    let short = zstd::bulk::compress(&sql[1..], 1).unwrap();
    assert!(refused(&assemble(id, 0, sql, &short).unwrap().bytes).what().contains("size announced"));
    let two = [zstd::bulk::compress(sql, 1).unwrap(), zstd::bulk::compress(b"", 1).unwrap()].concat();
    assert!(refused(&assemble(id, 0, sql, &two).unwrap().bytes).what().contains("one zstd frame"));
}

#[test]
fn rows_without_text_and_text_without_rows_are_refused() {
    let mut packer = Packer::new(1).unwrap();
    let session = packer.session("größe", 0).unwrap().bytes;
    for (rows, sql) in [(0, &b"x"[..]), (1, b"")] {
        let packed = zstd::bulk::compress(sql, 1).unwrap();
        let id = FrameId { table: "größe", chunk: 0, seq: 1 };
        let frame = assemble(id, rows, sql, &packed).unwrap();
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
