//! Room that appends must leave on the disk. Were it filled to the brim, groups could commit no more, so retention could drop
//! nothing, and the log would never get out of it by itself.

use std::path::Path;

/// What stays free: enough for the store to flush and compact.
const HEADROOM_MAX_BYTES: u64 = 64 << 20;

/// Of a small disk, this part stays free.
const HEADROOM_PART: u64 = 8;

/// Whether there is room for appends, or why not.
pub(super) fn check(dir: &Path) -> Result<(), String> {
    // A file system that cannot tell is written to until it refuses.
    let Ok(disk) = rustix::fs::statvfs(dir) else { return Ok(()) };
    let (free, total) = (disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize));
    let headroom = (total / HEADROOM_PART).min(HEADROOM_MAX_BYTES);
    if free >= headroom {
        return Ok(());
    }
    Err(format!(
        "the disk of {} has {free} bytes left, and the log keeps {headroom} free; make room or give it another disk",
        dir.display()
    ))
}
