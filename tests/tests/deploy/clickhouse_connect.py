import json
import sys

import clickhouse_connect

REFUSED = [
    "CREATE TABLE tlsrpt.x (a UInt8) ENGINE = Memory",
    "INSERT INTO tlsrpt.reports (tenant) VALUES ('acme')",
    "SELECT payload FROM tlsrpt.submissions",
    "SELECT * FROM tlsrpt.audit",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString', 'a String')",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT number FROM numbers(100001)",
]
PERIOD = "from = toDate(now() - INTERVAL 60 DAY), to = toDate(now())"


def look(port, user, password, compress):
    client = clickhouse_connect.get_client(host="127.0.0.1", port=int(port), username=user, password=password, database="tlsrpt", compress=compress)
    many = client.query("SELECT number, toString(number) FROM numbers(100000)")
    assert all(str(number) == text for number, text in many.result_rows)
    sums = client.query(
        f"SELECT sum(successful_sessions + failed_sessions), sum(failed_sessions) FROM counted_sessions({PERIOD}, trust = []) WHERE tenant = {{tenant:String}}",
        parameters={"tenant": "acme"},
    )
    columns = client.query(f"SELECT * FROM counted_reports({PERIOD}, trust = ['none']) LIMIT 10")
    assert columns.column_names[0] == "tenant" and len(columns.result_rows) == 10, columns.column_names
    with client.query_row_block_stream("SELECT number FROM numbers(1000)") as blocks:
        assert sum(len(block) for block in blocks) == 1000
    refused = 0
    for statement in REFUSED:
        try:
            client.query(statement)
        except clickhouse_connect.driver.exceptions.Error:
            refused += 1
    sessions, failed = sums.first_row
    return {"rows": many.row_count, "sum": sum(number for number, _ in many.result_rows), "sessions": sessions, "failed": failed, "refused": refused}


print(json.dumps([look(*sys.argv[1:4], compress) for compress in (False, "lz4", "zstd", "gzip")]))
