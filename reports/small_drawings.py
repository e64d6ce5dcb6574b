"""Small drawings of a column as SVG inside the page: no script, readable without colour, described in words.

The reference is filled, the batch is an outline (on a number line) or a dark bar (categories), so that the two differ
in more than their colour. Shares come from `monitors.picture`.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from markupsafe import Markup

from monitors.picture import Picture
from reports.inspection_words import share, shortened
from reports.tables import number

WIDTH, HEIGHT, BASE = 280, 92, 74
LABEL, ROW = 104, 19
LONGEST_LABEL = 15


def drawing(name: str, picture: Picture) -> Markup:
    """One `<svg>`; empty where nothing can be drawn."""
    if not picture.reference:
        return Markup()
    parts = list(_number_line(picture) if picture.ordered else _categories(picture))
    height = HEIGHT if picture.ordered else ROW * _rows(picture) + 4
    label = escape(f"{shortened(name)}: {_described(picture)}", quote=True)
    return Markup(
        f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-label="{label}">'
        f"{''.join(parts)}</svg>"
    )


def _described(picture: Picture) -> str:
    missing = f"missing {share(picture.missing[0])} in the reference, {share(picture.missing[1])} in the batch"
    if picture.ordered:
        return f"histogram from {number(picture.low)} to {number(picture.high)}; {missing}"
    told = zip(picture.labels, picture.reference, picture.batch, strict=True)
    shares = "; ".join(f"{shortened(label, 30)} {share(old)}, now {share(new)}" for label, old, new in told)
    return f"{shares}; {missing}"


def _number_line(picture: Picture) -> Iterator[str]:
    has_missing = max(picture.missing) >= 0.0005
    right = WIDTH - 72 if has_missing else WIDTH - 4
    top = max(*picture.reference, *picture.batch) or 1.0
    step = (right - 4) / len(picture.reference)

    def height(value: float) -> float:
        return round(BASE - value / top * (BASE - 6), 1)

    for index, value in enumerate(picture.reference):
        left, y = 4 + index * step, height(value)
        yield f'<rect class="ref" x="{left:.1f}" y="{y}" width="{step - 0.6:.1f}" height="{BASE - y:.1f}"/>'
    corners = [f"M4 {BASE}"]
    for index, value in enumerate(picture.batch):
        corners.append(f"V{height(value)}H{4 + (index + 1) * step:.1f}")
    yield f'<path class="now" d="{"".join(corners)}V{BASE}"/>'
    yield f'<path class="axis" d="M4 {BASE + 0.5}H{right}"/>'
    yield f'<text x="4" y="{BASE + 14}">{number(picture.low)}</text>'
    yield f'<text x="{right}" y="{BASE + 14}" text-anchor="end">{number(picture.high)}</text>'
    if has_missing:
        yield from _missing(picture.missing)


def _missing(shares: tuple[float, float]) -> Iterator[str]:
    """Two bars of their own, from 0 to all rows: they are on another scale than the histogram."""
    left = WIDTH - 46
    for index, (kind, value) in enumerate(zip(("ref", "new"), shares, strict=True)):
        tall = value * (BASE - 18)
        x = left + index * 22
        yield f'<rect class="{kind}" x="{x}" y="{BASE - tall:.1f}" width="16" height="{tall:.1f}"/>'
        yield f'<text x="{x + 8}" y="{BASE - tall - 3:.1f}" text-anchor="middle">{100 * value:.0f}</text>'
    yield f'<path class="axis" d="M{left - 4} {BASE + 0.5}H{WIDTH - 2}"/>'
    yield f'<text x="{WIDTH - 3}" y="{BASE + 14}" text-anchor="end">missing %</text>'


def _rows(picture: Picture) -> int:
    return len(picture.labels) + (max(picture.missing) >= 0.0005)


def _categories(picture: Picture) -> Iterator[str]:
    rows = list(zip(picture.labels, picture.reference, picture.batch, strict=True))
    if max(picture.missing) >= 0.0005:
        rows.append(("missing", *picture.missing))
    top = max(max(old, new) for _, old, new in rows) or 1.0
    room = WIDTH - LABEL - 46
    for index, (label, old, new) in enumerate(rows):
        y = 2 + index * ROW
        text = escape(shortened(label, LONGEST_LABEL))
        yield f'<text x="{LABEL - 6}" y="{y + 12}" text-anchor="end">{text}</text>'
        yield f'<rect class="ref" x="{LABEL}" y="{y + 1}" width="{max(old / top * room, 0.5):.1f}" height="7"/>'
        yield f'<rect class="new" x="{LABEL}" y="{y + 8}" width="{max(new / top * room, 0.5):.1f}" height="7"/>'
        yield f'<text x="{LABEL + max(old, new) / top * room + 5:.1f}" y="{y + 12}">{share(new)}</text>'
