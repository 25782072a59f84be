-- What counts, for whoever reads the database beside the service: dashboards, notebooks. Each view embodies a rule that stands in the
-- service's own statements too, so that both show the same numbers. Nothing of the service reads them.
--
-- Parameters: from and to, UTC days, inclusive, by which other months are not read; trust, verdicts that count, all when it is empty.
-- Sessions are Float64, exact to 2^53: a sender that claims 2^64-1 sessions twice must not make a small number.
-- INVOKER: whoever asks needs the right to read the columns underneath, and sees the rows that row policies leave.

-- Rows of reports that count: one a tenant, report and policy.
CREATE VIEW IF NOT EXISTS counted_reports$ON_CLUSTER SQL SECURITY INVOKER AS
SELECT
    tenant,
    policy_domain AS domain,
    day,
    lowerUTF8(trimBoth(organization)) AS reporter,
    trimBoth(organization) AS reporter_name,
    report_id,
    report_group,
    document,
    policy_type,
    policy_mode,
    policy_max_age,
    mx_hosts,
    successful AS successful_sent,
    failed AS failed_sent,
    length(warnings) AS warnings_total,
    trust,
    signer,
    received_at
FROM reports FINAL
WHERE day BETWEEN {from:Date} AND {to:Date}
    AND (key_day BETWEEN {from:Date} AND {to:Date} OR key_day = toDate(0))
    AND (empty({trust:Array(String)}) OR has({trust:Array(String)}, toString(trust)));

-- Sessions: a row a tenant, domain, day and report, by the counting rule: the greater of what is reported under sts and tlsa, and what
-- is reported under anything else.
CREATE VIEW IF NOT EXISTS counted_sessions$ON_CLUSTER SQL SECURITY INVOKER AS
SELECT
    tenant,
    domain,
    day,
    report_group,
    any(reporter_key) AS reporter,
    argMax(reporter_spelling, receipt) AS reporter_name,
    max(receipt) AS newest_received_at,
    groupUniqArray(document) AS documents,
    toFloat64(greatest(sumIf(ok, policy_type = 'sts'), sumIf(ok, policy_type = 'tlsa')) + sumIf(ok, policy_type NOT IN ('sts', 'tlsa')))
        AS successful_sessions,
    toFloat64(greatest(sumIf(bad, policy_type = 'sts'), sumIf(bad, policy_type = 'tlsa')) + sumIf(bad, policy_type NOT IN ('sts', 'tlsa')))
        AS failed_sessions,
    toFloat64(greatest(sumIf(ok, policy_type = 'sts' AND is_verified), sumIf(ok, policy_type = 'tlsa' AND is_verified))
        + sumIf(ok, policy_type NOT IN ('sts', 'tlsa') AND is_verified)
        + greatest(sumIf(bad, policy_type = 'sts' AND is_verified), sumIf(bad, policy_type = 'tlsa' AND is_verified))
        + sumIf(bad, policy_type NOT IN ('sts', 'tlsa') AND is_verified)) AS verified_sessions
FROM
(
    SELECT
        tenant,
        policy_domain AS domain,
        day,
        report_group,
        document,
        policy_type,
        trust = 'dkim-aligned' AS is_verified,
        received_at AS receipt,
        lowerUTF8(trimBoth(organization)) AS reporter_key,
        trimBoth(organization) AS reporter_spelling,
        toUInt128(ifNull(successful, 0)) AS ok,
        toUInt128(ifNull(failed, 0)) AS bad
    FROM reports FINAL
    WHERE day BETWEEN {from:Date} AND {to:Date}
        AND (key_day BETWEEN {from:Date} AND {to:Date} OR key_day = toDate(0))
        AND (empty({trust:Array(String)}) OR has({trust:Array(String)}, toString(trust)))
)
GROUP BY tenant, domain, day, report_group;

-- Failed sessions by failure details: a row a tenant, domain, day, report and group. by names what to group by: result_type, receiving_mx,
-- sending_net (the /24 or /48 of the address), receiving_net, reason; dimensions has the values in that order. The counting rule goes by
-- the group, so figures of a finer group do not add up to those of a coarser one where a sender reports the same failures under sts and tlsa.
CREATE VIEW IF NOT EXISTS counted_failures$ON_CLUSTER SQL SECURITY INVOKER AS
SELECT
    tenant,
    domain,
    day,
    report_group,
    dimensions,
    any(reporter_key) AS reporter,
    argMax(reporter_spelling, receipt) AS reporter_name,
    toFloat64(greatest(sumIf(bad, policy_type = 'sts'), sumIf(bad, policy_type = 'tlsa')) + sumIf(bad, policy_type NOT IN ('sts', 'tlsa')))
        AS failed_sessions
