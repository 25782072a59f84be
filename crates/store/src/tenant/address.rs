//! Addresses of failure details in SQL.

/// An address as a person writes it, else the text as sent.
macro_rules! address {
    ($ip:literal, $sent:literal) => {
        concat!(
            "multiIf(isNull(",
            $ip,
            "), ",
            $sent,
            ", startsWith(toString(",
            $ip,
            "), '::ffff:') AND isIPv4String(substring(toString(",
            $ip,
            "), 8)), substring(toString(",
            $ip,
            "), 8), toString(",
            $ip,
            "))"
        )
    };
}
pub(super) use address;
