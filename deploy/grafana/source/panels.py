"""Panels and dashboards as Grafana's JSON has them (schema version 41), made from the few things that differ between them."""

import json

SCHEMA_VERSION = 41
GRID_WIDTH = 24

CLICKHOUSE = {"type": "grafana-clickhouse-datasource", "uid": "${clickhouse}"}
PROMETHEUS = {"type": "prometheus", "uid": "${prometheus}"}

# The value of a variable reaches SQL percent-encoded, so that it is text whatever is in it. Grafana's formats singlequote and sqlstring leave
# backslashes as they are, and ClickHouse takes a backslash before a quote for an escape: by them a value could end its string.
SHORTHANDS = {
    "@period": "from = toDate($__fromTime, 'UTC'), to = toDate($__toTime, 'UTC'), trust = @trust",
    "@trust": "splitByChar(',', trim(BOTH '{}' FROM decodeURLComponent('${trust:percentencode}')))",
    "@tenant": "tenant = decodeURLComponent('${tenant:percentencode}')",
    "@domain": "domain = decodeURLComponent('${domain:percentencode}')",
}

GREEN, YELLOW, ORANGE, RED, BLUE = "green", "yellow", "orange", "red", "blue"


def sql(text, series=False, ref="A"):
    """A query of ClickHouse: a table, or series over its column time."""
    text = text.strip()
    for short, long in SHORTHANDS.items():
        text = text.replace(short, long)
    return {
        "refId": ref,
        "datasource": CLICKHOUSE,
        "editorType": "sql",
        "queryType": "timeseries" if series else "table",
        "format": 0 if series else 1,
        "rawSql": text,
    }


def prom(expr, legend="", ref="A", instant=False):
    """A query of Prometheus: series, or the values of now."""
    target = {"refId": ref, "datasource": PROMETHEUS, "expr": expr, "legendFormat": legend or "__auto"}
    return target | ({"instant": True, "range": False} if instant else {"instant": False, "range": True})


def steps(*pairs):
    """Thresholds: a colour, then values from which on there is another."""
    first, *rest = pairs
    return {"mode": "absolute", "steps": [{"color": first, "value": None}] + [{"color": color, "value": value} for value, color in rest]}


def field(name, **properties):
    """An override for the field of this name: properties as Grafana's field options have them, `__` for a dot."""
    listed = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": listed}


def colored(**colors):
    """Overrides that give fields fixed colours."""
    return [field(name.replace("_", " "), color={"mode": "fixed", "fixedColor": color}) for name, color in colors.items()]


def linked(name, title, url):
    """An override by which a table's cell leads elsewhere."""
    return field(name, links=[{"title": title, "url": url, "targetBlank": False}])


class Panel:
    """A panel, but for its place and its number."""

    def __init__(self, kind, title, targets, width, height, *, about, unit="short", overrides=(), options=None, custom=None, runbook=None, **more):
        defaults = {"unit": unit, "custom": custom or {}, "mappings": []}
        for name in ("decimals", "thresholds", "min", "max", "displayName", "noValue", "mappings", "color"):
            if name in more:
                defaults[name] = more.pop(name)
        defaults.setdefault("thresholds", steps(GREEN))
        targets = targets if isinstance(targets, list) else [targets]
        self.width, self.height = width, height
        self.json = {
            "type": kind,
            "title": title,
            "description": about,
            "datasource": targets[0]["datasource"],
            "targets": targets,
            "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
            "options": options or {},
            "transparent": False,
        } | more
        if runbook:
            self.json["links"] = [{"title": "Runbook", "type": "link", "url": f"${{runbook}}#{runbook}", "targetBlank": True, "icon": "", "tooltip": "",
                                   "tags": [], "asDropdown": False, "includeVars": False, "keepTime": False}]


