"""One tenant: how mail to its domains does, who says so, and what to look at."""

from panels import BLUE, GREEN, ORANGE, RED, TRUST, YELLOW, bars, colored, dashboard, field, lines, linked, listed, prom, sql, stat, steps, table

TENANTS = "SELECT DISTINCT tenant FROM counted_reports(from = toDate(now() - INTERVAL 400 DAY), to = toDate(now()), trust = []) WHERE tenant != '' ORDER BY tenant LIMIT 10000"
DOMAIN = "/d/tlsrpt-domain/?var-tenant=${tenant:percentencode}&var-domain=${__data.fields.domain:percentencode}&${__url_time_range}"
RATE = steps(GREEN, (0.001, YELLOW), (0.01, ORANGE), (0.05, RED))
STATES = ["at-risk", "no-reports", "baseline", "ready-for-testing", "testing", "ready-for-enforce", "enforce"]
SUCCESS_AND_FAILURE = colored(successful=GREEN, failed=RED)


def one(expression):
    """A figure over all of the tenant's sessions."""
    return sql(f"SELECT {expression} FROM counted_sessions(@period) WHERE @tenant LIMIT 1")


HEADLINES = [
    stat("Sessions", one("sum(successful_sessions) + sum(failed_sessions) AS sessions"), about="All sessions, by the counting rule", color={"mode": "fixed", "fixedColor": BLUE}),
    stat("Failed sessions", one("sum(failed_sessions) AS failed"), about="Failed sessions, by the counting rule", thresholds=steps(GREEN, (1, ORANGE))),
    stat("Failure rate", one("if(sum(successful_sessions + failed_sessions) = 0, 0, sum(failed_sessions) / sum(successful_sessions + failed_sessions)) AS rate"),
         about="Failed sessions of all sessions", unit="percentunit", decimals=2, thresholds=RATE),
    stat("Reports", one("toFloat64(uniqExactArray(documents)) AS reports"), about="Report documents", color={"mode": "fixed", "fixedColor": BLUE}),
    stat("Reporters", one("toFloat64(uniqExact(reporter)) AS reporters"), about="Organisations that sent reports", color={"mode": "fixed", "fixedColor": BLUE}),
    stat("Verified", one("if(sum(successful_sessions + failed_sessions) = 0, 0, sum(verified_sessions) / sum(successful_sessions + failed_sessions)) AS verified"),
         about="Share of sessions from reports whose origin is verified (dkim-aligned). What came by HTTPS is never verified", unit="percentunit", decimals=0,
         color={"mode": "fixed", "fixedColor": BLUE}),
]

BY_DAY = [
    lines("Sessions by day", sql("""
SELECT toDateTime(day, 'UTC') AS time, sum(successful_sessions) AS successful, sum(failed_sessions) AS failed
FROM counted_sessions(@period)
WHERE @tenant
GROUP BY time
ORDER BY time
LIMIT 10000""", series=True), 12, about="By reported UTC day", bars=True, stacked=True, overrides=SUCCESS_AND_FAILURE),
    lines("Failure rate by day", sql("""
SELECT toDateTime(day, 'UTC') AS time, sum(failed_sessions) / greatest(sum(successful_sessions + failed_sessions), 1) AS rate
FROM counted_sessions(@period)
WHERE @tenant
GROUP BY time
ORDER BY time
LIMIT 10000""", series=True), 12, about="Failed sessions of all sessions, by reported UTC day", unit="percentunit", overrides=colored(rate=RED)),
    lines("Failures by type and day", sql("""
SELECT toDateTime(day, 'UTC') AS time, dimensions[1] AS type, sum(failed_sessions) AS failed
FROM counted_failures(@period, by = ['result_type'])
WHERE @tenant
GROUP BY time, type
ORDER BY time, type
LIMIT 10000""", series=True), 12, about="Failed sessions of failure details (RFC 8460 4.3), by reported UTC day", bars=True, stacked=True,
          displayName="${__field.labels.type}"),
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
    table("Failures by mail server", sql("""
SELECT dimensions[1] AS `mail server`, dimensions[2] AS type, sum(failed_sessions) AS failed, min(day) AS `first day`, max(day) AS `last day`
FROM counted_failures(@period, by = ['receiving_mx', 'result_type'])
WHERE @tenant
GROUP BY `mail server`, type
ORDER BY failed DESC, `mail server`, type
LIMIT 100"""), 16, about="Which receiving mail servers failed, and how; empty where the reports do not tell"),
    table("Failures by sending network", sql("""
SELECT dimensions[1] AS network, argMax(reporter_name, day) AS organisation, sum(failed_sessions) AS failed, max(day) AS `last day`
FROM counted_failures(@period, by = ['sending_net'])
WHERE @tenant
GROUP BY network, reporter
ORDER BY failed DESC, network
LIMIT 100"""), 12, about="From where the failed sessions came: the /24 or /48 of the sending address"),
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
