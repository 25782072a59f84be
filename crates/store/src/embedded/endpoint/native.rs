//! ClickHouse's block compression: a checksum (CityHash128 1.0.2), nine bytes of header, LZ4 data.

use std::io::{self, Read};

const CHECKSUM_LENGTH: usize = 16;
const HEADER_LENGTH: usize = 9;
const LZ4: u8 = 0x82;
const STORED: u8 = 0x02;
/// The largest block that is taken, compressed or not; ClickHouse itself writes 1 MiB.
const BLOCK_MAX_BYTES: usize = 128 << 20;
/// The largest block that is written.
const WRITTEN_BLOCK_BYTES: usize = 1 << 20;

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_LENGTH] {
    cityhash_rs::cityhash_102_128(bytes).rotate_right(64).to_le_bytes()
}

/// Compresses `data` into blocks.
pub(super) fn compress(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() / 2 + CHECKSUM_LENGTH + HEADER_LENGTH);
    for part in data.chunks(WRITTEN_BLOCK_BYTES) {
        let compressed = lz4_flex::block::compress(part);
        let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
        let mut block = Vec::with_capacity(HEADER_LENGTH + compressed.len());
        block.push(LZ4);
        block.extend_from_slice(&length(HEADER_LENGTH + compressed.len()));
        block.extend_from_slice(&length(part.len()));
        block.extend_from_slice(&compressed);
        out.extend_from_slice(&checksum(&block));
        out.extend_from_slice(&block);
    }
    out
}

/// Reads what a client compressed in this way; a block that is cut off or damaged is an error.
pub(super) struct NativeReader<R> {
    inner: R,
    block: Vec<u8>,
    at: usize,
}

impl<R: Read> NativeReader<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, block: Vec::new(), at: 0 }
    }

    /// Reads the next block; false at the end.
    fn next_block(&mut self) -> io::Result<bool> {
        let damaged = |reason: &str| io::Error::new(io::ErrorKind::InvalidData, format!("damaged compressed block: {reason}"));
        let mut expected = [0_u8; CHECKSUM_LENGTH];
        let first = loop {
            match self.inner.read(expected.get_mut(..1).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if first == 0 {
            return Ok(false);
        }
        self.inner.read_exact(expected.get_mut(1..).unwrap_or_default())?;
        let mut header = [0_u8; HEADER_LENGTH];
        self.inner.read_exact(&mut header)?;
        let [method, a, b, c, d, e, f, g, h] = header;
        let compressed = u32::from_le_bytes([a, b, c, d]) as usize;
        let plain = u32::from_le_bytes([e, f, g, h]) as usize;
        if !(HEADER_LENGTH..=BLOCK_MAX_BYTES).contains(&compressed) || plain > BLOCK_MAX_BYTES {
            return Err(damaged("its length is beyond 128 MiB or below its header's"));
        }
        let mut block = vec![0_u8; compressed];
        let (head, data) = block.split_at_mut(HEADER_LENGTH);
        head.copy_from_slice(&header);
        self.inner.read_exact(data)?;
        if checksum(&block) != expected {
            return Err(damaged("its checksum does not match"));
        }
        let data = block.get(HEADER_LENGTH..).unwrap_or_default();
        self.block = match method {
            LZ4 => lz4_flex::block::decompress(data, plain).map_err(|error| damaged(&error.to_string()))?,
            STORED => data.to_vec(),
            other => return Err(damaged(&format!("method {other:#x} is not known here: send LZ4 (0x82)"))),
        };
        self.at = 0;
        Ok(true)
    }
}

impl<R: Read> Read for NativeReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() {
            if !self.next_block()? {
                return Ok(0);
            }
        }
        let left = self.block.get(self.at..).unwrap_or_default();
        let length = left.len().min(buffer.len());
        if let (Some(target), Some(source)) = (buffer.get_mut(..length), left.get(..length)) {
            target.copy_from_slice(source);
        }
        self.at += length;
        Ok(length)
    }
}
