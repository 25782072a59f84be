"""What the description of the API cannot say of a request that is to succeed.

Requests that are to be refused stay as they are drawn.
"""

import json
import os
import re
from datetime import date

import schemathesis

# Names of things that are there, by the path segment before them.
KNOWN = json.loads(os.environ["TLSRPT_KNOWN"])
PERIOD_MAX_DAYS = 3_660
# A list of failures is sorted by these, or by a dimension that it is grouped by.
SORTS = {"failed_sessions", "first_seen", "last_seen"}


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    # What is there stays there; and where one request follows from another, it says itself what it means.
    if case.method.upper() != "DELETE" and case.meta.phase.name != "stateful":
        for segment, name in re.findall(r"([^/]+)/\{(\w+)\}", case.path):
            if segment in KNOWN:
                case.path_parameters[name] = KNOWN[segment]
    query = case.query or {}
    # One that no list answered is refused.
    query.pop("cursor", None)
    fit_period(query)
    if case.path.endswith("/failures") and str(query.get("sort", "")).lstrip("-") not in SORTS:
        query.pop("sort", None)
    if "received_at" in query:
        query["received_at"] = "2020-01-01T00:00:00Z"
    if case.path == "/v1/notifications/settings" and isinstance(case.body, dict):
        # Nobody takes notices there, and no mail goes out without a relay.
        wanted = {"webhook_url": "https://hooks.invalid/tls-reports", "mail_to": ["postmaster@example.com"]}
        case.body.update({name: value for name, value in wanted.items() if case.body.get(name) is not None})
        if case.body.get("quiet_hours") is not None:
            case.body["quiet_hours"] = {"from": "22:00", "to": "07:00", "time_zone": "Europe/Berlin"}
    # A name of one label is nobody's to claim.
    if isinstance(case.body, dict) and isinstance(case.body.get("domain"), str) and "." not in case.body["domain"].rstrip("."):
        case.body["domain"] = case.body["domain"].rstrip(".") + ".example"
    if isinstance(case.body, dict) and isinstance(case.body.get("expires_at"), str):
        case.body["expires_at"] = "2099-01-01T00:00:00Z"


def fit_period(query):
    """A period has an order and a length; one end alone is the other's, or today."""
    try:
        first, last = (date.fromisoformat(query[name]) if name in query else date.today() for name in ("from", "to"))
    except (TypeError, ValueError):
        return
    if not 0 <= (last - first).days < PERIOD_MAX_DAYS:
        query.pop("from", None)
