//! A certificate of one's own making, kept in the data directory so that it is the same after a restart.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use rcgen::{CertificateParams, DnType, KeyPair};

use crate::tls::certificate::{CertificateError, PairFiles};

/// The files below the data directory.
const DIR: &str = "tls";
const CERT: &str = "self-signed.crt";
const KEY: &str = "self-signed.key";

/// The certificate for `hosts`; made when there is none yet, and made anew, with the same key, when the hosts are others.
pub(crate) fn ensure(data_dir: &Path, hosts: &[String]) -> Result<PairFiles, CertificateError> {
    let dir = data_dir.join(DIR);
    let files = PairFiles { cert: dir.join(CERT), key: dir.join(KEY) };
    // PEM readers pass over what stands before the first block: the place to note whom the certificate is for.
    let heading = format!("hosts: {}\n", hosts.join(" "));
    let kept_key = read_if_there(&files.key)?;
    let kept_cert = read_if_there(&files.cert)?;
    if kept_key.is_some() && kept_cert.is_some_and(|cert| cert.starts_with(&heading)) {
        return Ok(files);
    }

    let make_error = |source| CertificateError::Make { hosts: hosts.to_vec(), source };
    let key = match &kept_key {
        Some(pem) => KeyPair::from_pem(pem).map_err(make_error)?,
        None => KeyPair::generate().map_err(make_error)?,
    };
    let mut params = CertificateParams::new(hosts).map_err(make_error)?;
    params.distinguished_name.push(DnType::CommonName, "tlsrpt self-signed");
    let cert = params.self_signed(&key).map_err(make_error)?;

    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&dir)
        .map_err(|source| CertificateError::Write { file: dir.clone(), source })?;
    if kept_key.is_none() {
        write(&files.key, &key.serialize_pem(), 0o600)?;
    }
    write(&files.cert, &format!("{heading}{}", cert.pem()), 0o644)?;
    Ok(files)
}

fn read_if_there(file: &Path) -> Result<Option<String>, CertificateError> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CertificateError::Read { file: file.to_owned(), source }),
    }
}

/// Writes beside the file and renames, so that a crash leaves the old file or the new one.
fn write(file: &Path, text: &str, mode: u32) -> Result<(), CertificateError> {
    let beside = file.with_extension("new");
    let written = (|| {
        let mut open = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&beside)?;
        open.write_all(text.as_bytes())?;
        open.sync_all()?;
        fs::rename(&beside, file)
    })();
    written.map_err(|source| CertificateError::Write { file: file.to_owned(), source })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn hosts(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_pair_stays_the_same_until_the_hosts_change_and_the_key_even_then() {
        let dir = tempfile::tempdir().unwrap();
        let first = ensure(dir.path(), &hosts(&["localhost", "127.0.0.1"])).unwrap();
        let key = fs::read(&first.key).unwrap();
        let cert = fs::read(&first.cert).unwrap();
        ensure(dir.path(), &hosts(&["localhost", "127.0.0.1"])).unwrap();
        assert_eq!((fs::read(&first.cert).unwrap(), fs::read(&first.key).unwrap()), (cert.clone(), key.clone()));
        let more = ensure(dir.path(), &hosts(&["localhost", "127.0.0.1", "mx.example"])).unwrap();
        assert_ne!(fs::read(&more.cert).unwrap(), cert);
        assert_eq!(fs::read(&more.key).unwrap(), key);
        more.parse(&more.read().unwrap(), &rustls::crypto::ring::default_provider()).unwrap();
    }

    #[test]
    fn nobody_else_can_read_the_key() {
        let dir = tempfile::tempdir().unwrap();
        let files = ensure(dir.path(), &hosts(&["localhost"])).unwrap();
        assert_eq!(fs::metadata(files.key).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_host_that_is_none_is_named_in_the_error() {
        let dir = tempfile::tempdir().unwrap();
        let error = ensure(dir.path(), &hosts(&["b\u{fc}cher"])).unwrap_err();
        assert!(error.to_string().contains("b\u{fc}cher"), "{error}");
    }
}
