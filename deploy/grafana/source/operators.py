"""The operator's: whether the pipeline is well, and who weighs on it."""

from panels import BLUE, GREEN, RED, TRUST, YELLOW, bars, constant, dashboard, field, lines, linked, prom, sql, stat, steps, table
from sessions import RATE, SUCCESS_AND_FAILURE

TENANT = "/d/tlsrpt-tenant/?var-tenant=${__data.fields.tenant:percentencode}&${__url_time_range}"
# Where the runbook is: the one place to change it in.
RUNBOOK = constant("runbook", "https://tlsrpt.example/docs/runbook.md", "URL of the runbook")
# What was reported comes in days, so those panels look back further than the ones of the pipeline.
REPORTED = {"timeFrom": "30d"}


def rate(metric, by):
    """So many a second."""
    return f'sum by ({by}) (rate({metric}{{job="tlsrpt"}}[$__rate_interval]))'


def happening(metric, by):
    """So many a second of what has happened since the processes started: every reason has a series from the start, and most stay at 0."""
    return f'{rate(metric, by)} and sum by ({by}) ({metric}{{job="tlsrpt"}}) > 0'


def quantiles(metric, by=""):
    """The median and the slowest of a hundred of a histogram."""
    labels = f"le, {by}" if by else "le"
    legend = f" {{{{{by}}}}}" if by else ""
    return [prom(f'histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket{{job="tlsrpt"}}[$__rate_interval])))', name + legend, ref)
            for share, name, ref in [(0.5, "median", "A"), (0.99, "slowest of a hundred", "B")]]


UP_OR_DOWN = [{"type": "value", "options": {"0": {"text": "down", "color": RED, "index": 0}, "1": {"text": "up", "color": GREEN, "index": 1}}}]
DAY_SECONDS = 86400

HEALTH = [
    stat("Processes", prom('sum by (role) (up{job="tlsrpt"})', "{{role}}"), 5, about="Processes that Prometheus reaches, by role",
         thresholds=steps(RED, (1, GREEN)), runbook="tlsrptprocessdown"),
    stat("Dependencies", prom('min by (dependency) (tlsrpt_dependency_up{job="tlsrpt"})', "{{dependency}}"), 5,
         about="What the processes need, as their /readyz tells", mappings=UP_OR_DOWN, thresholds=steps(RED, (1, GREEN)), runbook="tlsrptdependencyaway"),
    stat("Oldest waiting", prom('max(tlsrpt_log_lag_seconds{job="tlsrpt"})', "age"), 4, about="Age of the oldest record that the normalizer or the writer has yet to commit", unit="s",
         thresholds=steps(GREEN, (60, YELLOW), (600, RED)), graph_mode="area", runbook="tlsrptlagold"),
    stat("Spool", prom('max(tlsrpt_edge_spool_bytes{job="tlsrpt"} / (tlsrpt_edge_spool_limit_bytes{job="tlsrpt"} > 0))', "full"), 3,
         about="How full the fullest spool is; empty unless the log was away", unit="percentunit", thresholds=steps(GREEN, (0.1, YELLOW), (0.7, RED)), noValue="no spool",
         runbook="tlsrptspoolfilling"),
    stat("Certificate", prom('min(tlsrpt_edge_certificate_expiry_timestamp_seconds{job="tlsrpt"}) - time()', "expires in"), 4, about="Until the receivers' certificate expires", unit="s",
         thresholds=steps(RED, (7 * DAY_SECONDS, YELLOW), (21 * DAY_SECONDS, GREEN)), runbook="tlsrptcertificateexpiring"),
    stat("Version", prom('count by (version) (tlsrpt_build_info{job="tlsrpt"})', "{{version}}"), 3, about="Versions that run", text_mode="name",
         color={"mode": "fixed", "fixedColor": BLUE}),
]

INGEST = [
    lines("Submissions received", prom(rate("tlsrpt_edge_received_total", "channel"), "{{channel}}"), about="Of which the payload came in whole", unit="reqps"),
    lines("Submissions acknowledged", prom(rate("tlsrpt_edge_acknowledged_total", "channel"), "{{channel}}"), about="Which the log, or the spool, holds durably", unit="reqps",
          runbook="tlsrptnoreports"),
    lines("Refused", prom(happening("tlsrpt_edge_refused_total", "channel, reason"), "{{channel}} {{reason}}"), about="Requests and connections refused, by reason", unit="reqps",
          noValue="none", runbook="tlsrptedgerefusing"),
    lines("Time to acknowledge", quantiles("tlsrpt_edge_ack_seconds"), about="From handing a submission to the log until the log, or the spool, answered", unit="s"),
    lines("Payload received", prom(rate("tlsrpt_edge_received_bytes_total", "channel"), "{{channel}}"), about="Bytes of payloads", unit="Bps"),
    lines("Connections and bytes in flight", [prom('sum(tlsrpt_edge_open_connections{job="tlsrpt"})', "connections"), prom('sum(tlsrpt_edge_in_flight_bytes{job="tlsrpt"})', "bytes in flight", "B")],
          about="Open connections, and bytes that are being received or wait for the log",
          overrides=[field("bytes in flight", unit="bytes", custom__axisPlacement="right")]),
]

