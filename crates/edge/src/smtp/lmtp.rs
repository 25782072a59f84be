//! Where mail servers of the operator's own hand mail over (RFC 2033).

use std::{
    fmt, fs,
    io::{self, ErrorKind},
    net::SocketAddr,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use tokio::net::UnixListener;

const UNIX: &str = "unix:";

/// Whoever may reach the socket's directory may hand mail over, as with a port.
const SOCKET_MODE: u32 = 0o666;

/// An address to listen on for LMTP: `HOST:PORT`, or `unix:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LmtpAddress {
    /// TCP.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// A text that is no address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no address for LMTP: write 127.0.0.1:24, or unix: and a path")]
pub struct LmtpAddressError {
    text: String,
}

impl FromStr for LmtpAddress {
    type Err = LmtpAddressError;

    fn from_str(text: &str) -> Result<Self, LmtpAddressError> {
        let address = match text.strip_prefix(UNIX) {
            Some("") => None,
            Some(path) => Some(Self::Unix(path.into())),
            None => text.parse().ok().map(Self::Tcp),
        };
        address.ok_or_else(|| LmtpAddressError { text: text.to_owned() })
    }
}

impl fmt::Display for LmtpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl Serialize for LmtpAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LmtpAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A socket that is listened on; its file goes with it.
pub(crate) struct UnixSocket {
    pub(crate) listener: UnixListener,
    file: PathBuf,
}

impl UnixSocket {
    /// Makes the socket; one that a killed process left behind is replaced, one that somebody listens on is not.
    pub(crate) fn bind(file: &Path) -> io::Result<Self> {
        let is_socket = fs::symlink_metadata(file).is_ok_and(|found| found.file_type().is_socket());
        if is_socket {
            match UnixStream::connect(file) {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(file)?,
                _ => return Err(ErrorKind::AddrInUse.into()),
            }
        }
        let listener = UnixListener::bind(file)?;
        fs::set_permissions(file, fs::Permissions::from_mode(SOCKET_MODE))?;
        Ok(Self { listener, file: file.to_owned() })
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        // Gone already, or replaced by hand: the next start looks at it anew.
        let _ = fs::remove_file(&self.file);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn an_address_is_a_port_or_a_path_and_is_written_as_it_is_read() {
        for text in ["127.0.0.1:24", "[::1]:24", "unix:/run/tlsrpt/lmtp"] {
            assert_eq!(text.parse::<LmtpAddress>().unwrap().to_string(), text);
        }
        for wrong in ["", "unix:", "/run/lmtp", "localhost"] {
            assert!(wrong.parse::<LmtpAddress>().unwrap_err().to_string().contains("unix:"), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_socket_that_was_left_behind_is_replaced_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lmtp");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let socket = UnixSocket::bind(&path).unwrap();
        assert_eq!(UnixSocket::bind(&path).err().unwrap().kind(), ErrorKind::AddrInUse);
        drop(socket);
        assert!(!path.exists());
        fs::write(&path, "somebody's").unwrap();
        assert!(UnixSocket::bind(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "somebody's");
    }
}
