//! A small disk below a directory, which only root can mount.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

/// A mounted disk; unmounted whatever happens, so that its directory can be removed.
pub struct Disk {
    at: PathBuf,
}

impl Disk {
    /// A disk of so many MiB at `at`; none where none can be mounted.
    pub fn mount(at: &Path, size_mib: u32) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        mount(&format!("size={size_mib}m"), at).then(|| Self { at: at.to_owned() })
    }

    /// Gives it another size.
    ///
    /// # Panics
    /// When that cannot be done.
    pub fn resize(&self, size_mib: u32) {
        assert!(mount(&format!("remount,size={size_mib}m"), &self.at), "the disk cannot be given another size");
    }

    /// Takes its last byte, for a file of this name.
    pub fn fill(&self, name: &str) {
        let mut file = std::fs::File::create(self.at.join(name)).unwrap();
        for piece in [1 << 20, 1 << 12, 1] {
            while file.write_all(&vec![0; piece]).is_ok() {}
        }
    }

    /// Removes what [`Disk::fill`] wrote.
    pub fn clear(&self, name: &str) {
        std::fs::remove_file(self.at.join(name)).unwrap();
    }
}

fn mount(options: &str, at: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at);
    command.output().is_ok_and(|output| output.status.success())
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a service that is still running keeps it until it ends.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}
