use super::*;

fn frame(byte: u8, len: usize) -> EncodedFrame {
    EncodedFrame { bytes: vec![byte; len], rows: 1, removed: 0, digest: [byte; 32], raw_bytes: len as u64 }
}

fn contents(chunk: &Chunk) -> Vec<u8> {
    let mut all = Vec::new();
    chunk
        .for_each_frame(|bytes| {
            all.extend_from_slice(bytes);
            Ok(())
        })
        .unwrap();
    all
}

fn spool(bytes_max: u64, memory_bytes_max: u64) -> Arc<Spool> {
    Spool::new(SpoolLimits { bytes_max, memory_bytes_max, open_wait_max: Duration::from_secs(60) })
}

fn chunk(spool: &Arc<Spool>, len: usize) -> Arc<Chunk> {
    let mut writer = spool.begin_chunk().unwrap();
    writer.push(frame(1, len)).unwrap();
    writer.seal()
}

#[test]
fn frames_beyond_memory_come_back_from_files_in_order() {
    let spool = spool(1000, 10);
    let mut writer = spool.begin_chunk().unwrap();
    for byte in 1..=4 {
        writer.push(frame(byte, 6)).unwrap();
    }
    let chunk = writer.seal();
    let expected: Vec<u8> = (1..=4).flat_map(|byte| [byte; 6]).collect();
    assert_eq!(contents(&chunk), expected);
    assert_eq!(chunk.rows(), 4);
    assert_eq!(spool.bytes(), 24);
    drop(chunk);
    assert_eq!(spool.bytes(), 0);
}

#[test]
fn a_full_spool_makes_room_from_served_chunks_only() {
    let spool = spool(10, 100);
    let first = chunk(&spool, 12);
    let mut second = spool.begin_chunk().unwrap();
    second.push(frame(2, 5)).unwrap();
    assert_eq!(spool.bytes(), 12, "what is ahead of its room does not count");
    let waiting = std::thread::spawn(move || second.wait_for_room(|| Ok(())).map(|()| second.seal()));
    assert_eq!(contents(&first).len(), 12);
    first.served();
    let second = waiting.join().unwrap().unwrap();
    assert_eq!((contents(&second), spool.bytes()), (vec![2; 5], 5));
    assert_eq!(first.for_each_frame(|_| Ok(())).unwrap_err().kind(), Kind::Busy);
}

#[test]
fn what_needs_not_wait_counts_once_it_is_sealed() {
    let spool = spool(10, 100);
    let (first, mut ahead) = (chunk(&spool, 12), spool.begin_chunk().unwrap());
    ahead.push(frame(2, 5)).unwrap();
    let ahead = ahead.seal();
    assert_eq!(spool.bytes(), 17);
    drop((first, ahead));
    let mut gone = spool.begin_chunk().unwrap();
    gone.push(frame(3, 5)).unwrap();
    drop(gone);
    assert_eq!(spool.bytes(), 0);
}

#[test]
fn an_open_statement_waits_before_others_and_not_for_ever() {
    let limits = SpoolLimits { bytes_max: 10, memory_bytes_max: 100, open_wait_max: Duration::ZERO };
    let spool = Spool::new(limits);
    let first = chunk(&spool, 12);
    let mut second = spool.begin_chunk().unwrap();
    assert!(!second.wait_shortly(|| false).unwrap(), "its time is over");

    let spool = self::spool(10, 100);
    let other = chunk(&spool, 12);
    let mut third = spool.begin_chunk().unwrap();
    assert!(!third.wait_shortly(|| true).unwrap(), "it is wanted elsewhere");
    other.served();
    assert!(third.wait_shortly(|| false).unwrap());
    let waiting = OpenWaiting::new(&spool);
    assert!(!spool.begin_chunk().unwrap().has_room, "what is there is not for others");
    drop(waiting);
    assert!(spool.begin_chunk().unwrap().has_room);
    drop(first);
}

#[test]
fn closing_wakes_who_waits() {
    let spool = spool(0, 0);
    let waiting = std::thread::spawn({
        let mut writer = spool.begin_chunk().unwrap();
        move || writer.wait_for_room(|| Ok(()))
    });
    spool.close();
    assert!(waiting.join().unwrap().is_err());
    assert!(spool.begin_chunk().is_err());
}
