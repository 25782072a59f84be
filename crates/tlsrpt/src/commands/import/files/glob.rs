//! Patterns for paths, for those who quote them, or have more files than a command line holds: `*` and `?` within a name.

use std::{
    ffi::OsStr,
    io,
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path, PathBuf},
};

/// Whether `text` has a pattern in it.
pub(super) fn is_pattern(path: &Path) -> bool {
    is_pattern_name(path.as_os_str())
}

fn is_pattern_name(name: &OsStr) -> bool {
    name.as_bytes().iter().any(|byte| matches!(byte, b'*' | b'?'))
}

/// The paths that match, in order of name. As in a shell, a hidden name matches only a pattern that begins with its dot.
///
/// # Errors
/// When a directory that a pattern is looked for in cannot be read.
pub(super) fn expand(pattern: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let mut next = Vec::new();
        for base in found {
            match component {
                Component::Normal(name) if is_pattern_name(name) => {
                    let directory = if base.as_os_str().is_empty() { Path::new(".") } else { &base };
                    if !directory.is_dir() {
                        continue;
                    }
                    let names = std::fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.file_name()));
                    let mut names = names.collect::<io::Result<Vec<_>>>()?;
                    names.retain(|found| matches(name.as_bytes(), found.as_bytes()));
                    names.sort();
                    next.extend(names.into_iter().map(|name| base.join(name)));
                }
                plain => next.push(base.join(plain)),
            }
        }
        found = next;
    }
    found.retain(|path| path.symlink_metadata().is_ok());
    Ok(found)
}

/// Whether a name matches. Takes the time of their lengths' product at most: only the last `*` is ever tried again.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    if name.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
        return false;
    }
    let (mut at, mut in_name, mut star) = (0, 0, None);
    while in_name < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, in_name));
                at += 1;
            }
            Some(&byte) if byte == b'?' || Some(&byte) == name.get(in_name) => {
                at += 1;
                in_name += 1;
            }
            _ => {
                let Some((after_star, tried)) = star else { return false };
                star = Some((after_star, tried + 1));
                at = after_star + 1;
                in_name = tried + 1;
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_matches_as_in_a_shell() {
        for (pattern, name) in
            [("*", "a"), ("a*c", "abbc"), ("a*c", "ac"), ("?.json", "x.json"), ("*.json*", "a.json.gz"), (".*", ".a"), ("*a*a", "aaa")]
        {
            assert!(matches(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
        for (pattern, name) in
            [("*", ".a"), ("?", ""), ("a*c", "acb"), ("?.json", "xy.json"), ("*.json", "a.json.gz"), ("a", "b"), ("", "a")]
        {
            assert!(!matches(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
    }

    #[test]
    fn patterns_stand_at_any_place_of_a_path() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["2024/a.json", "2024/b.txt", "2025/a.json", "2025/.c.json", "other/a.json"] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = |pattern: &str| -> Vec<String> {
            let found = expand(&dir.path().join(pattern)).unwrap();
            found.iter().map(|path| path.strip_prefix(dir.path()).unwrap().display().to_string()).collect()
        };
        assert_eq!(found("20??/*.json"), ["2024/a.json", "2025/a.json"]);
        assert_eq!(found("*/b.txt"), ["2024/b.txt"]);
        assert_eq!(found("*/nothing"), [""; 0]);
        assert_eq!(found("2024/b.txt/*"), [""; 0]);
    }
}
