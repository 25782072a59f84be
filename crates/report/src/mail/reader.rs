//! From the parts of a mail to the documents in them.

use std::borrow::Cow;

use super::{
    MailDocument, Surroundings,
    classify::Signs,
    fields::Fields,
    media::Kind,
    prose, transfer,
    uuencode::Files,
    value::shown,
    walk::{Allowance, Part, Walk, check_depth, leading_header},
};
use crate::{
    form::{Form, detect},
    open::{Opening, is_dmarc_aggregate},
    origin::names_report,
    reject::Reject,
    warning::{Marks, WarningCode},
};

/// How a slice of what is walked becomes part of a document: borrowed from the mail, or copied out of what was decoded.
type Keep<'r, 'm> = fn(&'r [u8]) -> Cow<'m, [u8]>;

/// What was found in a mail. One allowance and one budget serve all its parts.
pub(super) struct Reader<'m> {
    allowance: Allowance,
    opening: Opening<'m>,
    /// Where each document of `opening` was found.
    places: Vec<Place>,
    signs: Signs,
}

/// Where a document was found.
#[derive(Clone)]
struct Place {
    file_name: Option<String>,
    is_own: bool,
    attached: Surroundings,
}

impl<'m> Reader<'m> {
    pub(super) fn new() -> Self {
        Self { allowance: Allowance::new(), opening: Opening::new(), places: Vec::new(), signs: Signs::default() }
    }

    /// The documents of a mail with these fields, or why there is none. What breaks a limit refuses the whole mail, as it does a whole archive.
    pub(super) fn read(mut self, raw: &'m [u8], fields: &Fields<'_>) -> Result<Vec<MailDocument<'m>>, Reject> {
        self.walk(raw, 0, None, Cow::Borrowed)?;
        if self.places.is_empty() {
            return Err(self.signs.reject(fields));
        }
        let skipped = self.signs.damage.is_some();
        let documents = self.opening.into_documents().into_iter().zip(self.places).map(|(mut document, place)| {
            document.warnings.extend(skipped.then_some(WarningCode::MailPartSkipped));
            MailDocument { document, file_name: place.file_name, is_own: place.is_own, attached: place.attached }
        });
        Ok(documents.collect())
    }

    /// Looks at every part of `raw`. `around` is what the attached mails around it say; none for the mail itself.
    fn walk<'r>(&mut self, raw: &'r [u8], depth: usize, around: Option<Surroundings>, keep: Keep<'r, 'm>) -> Result<(), Reject> {
        let mut walk = Walk::new(raw, depth, around);
        while let Some(part) = walk.next(&mut self.allowance)? {
            self.signs.note(part.media.notice);
            if let Some(body) = part.body {
                let is_own = !walk.is_attached(&part);
                let place = Place { file_name: part.media.file_name(&part.fields), is_own, attached: walk.around(&part) };
                self.content(&part, body, &place, keep)?;
            }
        }
        Ok(())
    }

    /// Looks at what one part holds. Its content alone decides what it is: names and types are often wrong.
    fn content<'r>(&mut self, part: &Part<'_>, body: &'r [u8], place: &Place, keep: Keep<'r, 'm>) -> Result<(), Reject> {
        let mut marks = Marks::default();
        let content = transfer::decode(body, part.media.coding, &mut marks);
        let is_text = matches!(part.media.kind, Kind::Text | Kind::Multipart { .. });
        match detect(&content) {
            Some(Form::Json) if is_text && !prose::is_object(&content) => {}
            Some(_) => return self.add(kept(content, keep), marks, part, place),
            None => {}
        }
        let may_be_mail = !is_text || place.file_name.as_deref().is_some_and(|name| name.to_ascii_lowercase().ends_with(".eml"));
        if part.media.kind == Kind::Mail || (may_be_mail && looks_like_mail(&content)) {
            return self.attached_mail(content, part, place, keep);
        }
        for file in Files::of(&content) {
            self.allowance.part()?;
            let mut marks = marks;
            marks.add(WarningCode::Uuencoded);
            let place = Place { file_name: shown(&String::from_utf8_lossy(file.name)), is_own: false, attached: place.attached.clone() };
            self.add(Cow::Owned(file.content), marks, part, &place)?;
        }
        if let Some(at) = prose::embedded(&content) {
            marks.add(WarningCode::InlineReport);
            let text = match content {
                Cow::Borrowed(content) => keep(content.get(at..).unwrap_or_default()),
                Cow::Owned(mut content) => Cow::Owned(content.split_off(at)),
            };
            return self.add(text, marks, part, &Place { is_own: false, ..place.clone() });
        }
        self.refuse(if is_dmarc_aggregate(&content) { Reject::DmarcReport } else { Reject::UnknownForm }, part, place)
    }

    fn attached_mail<'r>(&mut self, mail: Cow<'r, [u8]>, part: &Part<'_>, place: &Place, keep: Keep<'r, 'm>) -> Result<(), Reject> {
        check_depth(part.depth)?;
        // Its lines are looked at again, and what was decoded takes memory of its own, at every level.
        self.opening.spend(mail.len())?;
        let around = Some(place.attached.clone());
        match mail {
            Cow::Borrowed(mail) => self.walk(mail, part.depth, around, keep),
            Cow::Owned(mail) => self.walk(&mail, part.depth, around, |slice| Cow::Owned(slice.to_vec())),
        }
    }

    fn add(&mut self, payload: Cow<'m, [u8]>, marks: Marks, part: &Part<'_>, place: &Place) -> Result<(), Reject> {
        match self.opening.add(payload, marks) {
            Ok(added) => {
                self.places.extend(std::iter::repeat_n(place, added).cloned());
                Ok(())
            }
            Err(reject) => self.refuse(reject, part, place),
        }
    }

    /// A part without a document costs the others nothing. It is worth telling when it was meant to be a report.
    fn refuse(&mut self, reject: Reject, part: &Part<'_>, place: &Place) -> Result<(), Reject> {
        let name = place.file_name.as_deref().unwrap_or_default();
        let was_report = matches!(part.media.kind, Kind::Report { .. }) || names_report(name);
        let was_json = part.media.kind == Kind::Report { json: true } || name.to_ascii_lowercase().ends_with(".json");
        match reject {
            Reject::DmarcReport => self.signs.dmarc = true,
            Reject::CorruptGzip | Reject::CorruptZip => self.signs.damaged(reject),
            Reject::NoDocument if was_report => self.signs.damaged(reject),
            Reject::UnknownForm if was_report => self.signs.damaged(if was_json { Reject::NotJson } else { Reject::CorruptGzip }),
            Reject::NoDocument | Reject::UnknownForm => {}
            beyond_limit => return Err(beyond_limit),
        }
        Ok(())
    }
}

fn kept<'r, 'm>(content: Cow<'r, [u8]>, keep: Keep<'r, 'm>) -> Cow<'m, [u8]> {
    match content {
        Cow::Borrowed(content) => keep(content),
        Cow::Owned(content) => Cow::Owned(content),
    }
}

/// Whether an attachment without a fitting type is a mail all the same.
fn looks_like_mail(content: &[u8]) -> bool {
    let fields = leading_header(content);
    fields.has("From") && ["Date", "MIME-Version", "Received"].iter().any(|name| fields.has(name))
}
