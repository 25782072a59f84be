"""One tenant: how mail to its domains does, who says so, and what to look at."""

from panels import BLUE, RED, TRUST, bars, colored, dashboard, field, lines, linked, listed, prom, sql, stat, table
from sessions import RATE, failures_by_day, failures_by_mail_server, failures_by_network, headlines, one, sessions_by_day

TENANTS = "SELECT DISTINCT tenant FROM counted_reports(from = toDate(now() - INTERVAL 400 DAY), to = toDate(now()), trust = []) WHERE tenant != '' ORDER BY tenant LIMIT 10000"
DOMAIN = "/d/tlsrpt-domain/?var-tenant=${tenant:percentencode}&var-domain=${__data.fields.domain:percentencode}&${__url_time_range}"

HEADLINES = headlines("@tenant") + [
    stat("Reporters", one("toFloat64(uniqExact(reporter)) AS reporters", "@tenant"), about="Organisations that sent reports", color={"mode": "fixed", "fixedColor": BLUE}),
    stat("Verified", one("if(sum(successful_sessions + failed_sessions) = 0, 0, sum(verified_sessions) / sum(successful_sessions + failed_sessions)) AS verified", "@tenant"),
         about="Share of sessions from reports whose origin is verified (dkim-aligned). What came by HTTPS is never verified", unit="percentunit", decimals=0,
         color={"mode": "fixed", "fixedColor": BLUE}),
]

BY_DAY = [
    sessions_by_day("@tenant"),
    lines("Failure rate by day", sql("""
SELECT toDateTime(day, 'UTC') AS time, sum(failed_sessions) / greatest(sum(successful_sessions + failed_sessions), 1) AS rate
FROM counted_sessions(@period)
WHERE @tenant
GROUP BY time
ORDER BY time
LIMIT 10000""", series=True), 12, about="Failed sessions of all sessions, by reported UTC day", unit="percentunit", overrides=colored(rate=RED)),
    failures_by_day("@tenant"),
    lines("Reports by policy that was seen", sql("""
SELECT toDateTime(day, 'UTC') AS time,
    multiIf(policy_type = 'no-policy-found', 'no policy', policy_type = 'tlsa', 'DANE', policy_mode = '', 'unknown', concat('MTA-STS ', toString(policy_mode))) AS policy,
    toFloat64(uniqExact(document, domain)) AS reports
FROM counted_reports(@period)
WHERE @tenant
GROUP BY time, policy
ORDER BY time, policy
LIMIT 10000""", series=True), 12, about="Which policies reporters saw: a report and domain counts once for each", bars=True, stacked=True,
          displayName="${__field.labels.policy}"),
]

WHERE_IT_FAILS = [
    bars("Failures by type", sql("""
SELECT dimensions[1] AS type, sum(failed_sessions) AS failed
FROM counted_failures(@period, by = ['result_type'])
WHERE @tenant
GROUP BY type
ORDER BY failed DESC, type
LIMIT 20"""), 8, about="Failed sessions of failure details in the period"),
    failures_by_mail_server("@tenant", 16),
    failures_by_network("@tenant"),
    table("Who reports", sql("""
SELECT argMax(reporter_name, newest_received_at) AS organisation, sum(successful_sessions + failed_sessions) AS sessions,
    sum(failed_sessions) / greatest(sum(successful_sessions + failed_sessions), 1) AS `failure rate`,
    toFloat64(uniqExactArray(documents)) AS reports, max(day) AS `last day`
FROM counted_sessions(@period)
WHERE @tenant
GROUP BY reporter
ORDER BY sessions DESC, organisation
LIMIT 100"""), 12, about="Who reports; an organisation whose last day is long ago may have fallen silent",
          overrides=[field("failure rate", unit="percentunit", thresholds=RATE, decimals=2, custom__cellOptions={"type": "color-text"})]),
]

DOMAINS = [
    table("Domains", sql("""
SELECT domain, sum(successful_sessions + failed_sessions) AS sessions, sum(failed_sessions) AS failed,
    sum(failed_sessions) / greatest(sum(successful_sessions + failed_sessions), 1) AS `failure rate`,
    toFloat64(uniqExactArray(documents)) AS reports, max(day) AS `last day`
FROM counted_sessions(@period)
WHERE @tenant
GROUP BY domain
ORDER BY failed DESC, sessions DESC, domain
LIMIT 1000"""), 16, about="The tenant's policy domains with reports, most failures first; a domain leads to its dashboard",
          overrides=[linked("domain", "Domain", DOMAIN),
                     field("failure rate", unit="percentunit", thresholds=RATE, decimals=2, custom__cellOptions={"type": "color-text"})]),
    bars("Domains by readiness", prom('sum by (state) (tlsrpt_tenant_readiness{tenant="$tenant"})', "{{state}}", instant=True), 8,
         about="How far the claimed domains are with MTA-STS, from the tenant's own metrics; empty unless Prometheus scrapes them", noValue="not scraped"),
]

MADE = dashboard(
    "tlsrpt-tenant", "TLS reporting: tenant", "One tenant's sessions, failures, mail servers, reporters and domains, with the numbers of its API",
    [listed("tenant", "Tenant", TENANTS), TRUST],
    [("In the period", HEADLINES), ("Day by day", BY_DAY), ("Where it fails", WHERE_IT_FAILS), ("Domains", DOMAINS)],
    "now-30d",
)
