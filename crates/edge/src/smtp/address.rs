//! Which mailboxes there are here: reporting addresses, `postmaster` and `abuse`.

/// A mailbox that may be here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mailbox<'a> {
    /// `postmaster` or `abuse` (RFC 5321 4.5.1, RFC 2142), in lower case.
    Role(&'static str),
    /// What may be a reporting address; the registry knows.
    Reporting(&'a str),
}

/// Those who are reached at every host.
const ROLES: [&str; 2] = ["postmaster", "abuse"];

/// The mailbox that an address names, if it is one of a host that mail is received for: any host when none is configured.
///
/// Nothing but the whole local part up to a `+` counts. So `user%elsewhere@here`, `elsewhere!user@here` and `"user@elsewhere"@here`,
/// which relays of old took for orders to pass the mail on, name nobody.
pub(crate) fn mailbox<'a>(address: &'a str, hosts: &[String]) -> Option<Mailbox<'a>> {
    let local = match address.rsplit_once('@') {
        Some((local, host)) if hosts.is_empty() || hosts.iter().any(|ours| is_same_host(ours, host)) => local,
        Some(_) => return None,
        // `<postmaster>` alone (RFC 5321 4.1.1.3).
        None if address.eq_ignore_ascii_case("postmaster") => address,
        None => return None,
    };
    let local = local.split_once('+').map_or(local, |(local, _detail)| local);
    let role = ROLES.into_iter().find(|role| role.eq_ignore_ascii_case(local));
    Some(role.map_or(Mailbox::Reporting(local), Mailbox::Role))
}

fn is_same_host(one: &str, other: &str) -> bool {
    let bare = |host: &str| host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    bare(one) == bare(other)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    fn check(hosts: &[&str], cases: &[(&str, Option<Mailbox<'_>>)]) {
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        for (address, expected) in cases {
            assert_eq!(mailbox(address, &hosts), *expected, "{address} at {hosts:?}");
        }
    }

    #[test]
    fn the_local_part_counts_up_to_a_plus_and_the_host_whatever_its_case() {
        let abc = Some(Mailbox::Reporting("abc"));
        check(
            &["mx.example", "MX2.Example."],
            &[
                ("abc@mx.example", abc),
                ("abc@MX.EXAMPLE", abc),
                ("abc@mx.example.", abc),
                ("abc@mx2.example", abc),
                ("abc+anything@mx.example", abc),
                ("abc+a+b@mx.example", abc),
                ("abc@example", None),
                ("abc@mx.example.evil.example", None),
                ("abc@xmx.example", None),
                ("abc@[127.0.0.1]", None),
                ("abc", None),
                ("", None),
            ],
        );
        check(&[], &[("abc@anywhere.example", abc), ("abc@[127.0.0.1]", abc), ("abc", None)]);
    }

    #[test]
    fn the_roles_are_reached_in_any_case_and_postmaster_without_a_host() {
        let postmaster = Some(Mailbox::Role("postmaster"));
        check(
            &["mx.example"],
            &[
                ("Postmaster@mx.example", postmaster),
                ("POSTMASTER", postmaster),
                ("abuse+x@mx.example", Some(Mailbox::Role("abuse"))),
                ("abuse", None),
                ("postmaster@elsewhere.example", None),
            ],
        );
    }

    #[test]
    fn orders_to_pass_mail_on_name_a_local_part_that_nobody_has() {
        check(
            &["mx.example"],
            &[
                ("abc%elsewhere.example@mx.example", Some(Mailbox::Reporting("abc%elsewhere.example"))),
                ("elsewhere.example!abc@mx.example", Some(Mailbox::Reporting("elsewhere.example!abc"))),
                ("abc@elsewhere.example@mx.example", Some(Mailbox::Reporting("abc@elsewhere.example"))),
                ("abc@mx.example@elsewhere.example", None),
            ],
        );
    }
}
