"""What do the results look like as a picture?

Each bar is as long as what it reached is to what it must reach, so that one line marks the must of
all, and longer is better also for what must stay small.
"""

from collections.abc import Iterator, Sequence
from html import escape

from bench.bars import BARS
from bench.model import Bar, Result
from bench.report import bound, number

_LEFT, _WIDTH, _RIGHT = 145, 480, 260  # names, bars, words
_TOP, _STEP, _HEIGHT = 44, 24, 14
_MOST = 4.0  # times the must: what is longer ends there
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.small { fill: #59636e }
.met { fill: #2a9d5c } .missed { fill: #d1383d } .told { fill: #8b949e }
.must { stroke: #1f2328; stroke-width: 1.5 } .ambition { stroke: #8250df; stroke-width: 2.5 }
.ground { fill: #ffffff }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9198a1 } .ground { fill: #0d1117 }
  .must { stroke: #e6edf3 } .ambition { stroke: #b98bff }
}
"""


def svg(results: Sequence[Result]) -> str:
    """The chart of all bars that have a must."""
    judged = [each for each in results if each.must is not None]
    width, height = _LEFT + _WIDTH + _RIGHT, _TOP + _STEP * len(judged) + 10
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="Bars of speed">',
        f"<style>{_STYLE}</style>",
        f'<rect class="ground" width="{width}" height="{height}"/>',
        '<text class="small" x="10" y="18">Longer is better. Line from top to bottom: the must. '
        "Violet: the ambition. Numbers: what was reached, and the must.</text>",
    ]
    for place, result in enumerate(judged):
        lines += _row(result, BARS[result.bar], _TOP + place * _STEP)
    must = _x(1.0)
    lines.append(f'<line class="must" x1="{must}" y1="{_TOP - 8}" x2="{must}" y2="{height - 6}"/>')
    return "\n".join([*lines, "</svg>", ""])


def _row(result: Result, bar: Bar, y: int) -> Iterator[str]:
    reached = progress(bar, result.ratio)
    kind = "met" if result.met else "missed"
    middle = y + _HEIGHT - 3
    yield f'<text x="10" y="{middle}">{escape(result.bar)}</text>'
    yield (
        f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{_x(reached) - _LEFT}" '
        f'height="{_HEIGHT}"><title>{escape(result.what)}</title></rect>'
    )
    if bar.ambition is not None:
        x = _x(progress(bar, bar.ambition))
        yield f'<line class="ambition" x1="{x}" y1="{y - 3}" x2="{x}" y2="{y + _HEIGHT + 3}"/>'
    words = f"{number(result.ratio)}, must be {bound(bar.must, bar)}"
    yield f'<text class="small" x="{_LEFT + _WIDTH + 10}" y="{middle}">{escape(words)}</text>'


def progress(bar: Bar, value: float) -> float:
    """How far a figure is, where 1 is the must: above it, it holds."""
    assert bar.must is not None  # noqa: S101  others are not drawn
    above, below = (bar.must, value) if bar.is_ceiling else (value, bar.must)
    if not below:
        return _MOST if above else 1.0
    return min(above / below, _MOST)


def _x(reached: float) -> int:
    return round(_LEFT + _WIDTH * reached / _MOST)