FROM
(
    SELECT
        tenant,
        policy_domain AS domain,
        day,
        report_group,
        policy_type,
        received_at AS receipt,
        lowerUTF8(trimBoth(organization)) AS reporter_key,
        trimBoth(organization) AS reporter_spelling,
        toUInt128(ifNull(f_sessions, 0)) AS bad,
        if(startsWith(toString(f_sending_ip), '::ffff:') AND isIPv4String(substring(toString(f_sending_ip), 8)),
            concat(substring(toString(tupleElement(IPv6CIDRToRange(ifNull(f_sending_ip, toIPv6('::')), 120), 1)), 8), '/24'),
            concat(toString(tupleElement(IPv6CIDRToRange(ifNull(f_sending_ip, toIPv6('::')), 48), 1)), '/48')) AS sending_net,
        if(startsWith(toString(f_receiving_ip), '::ffff:') AND isIPv4String(substring(toString(f_receiving_ip), 8)),
            concat(substring(toString(tupleElement(IPv6CIDRToRange(ifNull(f_receiving_ip, toIPv6('::')), 120), 1)), 8), '/24'),
            concat(toString(tupleElement(IPv6CIDRToRange(ifNull(f_receiving_ip, toIPv6('::')), 48), 1)), '/48')) AS receiving_net,
        arrayMap(dimension -> multiIf(
            dimension = 'result_type', toString(f_result),
            dimension = 'receiving_mx', f_mx,
            dimension = 'sending_net', if(isNull(f_sending_ip), '', sending_net),
            dimension = 'receiving_net', if(isNull(f_receiving_ip), '', receiving_net),
            dimension = 'reason', f_reason,
            ''), {by:Array(String)}) AS dimensions
    FROM reports FINAL
    ARRAY JOIN
        failures.sessions AS f_sessions,
        failures.result_type AS f_result,
        failures.receiving_mx AS f_mx,
        failures.sending_ip AS f_sending_ip,
        failures.receiving_ip AS f_receiving_ip,
        failures.reason AS f_reason
    WHERE day BETWEEN {from:Date} AND {to:Date}
        AND (key_day BETWEEN {from:Date} AND {to:Date} OR key_day = toDate(0))
        AND (empty({trust:Array(String)}) OR has({trust:Array(String)}, toString(trust)))
)
GROUP BY tenant, domain, day, report_group, dimensions;

-- The ledger: a row a submission received in this time, with its fate, as the API tells it, and without its payload.
CREATE VIEW IF NOT EXISTS counted_submissions$ON_CLUSTER SQL SECURITY INVOKER AS
SELECT
    submission_id,
    any(receipt) AS received_at,
    any(channel_name) AS channel,
    any(trust_name) AS trust,
    any(reject) AS reason,
    any(bytes) AS payload_bytes,
    multiIf(max(owned) = 1, 'stored', max(unowned) = 1, 'unclaimed', reason != '', 'rejected', 'duplicate') AS fate
FROM
(
    SELECT
        submission_id,
        received_at AS receipt,
        toNullable(toString(channel)) AS channel_name,
        toNullable(toString(trust)) AS trust_name,
        toNullable(toString(reason)) AS reject,
        toNullable(payload_bytes) AS bytes,
        0 AS owned,
        0 AS unowned,
        1 AS listed
    FROM submissions FINAL
    WHERE received_at BETWEEN toDateTime64({from:DateTime('UTC')}, 3, 'UTC') AND toDateTime64({to:DateTime('UTC')}, 3, 'UTC')
    UNION ALL
    SELECT submission_id, received_at, NULL, NULL, NULL, NULL, tenant != '', tenant = '', 0
    FROM reports FINAL
    WHERE received_at BETWEEN toDateTime64({from:DateTime('UTC')}, 3, 'UTC') AND toDateTime64({to:DateTime('UTC')}, 3, 'UTC')
)
GROUP BY submission_id
HAVING max(listed) = 1;
