//! What looking for personal data costs, by kind of text. No server needed.

use backfill::detect::contained;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

/// Texts without a find: the usual case, and all of each is read.
const TEXTS: [(&str, &str); 4] = [
    ("word", "pending"),
    (
        "prose",
        "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of folly.",
    ),
    ("numbers", "User_123456 sold 12 of 15 items for 1,234.50 on 2024-02-01 12:30:45"),
    (
        "document",
        r#"{"user_id": 48213, "at": "2024-01-31 12:30:45", "price": 19.99, "path": "/orders/123/items/4567",
        "uuid": "6f9619ff-8b86-4011-b42d-00c04fc964ff", "agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0.0.0"}"#,
    ),
];

fn detect(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("detect");
    for (name, text) in TEXTS {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| assert_eq!(contained(black_box(text.as_bytes())), None));
        });
    }
    group.finish();
}

criterion_group!(benches, detect);
criterion_main!(benches);
