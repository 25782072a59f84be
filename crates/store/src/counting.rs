//! The counting rule. Rows of one report group and one policy domain tell of the same sessions when one says `sts` and the
//! other `tlsa` (a sender that does both reports both), so the headline is max(sts, tlsa) + no-policy-found + other, for
//! successful and failed each by itself. Rows grouped by policy type as well give the split as it was reported.
//!
//! Sums are of 128 bits and are cut to 64 at the end: a sender that claims 2^64-1 sessions twice gives 2^64-1, not a small
//! number.

use crate::statement::Statement;

/// The rule over rows grouped by `report_group, policy_domain`; `measure` is a UInt128.
pub(crate) fn headline(measure: &Statement) -> Statement {
    let mut sql = Statement::new("greatest(sumIf(");
    sql.append(measure.clone()).push(", policy_type = 'sts'), sumIf(");
    sql.append(measure.clone()).push(", policy_type = 'tlsa')) + sumIf(");
    sql.append(measure.clone()).push(", policy_type NOT IN ('sts', 'tlsa'))");
    sql
}

/// Successful sessions of a row as UInt128.
pub(crate) fn successful() -> Statement {
    Statement::new("toUInt128(ifNull(successful, 0))")
}

/// A sum of UInt128 as UInt64 that stays at its greatest value.
pub(crate) fn saturated(sum: &str) -> String {
    format!("toUInt64(least({sum}, toUInt128(18446744073709551615)))")
}
