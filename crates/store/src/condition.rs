//! A [`Filter`] as the WHERE of a query over `reports`. Every one starts with the tenant.

use std::net::{IpAddr, Ipv6Addr};

use tlsrpt_record::TenantId;
use tlsrpt_report::Day;

use crate::{filter::Filter, statement::Statement};

/// What makes two spellings of an organisation the same reporter.
pub(crate) const REPORTER: &str = "lowerUTF8(trimBoth(organization))";

/// The arrays that conditions on failure details look at, under the names that they use: as arguments of a lambda.
const DETAIL_ARGUMENTS: &str = "(f_sessions, f_result, f_mx, f_sending_ip)";
const DETAIL_COLUMNS: &str = "failures.sessions, failures.result_type, failures.receiving_mx, failures.sending_ip";

/// The v4-mapped block: where v4 addresses live.
const MAPPED_FIRST: u128 = 0xffff_0000_0000;
const MAPPED_LAST: u128 = 0xffff_ffff_ffff;

/// `tenant = … AND …` for the rows that match; with detail conditions, those that have a detail which does.
pub(crate) fn rows(tenant: &TenantId, filter: &Filter) -> Statement {
    let mut sql = Statement::default();
    sql.bind("tenant = ?", tenant.as_str());
    sql.push(" AND ").append(days(filter.from, filter.to));
    if !filter.domains.is_empty() {
        let domains: Vec<String> = filter.domains.iter().map(|domain| domain.as_str().to_owned()).collect();
        sql.bind(" AND (policy_domain IN ?", domains.clone());
        if filter.subdomains {
            let suffixes: Vec<String> = domains.iter().map(|domain| format!(".{domain}")).collect();
            sql.bind(" OR arrayExists(suffix -> endsWith(policy_domain, suffix), ?)", suffixes);
        }
        sql.push(")");
    }
    if !filter.reporters.is_empty() {
        sql.push(" AND has(arrayMap(name -> lowerUTF8(trimBoth(name)), ").bind("?), ", filter.reporters.clone()).push(REPORTER).push(")");
    }
    if !filter.policy_types.is_empty() {
        sql.bind(" AND CAST(policy_type, 'Int8') IN ?", filter.policy_types.iter().map(|&class| class as i64).collect::<Vec<_>>());
    }
    if !filter.trust.is_empty() {
        sql.bind(" AND CAST(trust, 'Int8') IN ?", filter.trust.iter().map(|&trust| trust as i64).collect::<Vec<_>>());
    }
    if let Some(detail) = detail(filter) {
        sql.push(" AND arrayExists(").push(DETAIL_ARGUMENTS).push(" -> ").append(detail);
        sql.push(", ").push(DETAIL_COLUMNS).push(")");
    }
    sql
}

/// Rows that are shown under these days, inclusive; none when the first is after the last.
pub(crate) fn days(from: Day, to: Day) -> Statement {
    let mut sql = Statement::default();
    sql.bind("day BETWEEN toDate(?)", from).bind(" AND toDate(?)", to);
    // The same by the sorting key, so that other months are not read.
    sql.bind(" AND (key_day BETWEEN toDate(?)", from).bind(" AND toDate(?) OR key_day = toDate(0))", to);
    if from > to {
        sql.push(" AND false");
    }
    sql
}

/// The condition on one failure detail, over `f_result`, `f_mx` and `f_sending_ip`; none when the filter has none.
pub(crate) fn detail(filter: &Filter) -> Option<Statement> {
    let mut conditions: Vec<Statement> = Vec::new();
    let mut add = |make: &dyn Fn(&mut Statement)| {
        let mut sql = Statement::default();
        make(&mut sql);
        conditions.push(sql);
    };
    if !filter.result_types.is_empty() {
        add(&|sql| {
            sql.bind("toString(f_result) IN ?", filter.result_types.clone());
        });
    }
    if !filter.receiving_mx.is_empty() {
        let hosts: Vec<String> = filter.receiving_mx.iter().map(|host| host_name(host)).collect();
        add(&|sql| {
            sql.bind("f_mx IN ?", hosts.clone());
        });
    }
    if !filter.sending_nets.is_empty() {
        add(&|sql| {
            // A text that is no network matches nothing; it must not drop the condition.
            sql.push("ifNull(false");
            for (first, last) in filter.sending_nets.iter().flat_map(|net| ranges(net)) {
                sql.bind(" OR f_sending_ip BETWEEN toIPv6(?)", first.to_string().as_str());
                sql.bind(" AND toIPv6(?)", last.to_string().as_str());
            }
            sql.push(", false)");
        });
    }
    let mut all = conditions.into_iter();
    let mut sql = Statement::new("(");
    sql.append(all.next()?);
    for condition in all {
        sql.push(" AND ").append(condition);
    }
    sql.push(")");
    Some(sql)
}