PIPELINE = [
    lines("Records waiting", prom('max by (topic, group) (tlsrpt_log_lag_records{job="tlsrpt"})', "{{topic}}"), about="Records that a group has yet to commit", runbook="tlsrptlagold"),
    lines("Age of the oldest waiting", prom('max by (topic, group) (tlsrpt_log_lag_seconds{job="tlsrpt"})', "{{topic}}"), about="0 when nothing waits", unit="s", runbook="tlsrptlagold"),
    lines("Receipt to queryable", quantiles("tlsrpt_writer_receipt_to_queryable_seconds"), about="From the receipt of a submission until a tenant sees it", unit="s",
          runbook="tlsrptnotfresh"),
    lines("Outcomes", prom(rate("tlsrpt_normalizer_submissions_total", "outcome"), "{{outcome}}"), about="Submissions that the normalizers worked on, redeliveries included", unit="reqps"),
    lines("Rejects", prom(happening("tlsrpt_normalizer_rejects_total", "reason"), "{{reason}}"), about="Submissions in which nothing can be counted, by reason", unit="reqps", noValue="none",
          runbook="tlsrptrejectsrising"),
    lines("Append to the log", quantiles("tlsrpt_log_append_seconds", "topic"), about="Until an append is durable, by topic", unit="s", runbook="tlsrptappendslow"),
    lines("Insert into the database", quantiles("tlsrpt_writer_insert_seconds"), about="Inserts that the database acknowledged", unit="s"),
    lines("Tried again", [prom(rate("tlsrpt_writer_insert_retries_total", "role"), "inserts, {{role}}"), prom(rate("tlsrpt_normalizer_append_retries_total", "role"), "appends, {{role}}", "B")],
          about="Inserts and appends that had to be tried again", unit="reqps", runbook="tlsrptinsertfailures"),
    lines("Verdicts on mails", [prom(rate("tlsrpt_origin_verdicts_total", "trust"), "{{trust}}"), prom(rate("tlsrpt_origin_deferred_total", "role"), "deferred", "B")],
          about="How the origin of mails was verified; deferred: DNS was away", unit="reqps", runbook="tlsrptdnsaway"),
]

REPORTS = [
    lines("Submissions by fate", sql("""
SELECT toStartOfDay(received_at) AS time, fate, toFloat64(count()) AS submissions
FROM counted_submissions(from = $__fromTime, to = $__toTime)
GROUP BY time, fate
ORDER BY time, fate
LIMIT 10000""", series=True), about="The ledger, by day of receipt: every accepted submission has one fate", bars=True, stacked=True, displayName="${__field.labels.fate}", **REPORTED),
    lines("Sessions of all tenants", sql("""
SELECT toDateTime(day, 'UTC') AS time, sum(successful_sessions) AS successful, sum(failed_sessions) AS failed
FROM counted_sessions(@period)
GROUP BY time
ORDER BY time
LIMIT 10000""", series=True), about="By reported UTC day and the counting rule, domains that nobody owns included", bars=True, stacked=True, overrides=SUCCESS_AND_FAILURE, **REPORTED),
    table("Rejects by reason", sql("""
SELECT reason, channel, toFloat64(count()) AS submissions, max(received_at) AS `last received`
FROM counted_submissions(from = $__fromTime, to = $__toTime)
WHERE fate = 'rejected'
GROUP BY reason, channel
ORDER BY submissions DESC, reason, channel
LIMIT 100"""), 8, about="Accepted submissions in which nothing can be counted; the operator's API has them with their payload", noValue="none",
          overrides=[field("last received", unit="dateTimeAsIso")], runbook="tlsrptrejectsrising", **REPORTED),
    table("Top tenants", sql("""
SELECT tenant, sum(successful_sessions + failed_sessions) AS sessions,
    sum(failed_sessions) / greatest(sum(successful_sessions + failed_sessions), 1) AS `failure rate`,
    toFloat64(uniqExactArray(documents)) AS reports, toFloat64(uniqExact(domain)) AS domains
FROM counted_sessions(@period)
WHERE tenant != ''
GROUP BY tenant
ORDER BY reports DESC, tenant
LIMIT 50"""), 12, about="Tenants by reports; a tenant leads to its dashboard",
          overrides=[linked("tenant", "Tenant", TENANT), field("failure rate", unit="percentunit", thresholds=RATE, decimals=2, custom__cellOptions={"type": "color-text"})], **REPORTED),
    table("Failures across tenants", sql("""
SELECT dimensions[1] AS `mail server`, dimensions[2] AS type, toFloat64(uniqExactIf(tenant, tenant != '')) AS tenants, toFloat64(uniqExact(domain)) AS domains,
    toFloat64(uniqExact(reporter)) AS reporters, sum(failed_sessions) AS failed, max(day) AS `last day`
FROM counted_failures(@period, by = ['receiving_mx', 'result_type'])
GROUP BY `mail server`, type
ORDER BY tenants DESC, failed DESC, `mail server`, type
LIMIT 50"""), 12, about="The trouble of many tenants with one mail server is one line", **REPORTED),
    table("Domains that nobody owns", sql("""
SELECT domain, toFloat64(uniqExactArray(documents)) AS reports, sum(successful_sessions + failed_sessions) AS sessions, max(day) AS `last day`
FROM counted_sessions(@period)
WHERE tenant = ''
GROUP BY domain
ORDER BY reports DESC, domain
LIMIT 50"""), 12, about="Reported on and claimed by no tenant", noValue="none", **REPORTED),
    bars("Top reporters", sql("""
SELECT argMax(reporter_name, newest_received_at) AS organisation, toFloat64(uniqExactArray(documents)) AS reports
FROM counted_sessions(@period)
GROUP BY reporter
ORDER BY reports DESC, organisation
LIMIT 15"""), 12, about="Organisations by report documents", **REPORTED),
]

