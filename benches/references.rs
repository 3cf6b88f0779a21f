//! What it costs to remember a row's references while it is encoded. No server needed.

#![allow(clippy::expect_used, reason = "a bench that cannot run should stop")]

use backfill::db::RowCells;
use backfill::plan::checked::{Checked, Checks, Compared, Key};
use backfill::plan::reference::Reference;
use backfill::plan::sanitize::Refs;
use backfill::schema::Column;
use backfill::server::references::{Recorder, References};
use backfill::sql::List;
use backfill::sql::digest::Canon;
use backfill::sql::insert::{BatchLimits, InsertBatch, Verb};
use backfill::sql::literal::Form;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

const ROWS: u32 = 300_000;

const PRODUCTS: u32 = 5000;

struct Row(Vec<Vec<u8>>);

impl RowCells for Row {
    fn cell(&self, index: usize) -> Option<&[u8]> {
        self.0.get(index).map(Vec::as_slice)
    }
}

/// Like order items: an id, an order of a few items, a product, a quantity, a price, a name.
fn rows() -> (Vec<(String, Form)>, Vec<Row>) {
    let form = |data_type| Form::of(&Column::new("c", data_type)).expect("a known type");
    let types = ["bigint", "bigint", "int", "int", "decimal", "datetime"];
    let columns = types.iter().enumerate().map(|(at, name)| (format!("c{at}"), form(name))).collect();
    let row = |id: u32| {
        let (order, product) = (id / 4, id.wrapping_mul(2_654_435_761) % PRODUCTS);
        let number = |number: u32| number.to_string().into_bytes();
        let price = format!("{}.{:02}", id % 500, id % 100).into_bytes();
        let when = b"2026-11-22 10:11:12".to_vec();
        Row(vec![number(id), number(order + 1_000_000), number(product), number(id % 9), price, when])
    };
    (columns, (0..ROWS).map(row).collect())
}

/// References from columns 1 and 2 of the first table to two others; the first table's column 0 is referenced as well,
/// if it is said so.
fn checks(references: usize, is_referenced: bool) -> Checks {
    let mut checks = Checks::default();
    for at in 0..references {
        let reference = Reference {
            name: format!("key {at}"),
            table: "items".into(),
            columns: vec![format!("c{}", at + 1)],
            references: format!("parents {at}"),
            referenced_columns: vec!["id".into()],
            when: Vec::new(),
        };
        checks.keys.push(Key {
            table: at + 1,
            compared: vec![Compared::Cell(0, Canon::Number)],
            unique: true,
            has_earlier: false,
        });
        checks.references.push(Checked {
            reference,
            child: 0,
            cells: vec![at + 1],
            compared: vec![Compared::Cell(at + 1, Canon::Number)],
            key: at,
            identity: vec![0],
            index: Some("PRIMARY".into()),
            masked: false,
            named_by_masks: false,
        });
    }
    if is_referenced {
        checks.keys.push(Key {
            table: 0,
            compared: vec![Compared::Cell(0, Canon::Number)],
            unique: true,
            has_earlier: false,
        });
    }
    checks
}

fn recorder(criterion: &mut Criterion) {
    let (columns, rows) = rows();
    let mut group = criterion.benchmark_group("references");
    group.throughput(Throughput::Elements(u64::from(ROWS))).sample_size(20);
    let limits = BatchLimits { rows_max: 10_000, bytes_max: 1 << 20, statement_bytes_max: 16 << 20 };
    let mut batch = InsertBatch::new(Verb::Insert, "items", &columns, limits);
    group.bench_function("rows to SQL alone", |bencher| {
        bencher.iter(|| {
            for row in &rows {
                if let Some(full) = batch.push(|at| row.cell(at)).expect("a row fits") {
                    batch.recycle(black_box(full).sql);
                }
            }
        });
    });
    for (name, references, is_referenced) in [
        ("without references", 0, false),
        ("referenced", 0, true),
        ("two references", 2, false),
        ("both", 2, true),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let references = References::new(checks(references, is_referenced), 3);
                let mut recorder = Recorder::new(&references, 0, &columns, Refs::Bare, &mut List::default());
                for row in &rows {
                    recorder.row(row).expect("it is recorded");
                }
                recorder.finish().expect("it is recorded");
                black_box(&references);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, recorder);
criterion_main!(benches);
