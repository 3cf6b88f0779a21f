//! Streamed bodies: chunked transfer coding of our own, ended properly only on success.

use crate::error::{Error, Kind, Result};
use std::io::Write;

/// Bytes that are collected before a chunk goes out.
const PIECE: usize = 64 << 10;

/// Most bytes that are added to a chunk at once: its size line has room for eight digits.
const LARGEST: usize = 16 << 20;

/// Room for a chunk's size line: eight hex digits, CR, LF.
const SIZE_LINE: usize = 10;

/// Takes a streamed body.
pub trait StreamWriter {
    /// Sends bytes, or keeps them until there are enough for a chunk. Waits while the client is slow.
    ///
    /// # Errors
    /// `Kind::Remote` when the client went away, stalled for too long, or the server stops. The stream cannot go on.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;

    /// Sends what was kept.
    ///
    /// # Errors
    /// As [`StreamWriter::write`].
    fn flush(&mut self) -> Result<()>;
}

/// Writes chunks. The head goes out together with the first one.
pub(super) struct ChunkWriter<W> {
    out: W,
    /// The head until it was sent, then a chunk's size line and its bytes.
    buffer: Vec<u8>,
    /// Where the chunk that is being collected begins: after the head, if that is still there.
    start: usize,
    begun: bool,
    broken: bool,
}

impl<W: Write> ChunkWriter<W> {
    pub(super) fn new(out: W, mut head: Vec<u8>) -> Self {
        let start = head.len();
        head.resize(start + SIZE_LINE, b'0');
        Self { out, buffer: head, start, begun: false, broken: false }
    }

    /// Whether anything was sent, or tried to.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether the client is known to be gone.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Ends the body as complete. Without this call it stays visibly cut short.
    pub(super) fn finish(mut self) -> Result<()> {
        self.close_chunk();
        self.buffer.extend_from_slice(b"0\r\n\r\n");
        self.send()
    }

    /// Gives the output back, for an answer instead of the stream.
    pub(super) fn into_inner(self) -> W {
        self.out
    }

    fn collected(&self) -> usize {
        self.buffer.len() - self.start - SIZE_LINE
    }

    /// Completes the chunk in the buffer, or takes its empty size line away: a chunk of no bytes would be the end.
    fn close_chunk(&mut self) {
        let size = self.collected();
        if size == 0 {
            self.buffer.truncate(self.start);
            return;
        }
        let line = format!("{size:08x}\r\n");
        self.buffer[self.start..self.start + SIZE_LINE].copy_from_slice(line.as_bytes());
        self.buffer.extend_from_slice(b"\r\n");
    }

    fn send(&mut self) -> Result<()> {
        if self.broken {
            return Err(gone());
        }
        self.begun = true;
        let sent = self.out.write_all(&self.buffer).and_then(|()| self.out.flush());
        self.buffer.clear();
        self.start = 0;
        self.buffer.resize(SIZE_LINE, b'0');
        sent.map_err(|error| {
            self.broken = true;
            gone().source(error)
        })
    }
}

impl<W: Write> StreamWriter for ChunkWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.broken {
            return Err(gone());
        }
        for part in bytes.chunks(LARGEST) {
            self.buffer.extend_from_slice(part);
            if self.collected() >= PIECE {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.close_chunk();
        self.send()
    }
}

fn gone() -> Error {
    Error::new(Kind::Remote, "sending the stream: the client is gone")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps every write apart.
    #[derive(Default)]
    struct Writes(Vec<Vec<u8>>);

    impl Write for &mut Writes {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn pieces_are_collected_and_large_ones_go_out_in_one_write() {
        let mut writes = Writes::default();
        let mut writer = ChunkWriter::new(&mut writes, b"HEAD\r\n\r\n".to_vec());
        writer.write(b"abc").unwrap();
        assert!(!writer.has_begun());
        writer.write(b"de").unwrap();
        writer.flush().unwrap();
        assert!(writer.has_begun());
        let large = vec![b'x'; 300_000];
        writer.write(&large).unwrap();
        writer.write(b"end").unwrap();
        writer.finish().unwrap();
        let expected = [
            b"HEAD\r\n\r\n00000005\r\nabcde\r\n".to_vec(),
            [&b"000493e0\r\n"[..], &large, b"\r\n"].concat(),
            b"00000003\r\nend\r\n0\r\n\r\n".to_vec(),
        ];
        assert!(writes.0 == expected, "{} writes", writes.0.len());
    }

    #[test]
    fn an_empty_stream_is_a_head_and_the_last_chunk() {
        let mut writes = Writes::default();
        ChunkWriter::new(&mut writes, b"HEAD".to_vec()).finish().unwrap();
        assert_eq!(writes.0, [b"HEAD0\r\n\r\n".to_vec()]);
    }

    #[test]
    fn flushing_nothing_sends_the_head_once_and_never_an_end() {
        let mut writes = Writes::default();
        let mut writer = ChunkWriter::new(&mut writes, b"HEAD".to_vec());
        writer.flush().unwrap();
        writer.flush().unwrap();
        writer.write(b"a").unwrap();
        writer.flush().unwrap();
        drop(writer);
        assert_eq!(writes.0.concat(), b"HEAD00000001\r\na\r\n");
    }

    #[test]
    fn a_broken_stream_stays_broken() {
        let mut writer = ChunkWriter::new(Closed, Vec::new());
        writer.write(b"a").unwrap();
        assert_eq!(writer.flush().unwrap_err().kind(), Kind::Remote);
        assert!(writer.write(b"b").is_err());
        assert!(writer.finish().is_err());
    }
}
