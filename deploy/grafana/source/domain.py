"""One domain, day by day."""

from panels import BLUE, GREEN, RED, TRUST, YELLOW, dashboard, field, lines, listed, prom, sql, stat, steps, table
from sessions import RATE, failures_by_day, failures_by_mail_server, failures_by_network, headlines, sessions_by_day
from tenant import TENANTS

WHERE = "@tenant AND @domain"
DOMAINS = """
SELECT DISTINCT domain
FROM counted_reports(from = toDate(now() - INTERVAL 400 DAY), to = toDate(now()), trust = [])
WHERE @tenant
ORDER BY domain
LIMIT 10000"""
STATE = 'sum by (state) (tlsrpt_tenant_readiness{tenant="$tenant", domain="$domain"})'
DAY_SECONDS = 86400

HEADLINES = headlines(WHERE) + [
    stat("Newest reported day", sql("""
SELECT if(count() = 0, NULL, toFloat64(greatest(dateDiff('second', toDateTime(max(day) + 1, 'UTC'), now('UTC')), 0))) AS age
FROM counted_sessions(@period)
WHERE @tenant AND @domain
LIMIT 1"""), about="Since the end of the newest reported day in the period: most senders report once a day", unit="s",
         thresholds=steps(GREEN, (2 * DAY_SECONDS, YELLOW), (7 * DAY_SECONDS, RED)), noValue="none"),
    stat("Readiness", prom(STATE, "{{state}}", instant=True), about="How far the domain is with MTA-STS, from the tenant's own metrics; for a claimed domain, and where Prometheus scrapes them",
         text_mode="name", noValue="not scraped", color={"mode": "fixed", "fixedColor": BLUE}),
]

BY_DAY = [
    sessions_by_day(WHERE),
    failures_by_day(WHERE),
    lines("Policy modes seen", sql("""
SELECT toDateTime(day, 'UTC') AS time,
    multiIf(policy_type = 'no-policy-found', 'no policy', policy_type = 'tlsa', 'DANE', policy_mode = '', 'unknown', concat('MTA-STS ', toString(policy_mode))) AS policy,
    toFloat64(uniqExact(reporter)) AS reporters
FROM counted_reports(@period)
WHERE @tenant AND @domain
GROUP BY time, policy
ORDER BY time, policy
LIMIT 10000""", series=True), 12, about="How many reporters saw which policy on a day: a change of the policy shows within its max_age", bars=True, stacked=True,
          displayName="${__field.labels.policy}"),
    lines("Reporters by day", sql("""
SELECT toDateTime(day, 'UTC') AS time, toFloat64(uniqExact(reporter)) AS reporters, toFloat64(uniqExactArray(documents)) AS reports
FROM counted_sessions(@period)
WHERE @tenant AND @domain
GROUP BY time
ORDER BY time
LIMIT 10000""", series=True), 12, about="Organisations and report documents by reported UTC day"),
]

WHERE_IT_FAILS = [
    failures_by_mail_server(WHERE, 12),
    failures_by_network(WHERE),
]

WHO_REPORTS = [
    table("Policies seen", sql("""
SELECT multiIf(policy_type = 'no-policy-found', 'no policy', policy_mode = '', 'unknown', toString(policy_mode)) AS mode,
    arrayStringConcat(arraySort(arrayDistinct(arrayFilter(host -> host != '', arrayMap(host -> trim(TRAILING '.' FROM lower(trimBoth(host))), mx_hosts)))), ' ') AS mx,
    if(policy_type = 'sts', toFloat64(policy_max_age), NULL) AS `max age`,
    toFloat64(uniqExact(reporter)) AS reporters, min(day) AS `first day`, max(day) AS `last day`
FROM counted_reports(@period)
WHERE @tenant AND @domain AND policy_type IN ('sts', 'no-policy-found')
GROUP BY mode, mx, `max age`
ORDER BY `last day` DESC, `first day` DESC, mode, mx
LIMIT 100"""), 12, about="The MTA-STS policies that reporters saw, the last one first", overrides=[field("max age", unit="s")]),
    table("Who reports", sql("""
SELECT argMax(reporter_name, newest_received_at) AS organisation, sum(successful_sessions + failed_sessions) AS sessions,
    sum(failed_sessions) / greatest(sum(successful_sessions + failed_sessions), 1) AS `failure rate`, max(day) AS `last day`
FROM counted_sessions(@period)
WHERE @tenant AND @domain
GROUP BY reporter
ORDER BY sessions DESC, organisation
LIMIT 100"""), 12, about="Who reports on the domain",
          overrides=[field("failure rate", unit="percentunit", thresholds=RATE, decimals=2, custom__cellOptions={"type": "color-text"})]),
    table("Newest reports", sql("""
SELECT received_at AS received, day, reporter_name AS organisation, toString(policy_type) AS policy, toString(policy_mode) AS mode,
    toFloat64(successful_sent) AS successful, toFloat64(failed_sent) AS failed, toString(trust) AS trust, report_id AS `report id`
FROM counted_reports(@period)
WHERE @tenant AND @domain
ORDER BY day DESC, received DESC, organisation, policy
LIMIT 50"""), 24, about="What the newest reports say, as they were sent: the same sessions may stand under sts and tlsa",
          overrides=[field("received", unit="dateTimeAsIso")]),
]

MADE = dashboard(
    "tlsrpt-domain", "TLS reporting: domain", "One domain day by day: sessions, failures, the policies that reporters saw, and the newest reports",
    [listed("tenant", "Tenant", TENANTS), listed("domain", "Domain", DOMAINS), TRUST],
    [("In the period", HEADLINES), ("Day by day", BY_DAY), ("Where it fails", WHERE_IT_FAILS), ("Who reports, and what they saw", WHO_REPORTS)],
    "now-30d",
)
