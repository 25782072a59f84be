//! A small disk below a directory, which only root can mount.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Enough for what an edge spools in minutes, and soon full.
const SIZE: &str = "size=96m";

/// A mounted disk; unmounted whatever happens, so that its directory can be removed.
pub(crate) struct Disk {
    at: PathBuf,
}

impl Disk {
    /// A disk at `at`; none where none can be mounted.
    pub(crate) fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(at);
        command.output().is_ok_and(|output| output.status.success()).then(|| Self { at: at.to_owned() })
    }

    fn filler(&self) -> PathBuf {
        self.at.join("somebody-elses")
    }

    /// Takes its last byte.
    pub(crate) fn fill(&self) {
        use std::io::Write as _;
        let mut file = std::fs::File::create(self.filler()).unwrap();
        for piece in [1 << 20, 1 << 12, 1] {
            while file.write_all(&vec![0; piece]).is_ok() {}
        }
    }

    /// Gives room again.
    pub(crate) fn clear(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a role that is still running keeps it until it ends.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}
