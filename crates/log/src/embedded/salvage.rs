//! A journal that the engine refuses: a power cut can leave a batch whole in length but with pages that never reached the disk,
//! and a disk can rot. The engine cuts off a batch that is too short, but will not open over one whose checksum is wrong. So
//! that one is cut off here with all that follows, kept aside, and reported; nothing of an unfinished batch was acknowledged.
//!
//! The journal's format is fjall 3's: a batch is `1, items: u32, seqno: u64`, its items
//! `2, type: u8, compression: u8, keyspace: u64, key: u16, value: u32, value on disk: u32, key, value`, and
//! `3, xxh3 of the items: u64, "FJL\x03"`, all little-endian.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use xxhash_rust::xxh3::Xxh3;

const BUFFER_BYTES: usize = 1 << 18;
const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;

/// Cuts off what the engine refuses, in every journal of `dir`. Whether there was anything to cut.
pub(super) fn cut_refused_batches(dir: &Path) -> io::Result<bool> {
    let mut cut = false;
    for entry in fs::read_dir(dir)? {
        let journal = entry?.path();
        if journal.extension().is_some_and(|extension| extension == "jnl")
            && let Some(from) = first_refused_batch(&journal)?
        {
            let aside = cut_off(&journal, from)?;
            tracing::error!(
                journal = %journal.display(),
                from,
                aside = %aside.display(),
                "the journal is damaged; what stood before the damage is kept, the rest is set aside"
            );
            cut = true;
        }
    }
    Ok(cut)
}

/// Moves what stands in the journal from `from` on into a file beside it.
fn cut_off(journal: &Path, from: u64) -> io::Result<PathBuf> {
    let aside = journal.with_extension(format!("cut-at-{from}"));
    let mut source = File::options().read(true).write(true).open(journal)?;
    source.seek(SeekFrom::Start(from))?;
    let mut target = File::create(&aside)?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()?;
    source.set_len(from)?;
    source.sync_all()?;
    Ok(aside)
}

enum Batch {
    Whole,
    /// The end, or what the engine cuts off by itself.
    Unfinished,
    Refused,
}

/// Where the first batch begins that the engine refuses.
fn first_refused_batch(journal: &Path) -> io::Result<Option<u64>> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, File::open(journal)?);
    loop {
        let begin = reader.stream_position()?;
        match read_batch(&mut reader) {
            Ok(Batch::Whole) => {}
            Ok(Batch::Refused) => return Ok(Some(begin)),
            Ok(Batch::Unfinished) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

fn read_batch(reader: &mut impl Read) -> io::Result<Batch> {
    if read::<1>(reader)? != [START] {
        return Ok(Batch::Unfinished);
    }
    let items = u32::from_le_bytes(read(reader)?);
    let _seqno: [u8; 8] = read(reader)?;
    let mut hasher = Xxh3::new();
    for _ in 0..items {
        match read::<1>(reader)? {
            [ITEM] => {}
            [END] => return Ok(Batch::Refused),
            _ => return Ok(Batch::Unfinished),
        }
        hasher.update(&[ITEM]);
        let before_lengths: [u8; 10] = read(reader)?;
        let key_bytes: [u8; 2] = read(reader)?;
        let value_bytes: [u8; 4] = read(reader)?;
        let on_disk_bytes: [u8; 4] = read(reader)?;
        for part in [&before_lengths[..], &key_bytes, &value_bytes, &on_disk_bytes] {
            hasher.update(part);
        }
        let content = u64::from(u16::from_le_bytes(key_bytes)) + u64::from(u32::from_le_bytes(on_disk_bytes));
        if io::copy(&mut reader.by_ref().take(content), &mut Hashing(&mut hasher))? < content {
            return Ok(Batch::Unfinished);
        }
    }
    match read::<1>(reader)? {
        [END] => {}
        [ITEM] => return Ok(Batch::Refused),
        _ => return Ok(Batch::Unfinished),
    }
    let checksum = u64::from_le_bytes(read(reader)?);
    if read::<4>(reader)? != *b"FJL\x03" {
        return Ok(Batch::Unfinished);
    }
    Ok(if checksum == hasher.digest() { Batch::Whole } else { Batch::Refused })
}

fn read<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

struct Hashing<'a>(&'a mut Xxh3);

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
