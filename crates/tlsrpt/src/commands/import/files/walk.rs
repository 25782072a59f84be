//! The files below what was named, in order of name: plain directories whole, a Maildir's messages, and no others of its files.

use std::{
    fs::FileType,
    io,
    path::{Path, PathBuf},
};

/// Directories within each other, at most.
const DEPTH_MAX_LEVELS: usize = 64;

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// Whether it is a message of a Maildir, so that it is a mail whatever it looks like.
    pub(crate) in_maildir: bool,
}

/// What a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Any.
    Plain,
    /// One with `cur` and `new`.
    Maildir,
    /// `cur` or `new` of a Maildir.
    Messages,
}

/// A directory being read.
struct Level {
    kind: Kind,
    /// What is left of it, the next last.
    left: Vec<(PathBuf, FileType)>,
}

/// Walks through what was named.
pub(crate) struct Walk {
    /// What was named, the next last.
    named: Vec<PathBuf>,
    levels: Vec<Level>,
}

/// What cannot be read, and why.
pub(crate) type Unreadable = (PathBuf, io::Error);

impl Walk {
    pub(crate) fn new(mut named: Vec<PathBuf>) -> Self {
        named.reverse();
        Self { named, levels: Vec::new() }
    }

    fn enter(&mut self, path: &Path, kind: Kind) -> Result<(), Unreadable> {
        let failed = |error| (path.to_owned(), error);
        if self.levels.len() >= DEPTH_MAX_LEVELS {
            return Err(failed(io::Error::other(format!("more than {DEPTH_MAX_LEVELS} directories within each other"))));
        }
        let entries = std::fs::read_dir(path).map_err(failed)?;
        let entries = entries.map(|entry| entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))));
        let mut left = entries.collect::<io::Result<Vec<_>>>().map_err(failed)?;
        left.sort_by(|(a, _), (b, _)| b.cmp(a));
        self.levels.push(Level { kind, left });
        Ok(())
    }
}

impl Iterator for Walk {
    type Item = Result<Found, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(level) = self.levels.last_mut() else {
                let path = self.named.pop()?;
                // What is named is read whatever it is called, through links too.
                match std::fs::metadata(&path) {
                    Ok(found) if found.is_dir() => {
                        if let Err(error) = self.enter(&path, kind_of(&path)) {
                            return Some(Err(error));
                        }
                        continue;
                    }
                    Ok(found) if found.is_file() => return Some(Ok(Found { path, in_maildir: false })),
                    Ok(_) => return Some(Err((path, io::Error::other("neither a file nor a directory")))),
                    Err(error) => return Some(Err((path, error))),
                }
            };
            let kind = level.kind;
            let Some((path, file_type)) = level.left.pop() else {
                self.levels.pop();
                continue;
            };
            if file_type.is_dir() {
                if let Some(kind) = kind_below(kind, &path)
                    && let Err(error) = self.enter(&path, kind)
                {
                    return Some(Err(error));
                }
                continue;
            }
            // A link to a file is followed; one to a directory is not, so that no walk goes round in circles.
            let is_file = file_type.is_file() || (file_type.is_symlink() && path.is_file());
            if is_file && kind != Kind::Maildir && !is_hidden(&path) {
                return Some(Ok(Found { path, in_maildir: kind == Kind::Messages }));
            }
        }
    }
}

fn kind_of(path: &Path) -> Kind {
    if path.join("cur").is_dir() && path.join("new").is_dir() { Kind::Maildir } else { Kind::Plain }
}

/// What a directory in one of this kind is; none when it is not entered. Folders of a Maildir are directories in it, with a
/// dot before their names or without.
fn kind_below(kind: Kind, path: &Path) -> Option<Kind> {
    let name = path.file_name().unwrap_or_default();
    match kind {
        Kind::Messages => None,
        Kind::Maildir if name == "cur" || name == "new" => Some(Kind::Messages),
        Kind::Maildir if name == "tmp" => None,
        Kind::Maildir | Kind::Plain => {
            let below = kind_of(path);
            (below == Kind::Maildir || !is_hidden(path)).then_some(below)
        }
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_walk_finds_files_and_of_a_maildir_its_messages_alone() {
        let dir = tempfile::tempdir().unwrap();
        for path in [
            "b/2.json",
            "a/1.eml",
            "a/.hidden",
            ".git/config",
            "Maildir/cur/1.host:2,S",
            "Maildir/new/2.host",
            "Maildir/tmp/3.host",
            "Maildir/dovecot.index",
            "Maildir/.Archive/cur/4.host",
            "Maildir/.Archive/new/.keep",
            "Maildir/Sub/cur/5.host",
            "Maildir/Sub/new/6.host",
            "Maildir/empty/file",
        ] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink(dir.path(), dir.path().join("b/round")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("a/1.eml"), dir.path().join("b/link")).unwrap();
        let missing = dir.path().join("missing");
        let walk = Walk::new(vec![dir.path().to_owned(), missing.clone(), dir.path().join("a/.hidden")]);
        let (mut found, mut unreadable) = (Vec::new(), Vec::new());
        for item in walk {
            match item {
                Ok(item) => found.push((item.path.strip_prefix(dir.path()).unwrap().display().to_string(), item.in_maildir)),
                Err((path, _)) => unreadable.push(path),
            }
        }
        let expected = [
            ("Maildir/.Archive/cur/4.host", true),
            ("Maildir/Sub/cur/5.host", true),
            ("Maildir/Sub/new/6.host", true),
            ("Maildir/cur/1.host:2,S", true),
            // Nothing of a Maildir's own: a directory that somebody put there.
            ("Maildir/empty/file", false),
            ("Maildir/new/2.host", true),
            ("a/1.eml", false),
            ("b/2.json", false),
            ("b/link", false),
            ("a/.hidden", false),
        ];
        assert_eq!(found, expected.map(|(path, in_maildir)| (path.to_owned(), in_maildir)));
        assert_eq!(unreadable, [missing]);
    }
}
