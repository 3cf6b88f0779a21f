//! What our own CPU costs: cells to SQL text, text to frames, frames back to rows that may be run. No server needed.

#![allow(clippy::expect_used, reason = "a bench that cannot run should stop")]

use backfill::schema::Column;
use backfill::sql::insert::{BatchLimits, InsertBatch, Verb};
use backfill::sql::literal::Form;
use backfill::sql::scan::{Expected, scan_insert};
use backfill::wire::frame::{Caps, Event, FrameId, FrameReader, HEADER_BYTES_MAX, Packer, Scope, Totals};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

const ROWS: usize = 5000;
const NO_LIMITS: BatchLimits =
    BatchLimits { rows_max: u64::MAX, bytes_max: usize::MAX, statement_bytes_max: usize::MAX };

type Rows = Vec<Vec<Option<Vec<u8>>>>;

fn column(data_type: &str) -> Column {
    Column { charset: (data_type == "text").then(|| "utf8mb4".into()), ..Column::new("c", data_type) }
}

/// Rows like those of an activity log: an id, a number, a date, some text with quotes, an address as bytes.
fn rows() -> (Vec<(String, Form)>, Rows) {
    let types = ["bigint", "int", "datetime", "text", "varbinary"];
    let form = |data_type| Form::of(&column(data_type)).expect("a known type");
    let columns =
        types.iter().enumerate().map(|(at, data_type)| (format!("c{at}"), form(data_type))).collect();
    let rows = (0..ROWS)
        .map(|row| {
            let words = "lorem ipsum ".repeat(row % 9 + 3);
            vec![
                Some(row.to_string().into_bytes()),
                (row % 3 > 0).then(|| (row * 7919).to_string().into_bytes()),
                Some(b"2026-11-22 10:11:12".to_vec()),
                Some(format!("user {row} said: it's \"{words}\" \\ Größe").into_bytes()),
                Some(vec![10, u8::try_from(row % 256).unwrap_or_default(), 3, 4]),
            ]
        })
        .collect();
    (columns, rows)
}

fn fill(batch: &mut InsertBatch, rows: &Rows) -> Vec<u8> {
    for row in rows {
        batch.push(|at| row[at].as_deref()).expect("rows fit");
    }
    batch.finish().expect("there are rows").sql
}

fn statement() -> Vec<u8> {
    let (columns, rows) = rows();
    fill(&mut InsertBatch::new(Verb::Insert, "t", &columns, NO_LIMITS), &rows)
}

fn literal(criterion: &mut Criterion) {
    let (columns, rows) = rows();
    let mut group = criterion.benchmark_group("literal");
    group.throughput(Throughput::Bytes(statement().len() as u64));
    let mut batch = InsertBatch::new(Verb::Insert, "t", &columns, NO_LIMITS);
    group.bench_function("rows to SQL", |bencher| {
        bencher.iter(|| {
            let sql = fill(&mut batch, &rows);
            black_box(sql.len());
            batch.recycle(sql);
        });
    });
    group.finish();
}

fn frame(criterion: &mut Criterion) {
    let sql = statement();
    let rows = ROWS as u64;
    let id = || FrameId { table: "t", chunk: 0, seq: 1 };
    let mut group = criterion.benchmark_group("frame");
    group.throughput(Throughput::Bytes(sql.len() as u64));
    let mut packer = Packer::new(1).expect("zstd");
    group.bench_function("pack", |bencher| {
        bencher.iter(|| black_box(packer.batch(id(), rows, &sql).expect("it packs").bytes.len()));
    });
    let stream = stream(&mut packer, &sql);
    let caps = Caps { batch_bytes_max: 64 << 20, header_bytes_max: HEADER_BYTES_MAX };
    group.bench_function("unpack and check", |bencher| {
        bencher.iter(|| {
            let mut reader = FrameReader::new(stream.as_slice(), "t", Scope::Table, caps).expect("zstd");
            while !matches!(reader.next_event().expect("a sound stream"), Event::End { .. }) {}
        });
    });
    let expected = Expected::new(Verb::Insert, "t", ["c0", "c1", "c2", "c3", "c4"]);
    group.bench_function("scan", |bencher| {
        bencher.iter(|| black_box(scan_insert(&sql, &expected).expect("one INSERT").rows));
    });
    group.finish();
}

fn stream(packer: &mut Packer, sql: &[u8]) -> Vec<u8> {
    let session = packer.session("t", 0).expect("it packs");
    let batch = packer.batch(FrameId { table: "t", chunk: 0, seq: 1 }, ROWS as u64, sql).expect("it packs");
    let mut totals = Totals::new();
    totals.add(session.rows, &session.digest);
    totals.add(batch.rows, &batch.digest);
    [session.bytes, batch.bytes, totals.end().expect("it ends")].concat()
}

criterion_group!(benches, literal, frame);
criterion_main!(benches);
