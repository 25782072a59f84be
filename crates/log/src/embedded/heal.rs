//! After a failed sync: the kernel may have dropped the pages that it could not write, and calls them clean. What the page cache
//! shows is then not what the disk holds, and a later sync of the same file proves nothing. So the journal is written once more,
//! to a new file, before the engine reads it.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

const CHUNK_BYTES: usize = 1 << 20;

/// Rewrites the journal that was being written to; the engine syncs every other before it starts a new one.
pub(super) fn rewrite_newest_journal(dir: &Path) -> io::Result<()> {
    let mut newest: Option<u64> = None;
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(".jnl")).and_then(|id| id.parse().ok());
        newest = newest.max(id);
    }
    let Some(id) = newest else { return Ok(()) };
    let journal = dir.join(format!("{id}.jnl"));
    let rewritten = dir.join(format!("{id}.jnl.rewritten"));
    let copied = copy(&journal, &rewritten);
    if copied.is_err() {
        // The copy is of no use; that it cannot be removed either adds nothing to the error that is reported.
        let _ = fs::remove_file(&rewritten);
    }
    copied?;
    fs::rename(&rewritten, &journal)?;
    File::open(dir)?.sync_all()
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target = File::create(to)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = source.read(&mut chunk)?;
        let Some(part) = chunk.get(..read).filter(|part| !part.is_empty()) else { break };
        // The engine makes its journals with room to grow, as a hole.
        if part.iter().all(|&byte| byte == 0) {
            target.seek(SeekFrom::Current(i64::try_from(read).unwrap_or(0)))?;
        } else {
            target.write_all(part)?;
        }
    }
    target.set_len(source.metadata()?.len())?;
    target.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn the_rewritten_journal_holds_the_same_bytes_in_a_new_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut content = vec![7; CHUNK_BYTES + 5];
        content.extend(vec![0; 3 * CHUNK_BYTES]);
        fs::write(dir.path().join("9.jnl"), b"older").unwrap();
        fs::write(dir.path().join("10.jnl"), &content).unwrap();
        let open = File::open(dir.path().join("10.jnl")).unwrap();

        rewrite_newest_journal(dir.path()).unwrap();

        assert_eq!(fs::read(dir.path().join("10.jnl")).unwrap(), content);
        assert_eq!(fs::read(dir.path().join("9.jnl")).unwrap(), b"older");
        use std::os::unix::fs::MetadataExt;
        assert_ne!(open.metadata().unwrap().ino(), fs::metadata(dir.path().join("10.jnl")).unwrap().ino());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
