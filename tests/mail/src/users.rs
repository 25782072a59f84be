//! The users that the programs insist on.

use std::fmt::Write as _;

/// Whose mailboxes [`Dovecot`](crate::Dovecot) keeps.
pub(crate) const MAILBOXES: &str = "vmail";

/// Name and number of user and group, as Debian's packages name them. The numbers are in no other root directory than a machine's.
const USERS: [(&str, u32); 12] = [
    ("root", 0),
    ("mail", 8),
    ("postfix", 101),
    ("postdrop", 102),
    ("Debian-exim", 103),
    ("opensmtpd", 104),
    ("opensmtpq", 105),
    ("dovecot", 106),
    ("dovenull", 107),
    ("knot", 108),
    (MAILBOXES, 1000),
    ("nobody", 65534),
];

/// The number of a user and of its group.
///
/// # Panics
/// When there is no such user.
pub(crate) fn number(name: &str) -> u32 {
    USERS.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no user {name}")).1
}

/// The text of `/etc/passwd`.
pub(crate) fn passwd() -> String {
    USERS.iter().fold(String::new(), |mut text, (name, number)| {
        // A string takes whatever is written to it.
        let _ = writeln!(text, "{name}:x:{number}:{number}::/:/bin/sh");
        text
    })
}

/// The text of `/etc/group`.
pub(crate) fn group() -> String {
    let all = USERS.iter().map(|(name, number)| if *name == "nobody" { ("nogroup", number) } else { (*name, number) });
    all.fold(String::new(), |mut text, (name, number)| {
        let _ = writeln!(text, "{name}:x:{number}:");
        text
    })
}
