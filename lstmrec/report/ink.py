"""How the page's drawings are made: Altair and vl-convert, with CSS variables for colours, so that light and dark are
the page's own, and a text for those who do not see them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import vl_convert
from markupsafe import escape

#: Stand-in colour of the spec -> CSS variable of the page.
INK = {"#010101": "--ink", "#020202": "--muted", "#030303": "--line", "#040404": "--ours", "#050505": "--theirs"} | {
    f"#0{n}0607": f"--g{n}" for n in range(1, 9)
}
INK_, MUTED, LINE, OURS, THEIRS, *GROUPS = INK
#: What a file of its own is drawn with: the page's light colours.
_LIGHT = {"--ink": "#1c2430", "--muted": "#5f6b7a", "--line": "#e2e5ea", "--ours": "#0b6bcb", "--theirs": "#c2621b",
          "--g1": "#0b6bcb", "--g2": "#c2621b", "--g3": "#1a7f45", "--g4": "#8a3fb0", "--g5": "#a37a00",
          "--g6": "#0b7f86", "--g7": "#c23b6e", "--g8": "#7a4f2a"}  # fmt: skip
_FONT = "system-ui, sans-serif"
#: Size of a plot without its axes: with them it is a phone's width, and two stand side by side elsewhere.
WIDTH, HEIGHT = 300, 170


def chart(rows: Sequence[Mapping[str, Any]]) -> Any:
    """An Altair chart of rows."""
    return alt.Chart(alt.Data(values=list(rows)))  # type: ignore[no-untyped-call]  # altair's own classes are untyped


def names(field: str, order: Sequence[str]) -> Any:
    """A y axis of names, in this order."""
    # Room for the longest name in whatever font the reader has: it may be wider than the one measured with here.
    room = min(8 * max((len(name) for name in order), default=0) + 8, 200)
    return alt.Y(f"{field}:N", sort=list(order), title=None, axis=alt.Axis(minExtent=room, labelPadding=6))


def sides() -> Any:
    """Colour of ours and theirs, by the field `side`."""
    return alt.Color("side:N", scale=alt.Scale(domain=["ours", "theirs"], range=[OURS, THEIRS]), legend=None)


def colours(field: str, chosen: Mapping[str, str]) -> Any:
    """Colour by a field: value -> stand-in. Legends are the page's."""
    scale = alt.Scale(domain=list(chosen), range=list(chosen.values()))
    return alt.Color(f"{field}:N", scale=scale, legend=None)


def svg(made: Any) -> str:
    """Static SVG whose colours are variables and whose size is only its widest."""
    made = made.configure(background="transparent", font=_FONT, aria=False).configure_view(stroke=None)
    made = made.configure_axis(
        labelColor=INK_, titleColor=MUTED, gridColor=LINE, domainColor=LINE, tickColor=LINE, labelFontSize=13,
        titleFontSize=12, titleFontWeight="normal", labelLimit=150, labelFlush=False,
    )  # fmt: skip
    out = str(vl_convert.vegalite_to_svg(made.to_dict()))
    for stand_in, name in INK.items():
        out = out.replace(stand_in, f"var({name})")
    width = re.search(r'<svg[^>]*? width="([0-9.]+)" height="[0-9.]+"', out)
    if width:
        out = re.sub(r' width="[0-9.]+" height="[0-9.]+"', f' style="width:100%;max-width:{width[1]}px;height:auto"',
                     out, count=1)  # fmt: skip
    return out


def labelled(drawing: str, said: str) -> str:
    """The drawing as one image with this text in its place."""
    return drawing.replace("<svg", f'<svg role="img" aria-label="{escape(said)}"', 1)


def standalone(drawing: str) -> str:
    """A drawing for a file of its own: the page's light colours on white."""
    for name, colour in _LIGHT.items():
        drawing = drawing.replace(f"var({name})", colour)
    return drawing.replace(' style="', ' style="background:#fff;', 1)


def stacked(rows: Sequence[Mapping[str, Any]], at: str, value: str) -> list[dict[str, Any]]:
    """Rows with where each begins and ends (`low`, `high`) when those of the same `at` stand on one another."""
    tops: dict[Any, float] = {}
    out = []
    for row in rows:
        low = tops.get(row[at], 0)
        tops[row[at]] = low + row[value]
        out.append({**row, "low": low, "high": tops[row[at]]})
    return out