API = [
    lines("Requests", prom(rate("tlsrpt_query_requests_total", "status"), "{{status}}"), about="Answers of the API by status", unit="reqps", runbook="tlsrptqueryerrors"),
    lines("Time of requests", quantiles("tlsrpt_query_request_duration_seconds"), about="From a request's head to its answer", unit="s", runbook="tlsrptqueryslow"),
    lines("Jobs", [prom('max(tlsrpt_query_notice_deliveries_due{job="tlsrpt"})', "notices due"), prom('max(tlsrpt_query_erasures_waiting{job="tlsrpt"})', "erasures waiting", "B"),
                   prom('max(tlsrpt_query_deferred_verdicts_due{job="tlsrpt"})', "deferred verdicts", "C"), prom('max(tlsrpt_query_adoption_waiting_domains{job="tlsrpt"})', "domains to adopt", "D")],
          about="What the background jobs have yet to do"),
    lines("Registry", [prom('max(tlsrpt_registry_tenants{job="tlsrpt"})', "tenants"), prom('max(tlsrpt_registry_domains{job="tlsrpt"})', "domains", "B"),
                       prom('max(tlsrpt_registry_keys{job="tlsrpt"})', "keys", "C")], about="Tenants, claimed domains and keys"),
]

MACHINES = [
    lines("Free space", prom('min by (instance) (tlsrpt_data_dir_free_bytes{job="tlsrpt"} / tlsrpt_data_dir_size_bytes{job="tlsrpt"})', "{{instance}}"),
          about="Free part of the file system that holds the data directory", unit="percentunit", max=1, runbook="tlsrptdiskfull"),
    lines("Memory", [prom('process_resident_memory_bytes{job="tlsrpt"}', "{{role}} {{instance}}"), prom('tlsrpt_allocator_committed_bytes{job="tlsrpt"}', "allocator, {{role}} {{instance}}", "B")],
          about="Resident memory, and what the allocator holds from the system", unit="bytes"),
    lines("Processor", prom('rate(process_cpu_seconds_total{job="tlsrpt"}[$__rate_interval])', "{{role}} {{instance}}"), about="Cores in use"),
    lines("Open files", prom('process_open_fds{job="tlsrpt"} / process_max_fds{job="tlsrpt"}', "{{role}} {{instance}}"), about="Of those that a process may open", unit="percentunit"),
]

MADE = dashboard(
    "tlsrpt-operator", "TLS reporting: operator", "The pipeline's health, what comes in, and who weighs on it",
    [RUNBOOK, TRUST],
    [("Health", HEALTH), ("What comes in", INGEST), ("The pipeline", PIPELINE), ("What was reported, 30 days", REPORTS), ("API and jobs", API), ("Machines", MACHINES)],
    "now-24h", "1m",
)
