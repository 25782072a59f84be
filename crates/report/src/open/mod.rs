//! From payload bytes to text: takes off gzip and zip layers, then fixes the text's encoding.

mod dmarc;
mod gzip;
mod inflate;
mod text;
mod zip;

use std::borrow::Cow;

use crate::{
    form::{Form, detect},
    limits,
    reject::Reject,
    warning::{Marks, WarningCode},
};

pub(crate) use dmarc::is_aggregate as is_dmarc_aggregate;
use inflate::Budget;
pub(crate) use text::{Encoding, sniff};

/// One JSON document taken out of a payload, as UTF-8 text.
#[derive(Clone, Debug)]
pub struct Document<'p> {
    /// The text, without a byte-order mark.
    pub text: Cow<'p, str>,
    /// What had to be mended to read it.
    pub warnings: Vec<WarningCode>,
}

/// Opens a payload: up to two layers of gzip or zip, then the text's encoding. A zip with several JSON entries, or a gzip
/// with a whole report in each member, is several documents.
///
/// # Errors
/// A [`Reject`] when no text can be had within [`limits`].
pub fn open(payload: &[u8]) -> Result<Vec<Document<'_>>, Reject> {
    let mut opening = Opening::new();
    opening.add(Cow::Borrowed(payload), Marks::default())?;
    Ok(opening.into_documents())
}

/// The documents of one payload, or of all the payloads in a mail, under one budget.
pub(crate) struct Opening<'p> {
    budget: Budget,
    documents: Vec<Document<'p>>,
}

impl<'p> Opening<'p> {
    pub(crate) fn new() -> Self {
        Self { budget: Budget::new(), documents: Vec::new() }
    }

    /// Opens one payload and gives the number of its documents, at least one. A payload that is refused leaves none.
    pub(crate) fn add(&mut self, payload: Cow<'p, [u8]>, marks: Marks) -> Result<usize, Reject> {
        let before = self.documents.len();
        let opened = self.unwrap_layer(payload, 0, marks);
        let added = self.documents.len() - before;
        match opened {
            Ok(()) if added > 0 => Ok(added),
            Ok(()) => Err(Reject::NoDocument),
            Err(reject) => {
                self.documents.truncate(before);
                Err(reject)
            }
        }
    }

    /// Accounts for `bytes` that were decoded on the way to a payload.
    pub(crate) fn spend(&mut self, bytes: usize) -> Result<(), Reject> {
        self.budget.spend(bytes)
    }

    pub(crate) fn into_documents(self) -> Vec<Document<'p>> {
        self.documents
    }

    /// Takes `bytes`, found under `layers` layers, one step further.
    fn unwrap_layer(&mut self, bytes: Cow<'p, [u8]>, layers: u32, mut marks: Marks) -> Result<(), Reject> {
        let form = match detect(&bytes) {
            Some(form) => form,
            None if is_dmarc_aggregate(&bytes) => return Err(Reject::DmarcReport),
            None if layers == 0 => return Err(Reject::UnknownForm),
            None => return Err(Reject::NoDocument),
        };
        if form != Form::Json {
            if layers >= limits::LAYERS_MAX_COUNT {
                return Err(Reject::TooManyLayers);
            }
            if layers > 0 {
                marks.add(WarningCode::NestedCompression);
            }
        }
        match form {
            Form::Json => self.add_text(bytes, marks),
            Form::Gzip => {
                for inner in gzip::members(&bytes, &mut self.budget, &mut marks)? {
                    self.unwrap_layer(Cow::Owned(inner), layers + 1, marks)?;
                }
                Ok(())
            }
            Form::Zip => self.unwrap_zip(&bytes, layers, marks),
        }
    }

    /// Every entry that leads to a document; one that does not costs the others nothing. What breaks a limit refuses the
    /// whole archive, since an archive made to do harm has no good part.
    fn unwrap_zip(&mut self, archive: &[u8], layers: u32, mut marks: Marks) -> Result<(), Reject> {
        marks.add(WarningCode::ZipArchive);
        let before = self.documents.len();
        let mut failure = None;
        for entry in zip::entries(archive)? {
            let read = entry.read(archive, &mut self.budget).and_then(|bytes| self.unwrap_layer(Cow::Owned(bytes), layers + 1, marks));
            match read {
                Ok(()) => {}
                Err(reject @ (Reject::CorruptGzip | Reject::CorruptZip | Reject::NoDocument | Reject::DmarcReport)) => {
                    failure = Some(reject)
                }
                Err(reject) => return Err(reject),
            }
        }
        let Some(reject) = failure else { return Ok(()) };
        let found = self.documents.get_mut(before..).unwrap_or_default();
        if found.is_empty() {
            return Err(reject);
        }
        for document in found {
            document.warnings.push(WarningCode::ZipEntrySkipped);
        }
        Ok(())
    }

    fn add_text(&mut self, bytes: Cow<'p, [u8]>, mut marks: Marks) -> Result<(), Reject> {
        if self.documents.len() >= limits::DOCUMENTS_MAX_COUNT {
            return Err(Reject::TooManyDocuments);
        }
        let text = text::decode(bytes, &mut marks);
        self.documents.push(Document { text, warnings: marks.codes() });
        Ok(())
    }
}