def stat(title, target, width=4, height=4, **more):
    """One number, or one a series."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "auto",
        "textMode": more.pop("text_mode", "auto"),
        "colorMode": "value",
        "graphMode": more.pop("graph_mode", "none"),
        "justifyMode": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }
    more.setdefault("color", {"mode": "thresholds"})
    return Panel("stat", title, target, width, height, options=options, **more)


def lines(title, targets, width=8, height=8, stacked=False, bars=False, **more):
    """Series over time."""
    custom = {
        "drawStyle": "bars" if bars else "line",
        "lineWidth": 1,
        "fillOpacity": 80 if bars else 10,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "axisPlacement": "auto",
    }
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    more.setdefault("color", {"mode": "palette-classic"})
    more.setdefault("min", 0)
    return Panel("timeseries", title, targets, width, height, custom=custom, options=options, **more)


def table(title, target, width=12, height=8, **more):
    """Rows."""
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}
    return Panel("table", title, target, width, height, custom=custom, options={"showHeader": True, "cellHeight": "sm", "frameIndex": 0}, **more)


def bars(title, target, width=8, height=8, **more):
    """One bar a row."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": True},
        "orientation": "horizontal",
        "displayMode": "basic",
        "showUnfilled": True,
        "valueMode": "color",
        "minVizWidth": 8,
        "minVizHeight": 16,
        "maxVizHeight": 34,
        "namePlacement": "left",
        "sizing": "auto",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
    }
    more.setdefault("min", 0)
    more.setdefault("color", {"mode": "palette-classic"})
    return Panel("bargauge", title, target, width, height, options=options, **more)


def source(name, kind, label):
    """The variable that chooses a data source."""
    return {"type": "datasource", "name": name, "label": label, "query": kind, "hide": 0, "refresh": 1, "regex": "", "multi": False,
            "includeAll": False, "skipUrlSync": False}


def constant(name, value, label):
    """A value that whoever sets up the dashboards puts here, once."""
    return {"type": "constant", "name": name, "label": label, "query": value, "hide": 2, "skipUrlSync": True}


def listed(name, label, text):
    """A variable with the values of a query."""
    query = sql(text)
    return {"type": "query", "name": name, "label": label, "datasource": CLICKHOUSE, "definition": query["rawSql"], "query": query["rawSql"],
            "hide": 0, "refresh": 1, "regex": "", "sort": 1, "multi": False, "includeAll": False, "skipUrlSync": False}


def chosen(name, label, values, about):
    """A variable of some of these values, all at first."""
    options = [{"text": "All", "value": "$__all", "selected": True}] + [{"text": value, "value": value, "selected": False} for value in values]
    return {"type": "custom", "name": name, "label": label, "description": about, "query": ",".join(values), "options": options,
            "current": {"text": ["All"], "value": ["$__all"], "selected": True}, "hide": 0, "multi": True, "includeAll": True, "skipUrlSync": False}


SOURCES = [source("clickhouse", "grafana-clickhouse-datasource", "ClickHouse"), source("prometheus", "prometheus", "Prometheus")]
TRUST = chosen("trust", "Trust", ["dkim-aligned", "dkim-other", "none", "dkim-fail"],
               "Verdicts on reports that count. A tenant with a minimum trust sees those from that one on in the API")


def dashboard(uid, title, about, variables, rows, since, refresh=""):
    """A dashboard: rows of a title and panels, which flow from left to right."""
    panels, y, number = [], 0, 0

    def placed(panel, x, y, width, height):
        nonlocal number
        number += 1
        panels.append({"id": number, "gridPos": {"h": height, "w": width, "x": x, "y": y}} | panel)

    for name, members in rows:
        placed({"type": "row", "title": name, "collapsed": False, "panels": []}, 0, y, GRID_WIDTH, 1)
        x, y, tallest = 0, y + 1, 0
        for panel in members:
            if x + panel.width > GRID_WIDTH:
                x, y, tallest = 0, y + tallest, 0
            placed(panel.json, x, y, panel.width, panel.height)
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
    return {
        "uid": uid,
        "title": title,
        "description": about,
        "tags": ["tlsrpt"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "utc",
        "time": {"from": since, "to": "now"},
        "timepicker": {},
        "refresh": refresh,
        "annotations": {"list": []},
        "links": [{"title": "TLS reporting", "type": "dashboards", "tags": ["tlsrpt"], "asDropdown": True, "includeVars": True, "keepTime": True,
                   "targetBlank": False, "icon": "external link", "tooltip": "", "url": ""}],
        "templating": {"list": SOURCES + variables},
        "panels": panels,
    }


def text(made):
    """A dashboard as a file holds it."""
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"
