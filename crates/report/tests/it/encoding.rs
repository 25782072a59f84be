//! Text encodings.

use tlsrpt_report::{WarningCode as W, open};

fn check(payload: &[u8], text: &str, warnings: &[W]) {
    let documents = open(payload).unwrap();
    assert_eq!((documents.len(), &*documents[0].text, documents[0].warnings.as_slice()), (1, text, warnings));
}

pub(crate) fn utf16(text: &str, to: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to).collect()
}

#[test]
fn a_byte_order_mark_is_taken_off() {
    check("\u{feff}{\"a\":\"ö\"}".as_bytes(), "{\"a\":\"ö\"}", &[W::ByteOrderMark]);
}

#[test]
fn utf_16_is_decoded_in_both_orders_with_and_without_a_mark() {
    let text = "{\"a\":\"ö😀\"}";
    for to in [u16::to_le_bytes, u16::to_be_bytes] {
        check(&utf16(text, to), text, &[W::Utf16]);
        check(&utf16(&format!("\u{feff}{text}"), to), text, &[W::ByteOrderMark, W::Utf16]);
    }
}

#[test]
fn what_utf_16_cannot_mean_is_replaced() {
    let mut broken = utf16("{\"a\":\"", u16::to_le_bytes);
    broken.extend(0xd800_u16.to_le_bytes());
    broken.extend(utf16("\"}", u16::to_le_bytes));
    check(&broken, "{\"a\":\"\u{fffd}\"}", &[W::Utf16, W::InvalidText]);
}

#[test]
fn latin_1_is_decoded() {
    check(b"{\"a\":\"M\xfcller & S\xf6hne\"}", "{\"a\":\"Müller & Söhne\"}", &[W::Latin1]);
}

#[test]
fn damage_in_utf_8_is_replaced() {
    check(b"{\"a\":\"\xc3\xb6 \xff\"}", "{\"a\":\"ö \u{fffd}\"}", &[W::InvalidText]);
    check(b"{\"a\":\"\x80\"}", "{\"a\":\"\u{fffd}\"}", &[W::InvalidText]);
}

#[test]
fn nul_padding_is_taken_off() {
    check(b"{}\0\0\0", "{}", &[W::NulPadding]);
    check(b"\0\0\0{}", "{}", &[W::NulPadding]);
    check(&utf16("{\"a\":1}\0\0", u16::to_le_bytes), "{\"a\":1}", &[W::Utf16, W::NulPadding]);
}

#[test]
fn sound_text_is_borrowed_from_the_payload() {
    let documents = open(b" {\"a\":1}\r\n").unwrap();
    assert!(matches!(documents[0].text, std::borrow::Cow::Borrowed(" {\"a\":1}\r\n")));
}
