"""The line under the headline: how the last 24 hours went, and whether anything was missed."""

from collections.abc import Sequence

from textual.content import Content

from reports.snapshot import Snapshot
from tui.cells import clean
from tui.figures import count, percent, quantity
from tui.sight import Proxy
from tui.view import MUTED, SCALES, STRONG, WARN, View, chosen, lines


def sparkline(values: Sequence[float | None], levels: str, unknown: str = " ") -> str:
    """One character per value: the first level is zero, the last the greatest of them."""
    top = max((value for value in values if value is not None), default=0.0)
    steps = len(levels) - 1
    return "".join(
        unknown
        if value is None
        else levels[0]
        if value <= 0 or top <= 0
        else levels[max(1, round(value / top * steps))]
        for value in values
    )


def pulse(snapshot: Snapshot, proxy: Proxy | None, view: View) -> Content:
    """Two lines: the hours with the cache hits, then the counters."""
    return lines(_hours(snapshot, view), counters(proxy, view))


def _hours(snapshot: Snapshot, view: View) -> Content:
    values = [chosen(point.totals, view.unit) for point in snapshot.hours]
    drawn = sparkline(values, view.marks.levels)
    if view.wide:
        drawn = "".join(sign * 2 for sign in drawn)
    top = max((value for value in values if value is not None), default=0.0)
    rate = snapshot.totals.cache_hit_rate
    hits = "not known" if rate is None else percent(rate)
    return Content.assemble(
        (f"{view.unit}/h ", MUTED),
        (drawn, "$primary"),
        (f"  24 h, top {view.text(quantity(top, SCALES[view.unit]))}", MUTED),
        ("   cache hits ", MUTED),
        hits,
    )


def counters(proxy: Proxy | None, view: View) -> Content:
    """What was missed or waits: calm at zero, plain to see above it."""
    if proxy is None:
        return Content.assemble(("uncounted, in flight: no proxy to ask", MUTED))
    parts = [
        _counter("uncounted", proxy.uncounted, view, alarming=True),
        _counter("not recognised", proxy.not_recognised, view),
        _counter("in flight", len(proxy.in_flight), view),
        _counter("rows waiting", proxy.waiting, view),
    ]
    if proxy.lost:
        parts.append(_counter("lost", proxy.lost, view, alarming=True))
    if proxy.refused and view.wide:
        parts.append(_counter("refused", proxy.refused, view))
    line = Content("   ").join(parts)
    return line if line.cell_length <= view.width else Content("  ").join(parts)


def _counter(name: str, value: int, view: View, *, alarming: bool = False) -> Content:
    style = WARN if alarming and value else STRONG if value else MUTED
    sign = f"{view.marks.no} " if alarming and value else ""
    return Content.assemble((f"{sign}{name} ", style if alarming else MUTED), (count(value), style))


def banner(fault: str | None, proxy: Proxy | None, endpoint: str | None) -> Content | None:
    """The one thing that a person should know and can mend; None when all is well."""
    if fault is not None:
        return Content.assemble((clean(fault), WARN))
    if proxy is None:
        where = f" at {endpoint}" if endpoint else ""
        return Content.assemble((f"No proxy answers{where}. ", WARN), "Start one: tabwatt up")
    if proxy.store_error is not None:
        error = f"Rows wait, requests still pass. Store: {clean(proxy.store_error)}"
        return Content.assemble((error, WARN))
    return None
