"""Panels on sessions that the dashboards of a tenant and of a domain share; `where` says whose."""

from panels import BLUE, GREEN, ORANGE, RED, YELLOW, colored, lines, sql, stat, steps, table

RATE = steps(GREEN, (0.001, YELLOW), (0.01, ORANGE), (0.05, RED))
SUCCESS_AND_FAILURE = colored(successful=GREEN, failed=RED)


def one(expression, where):
    """A figure over all sessions there."""
    return sql(f"SELECT {expression} FROM counted_sessions(@period) WHERE {where} LIMIT 1")


def headlines(where):
    """What there is, and what of it failed."""
    return [
        stat("Sessions", one("sum(successful_sessions) + sum(failed_sessions) AS sessions", where), about="All sessions, by the counting rule", color={"mode": "fixed", "fixedColor": BLUE}),
        stat("Failed sessions", one("sum(failed_sessions) AS failed", where), about="Failed sessions, by the counting rule", thresholds=steps(GREEN, (1, ORANGE))),
        stat("Failure rate", one("if(sum(successful_sessions + failed_sessions) = 0, 0, sum(failed_sessions) / sum(successful_sessions + failed_sessions)) AS rate", where),
             about="Failed sessions of all sessions", unit="percentunit", decimals=2, thresholds=RATE),
        stat("Reports", one("toFloat64(uniqExactArray(documents)) AS reports", where), about="Report documents", color={"mode": "fixed", "fixedColor": BLUE}),
    ]


def sessions_by_day(where):
    """Both kinds of sessions, day by day."""
    return lines("Sessions by day", sql(f"""
SELECT toDateTime(day, 'UTC') AS time, sum(successful_sessions) AS successful, sum(failed_sessions) AS failed
FROM counted_sessions(@period)
WHERE {where}
GROUP BY time
ORDER BY time
LIMIT 10000""", series=True), 12, about="By reported UTC day", bars=True, stacked=True, overrides=SUCCESS_AND_FAILURE)


def failures_by_day(where):
    """Failed sessions by their result type, day by day."""
    return lines("Failures by type and day", sql(f"""
SELECT toDateTime(day, 'UTC') AS time, dimensions[1] AS type, sum(failed_sessions) AS failed
FROM counted_failures(@period, by = ['result_type'])
WHERE {where}
GROUP BY time, type
ORDER BY time, type
LIMIT 10000""", series=True), 12, about="Failed sessions of failure details (RFC 8460 4.3), by reported UTC day", bars=True, stacked=True,
                 displayName="${__field.labels.type}")


def failures_by_mail_server(where, width):
    """Where mail came in, or did not."""
    return table("Failures by mail server", sql(f"""
SELECT dimensions[1] AS `mail server`, dimensions[2] AS type, sum(failed_sessions) AS failed, min(day) AS `first day`, max(day) AS `last day`
FROM counted_failures(@period, by = ['receiving_mx', 'result_type'])
WHERE {where}
GROUP BY `mail server`, type
ORDER BY failed DESC, `mail server`, type
LIMIT 100"""), width, about="Which receiving mail servers failed, and how; empty where the reports do not tell")


def failures_by_network(where):
    """Where mail came from."""
    return table("Failures by sending network", sql(f"""
SELECT dimensions[1] AS network, argMax(reporter_name, day) AS organisation, sum(failed_sessions) AS failed, max(day) AS `last day`
FROM counted_failures(@period, by = ['sending_net'])
WHERE {where}
GROUP BY network, reporter
ORDER BY failed DESC, network
LIMIT 100"""), 12, about="From where the failed sessions came: the /24 or /48 of the sending address")