/// For each failure detail of a row 1 or 0: whether the filter means it. All are meant without conditions on details.
pub(crate) fn matching(filter: Option<&Filter>) -> Statement {
    let mut sql = Statement::new("arrayMap(");
    sql.push(DETAIL_ARGUMENTS).push(" -> toUInt8(").append(filter.and_then(detail).unwrap_or_else(|| Statement::new("1")));
    sql.push("), ").push(DETAIL_COLUMNS).push(")");
    sql
}

/// Failed sessions of a row as UInt128: the report's own figure; with detail conditions, the sum over the details that match.
pub(crate) fn failed(filter: &Filter) -> Statement {
    let Some(detail) = detail(filter) else { return Statement::new("toUInt128(ifNull(failed, 0))") };
    let mut sql = Statement::new("arrayReduce('sum', arrayMap(n -> toUInt128(ifNull(n, 0)), arrayFilter(");
    sql.push(DETAIL_ARGUMENTS).push(" -> ").append(detail).push(", ").push(DETAIL_COLUMNS).push(")))");
    sql
}

/// As the normal form has host names: lower case, no final dot.
fn host_name(text: &str) -> String {
    let text = text.trim();
    text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase()
}

/// First and last address of a CIDR network among v6 addresses. A v6 network does not hold v4 addresses, whose mapped block
/// lies inside `::/0`, unless it is of that block.
fn ranges(net: &str) -> Vec<(Ipv6Addr, Ipv6Addr)> {
    let Some((first, last)) = range(net) else { return Vec::new() };
    let spans_mapped = first <= MAPPED_FIRST && last >= MAPPED_LAST && (first, last) != (MAPPED_FIRST, MAPPED_LAST);
    let parts = if spans_mapped { vec![(first, MAPPED_FIRST - 1), (MAPPED_LAST + 1, last)] } else { vec![(first, last)] };
    // A part is empty when the block stands at the network's end.
    parts.into_iter().filter(|(first, last)| first <= last).map(|(first, last)| (first.into(), last.into())).collect()
}

fn range(net: &str) -> Option<(u128, u128)> {
    let (address, prefix) = match net.trim().split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (net.trim(), None),
    };
    let (base, bits) = match address.parse().ok()? {
        IpAddr::V4(v4) => (v4.to_ipv6_mapped().into(), 32u32),
        IpAddr::V6(v6) => (u128::from(v6), 128),
    };
    let prefix = prefix.map_or(Some(bits), |prefix| prefix.parse().ok().filter(|&prefix| prefix <= bits))?;
    let host = 1u128.checked_shl(bits - prefix).map_or(u128::MAX, |size| size - 1);
    Some((base & !host, base | host))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    fn check(net: &str, expected: &[(&str, &str)]) {
        let expected: Vec<(Ipv6Addr, Ipv6Addr)> = expected.iter().map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap())).collect();
        assert_eq!(ranges(net), expected, "{net}");
    }

    #[test]
    fn a_network_covers_its_first_to_its_last_address_and_v6_never_covers_v4() {
        check("192.0.2.0/24", &[("::ffff:192.0.2.0", "::ffff:192.0.2.255")]);
        check("192.0.2.77/24", &[("::ffff:192.0.2.0", "::ffff:192.0.2.255")]);
        check("192.0.2.7", &[("::ffff:192.0.2.7", "::ffff:192.0.2.7")]);
        check("0.0.0.0/0", &[("::ffff:0.0.0.0", "::ffff:255.255.255.255")]);
        check("2001:db8::/32", &[("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")]);
        check("::/0", &[("::", "::fffe:ffff:ffff"), ("::1:0:0:0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")]);
        check("192.0.2.0/33", &[]);
        check("mx.example", &[]);
    }
}
