"""Plots as SVG: bars of ratios, and lines of growth. The same data always give the same file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH = 760
MARGIN_LEFT, MARGIN_RIGHT = 300, 110  # of the plot area: room for names, and for figures
ROW, BAR = 26, 14
TOP, BOTTOM = 52, 34
GRAPH_HEIGHT = 220
GRAPH_LEFT, GRAPH_RIGHT = 56, 190
NAME_LETTERS = 46
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #52514e }
.title { font-size: 14px; font-weight: 600; fill: #0b0b0b }
.value { fill: #0b0b0b } .ground { fill: #fcfcfb }
.grid { stroke: #e6e5e1 } .one { stroke: #8a8983 }
.bar { fill: #2a78d6 } .aim { stroke: #c2510a; stroke-width: 2 }
.most { stroke: #2a78d6 } .other { stroke: #b9b8b2 }
.dot { fill: #2a78d6 } .quiet { fill: #b9b8b2 } .aimed { fill: #c2510a }
@media (prefers-color-scheme: dark) {
text { fill: #c3c2b7 } .title, .value { fill: #fff }
.ground { fill: #1a1a19 } .grid { stroke: #343431 } .one { stroke: #8a8983 }
.bar, .dot { fill: #3987e5 } .aim { stroke: #f08a3c } .most { stroke: #3987e5 }
.other { stroke: #5f5e59 } .quiet { fill: #5f5e59 } .aimed { fill: #f08a3c }
}"""
Row = tuple[str, float, float | None, str]  # a name, a ratio, its aim, and the ratio as text


def bars(title: str, rows: Sequence[Row]) -> str:
    """Return bars of ratios on a logarithmic scale; they start at the baseline, which is 1."""
    values = [
        value for _, ratio, aim, _ in rows for value in (ratio, aim or ratio, 1.0) if value > 0
    ]
    low, high = math.floor(math.log2(min(values))), math.ceil(math.log2(max(values)))
    low, high = min(low, -1), max(high, 1)
    height = TOP + ROW * len(rows) + BOTTOM

    def x(ratio: float) -> float:
        at = min(max(math.log2(ratio), low), high) if ratio > 0 else low
        return MARGIN_LEFT + (at - low) / (high - low) * (WIDTH - MARGIN_LEFT - MARGIN_RIGHT)

    parts = []
    step = math.ceil((high - low) / 6)
    for power in (power for power in range(low, high + 1) if power % step == 0):
        at, kind = x(2.0**power), "one" if power == 0 else "grid"
        parts.append(_line(kind, at, TOP - 8, at, height - BOTTOM + 4))
        parts.append(_text(at, height - 12, f"{2.0**power:g}", anchor="middle"))
    for number, (name, ratio, aim, text) in enumerate(rows):
        y = TOP + ROW * number
        begin, end = sorted((x(1.0), x(ratio)))
        parts.append(_text(MARGIN_LEFT - 10, y + 12, _short(name), anchor="end"))
        parts.append(
            f'<rect class="bar" x="{begin:.1f}" y="{y}" width="{max(end - begin, 2):.1f}" '
            f'height="{BAR}" rx="2"><title>{escape(f"{name}: {text}")}</title></rect>'
        )
        if aim is not None:
            parts.append(_line("aim", x(aim), y - 3, x(aim), y + BAR + 3))
        parts.append(_text(WIDTH - MARGIN_RIGHT + 12, y + 12, text, kind="value"))
    return _drawing(
        title, "ratio to the baseline, which is at 1", height, parts, has_aim=_has_aim(rows)
    )


def lines(
    title: str, unit: str, series: Mapping[str, Sequence[tuple[float, float]]], aim: float | None
) -> str:
    """Return lines of ratios over sizes; the one that ends highest stands out."""
    points = [point for line in series.values() for point in line]
    sizes = sorted({size for size, _ in points})
    top = 1.15 * max([ratio for _, ratio in points] + [aim or 0.0, 1.0])
    height, right = TOP + GRAPH_HEIGHT + BOTTOM, WIDTH - GRAPH_RIGHT

    def x(size: float) -> float:
        spread = math.log(sizes[-1] / sizes[0]) or 1.0
        return GRAPH_LEFT + math.log(size / sizes[0]) / spread * (right - GRAPH_LEFT)

    def y(ratio: float) -> float:
        return TOP + GRAPH_HEIGHT * (1 - ratio / top)

    parts = []
    for tick in range(math.floor(top) + 1):
        parts.append(_line("one" if tick == 1 else "grid", GRAPH_LEFT, y(tick), right, y(tick)))
        parts.append(_text(GRAPH_LEFT - 10, y(tick) + 4, str(tick), anchor="end"))
    parts += [_text(x(size), height - 12, f"{size:,.0f}", anchor="middle") for size in sizes]
    if aim is not None:
        parts.append(_line("aim", GRAPH_LEFT, y(aim), right, y(aim)))
    highest = max(series, key=lambda name: max(series[name])[1])
    for name in [*(name for name in series if name != highest), highest]:
        kind, dot = ("most", "dot") if name == highest else ("other", "quiet")
        path = " ".join(f"{x(size):.1f},{y(ratio):.1f}" for size, ratio in sorted(series[name]))
        parts.append(f'<polyline class="{kind}" points="{path}" fill="none" stroke-width="2"/>')
        parts += [
            f'<circle class="{dot}" cx="{x(size):.1f}" cy="{y(ratio):.1f}" r="4"><title>'
            f"{escape(f'{name}, {size:,.0f}: {ratio:.2f}')}</title></circle>"
            for size, ratio in series[name]
        ]
    end = max(series[highest])[1]
    parts.append(_text(right + 12, y(end) + 4, f"{_short(highest, 20)}: {end:.2f}", kind="value"))
    if len(series) > 1:
        parts.append(_text(right + 12, y(end) + 20, f"{len(series) - 1} more in grey"))
    return _drawing(title, unit, height, parts, has_aim=aim is not None)


def _has_aim(rows: Sequence[Row]) -> bool:
    return any(aim is not None for _, _, aim, _ in rows)


def _drawing(title: str, subtitle: str, height: int, parts: Sequence[str], *, has_aim: bool) -> str:
    shape = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    label = f'aria-label="{escape(title)}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {shape} role="img" {label}>',
            f"<style>{STYLE}</style>",
            f'<rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>',
            _text(16, 22, title, kind="title"),
            _text(WIDTH - 16, 22, subtitle, anchor="end"),
            *([_text(WIDTH - 16, 38, "aim", anchor="end", kind="aimed")] if has_aim else []),
            *parts,
            "</svg>\n",
        ]
    )


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", kind: str = "") -> str:
    css_class = f' class="{kind}"' if kind else ""
    return f'<text{css_class} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _short(name: str, letters: int = NAME_LETTERS) -> str:
    return name if len(name) <= letters else name[: letters - 1] + "…"
