"""Statements on the real ClickHouse engine, under a configuration and a user's rights.

Takes one JSON object: library, config (a server's configuration file), path (the data), statements. Answers a list with an object each:
the answer as text, or the error. Reads nothing else and ends when it has answered.
"""

import ctypes
import json
import sys

asked = json.load(sys.stdin)
engine = ctypes.CDLL(asked["library"])
engine.chdb_connect.restype = ctypes.POINTER(ctypes.c_void_p)
for function in (engine.chdb_query_n, engine.chdb_result_buffer, engine.chdb_result_error):
    function.restype = ctypes.c_void_p
engine.chdb_result_length.restype = ctypes.c_size_t
engine.chdb_set_signal_handlers_enabled(0)

arguments = [b"clickhouse", b"--path=" + asked["path"].encode(), b"--config-file=" + asked["config"].encode()]
connection = engine.chdb_connect(len(arguments), (ctypes.c_char_p * len(arguments))(*arguments))
if not connection:
    sys.exit("the engine does not start with this configuration")


def run(statement):
    sql = statement.encode()
    result = ctypes.c_void_p(engine.chdb_query_n(connection.contents, sql, ctypes.c_size_t(len(sql)), b"TSV", ctypes.c_size_t(3)))
    error = engine.chdb_result_error(result)
    if error:
        return {"error": ctypes.string_at(error).decode()}
    length = engine.chdb_result_length(result)
    return {"answer": ctypes.string_at(engine.chdb_result_buffer(result), length).decode() if length else ""}


answers = [run(statement) for statement in asked["statements"]]
engine.chdb_close_conn(connection)
json.dump(answers, sys.stdout)
