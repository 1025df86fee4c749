"""The page in headless Chromium: nothing to complain about, nothing wider than a phone. Skipped where there is none."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lstmrec.jobs import report
from tests import made

CHROMIUM = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")]
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0", "--dump-dom"]

#: Measures the page in a frame of a phone's width (a headless window has a least width of its own), all of it open;
#: what scrolls in a box of its own may be as wide as it likes. Then it says what stands out, and what is empty.
MEASURE = """
addEventListener('load', () => {
  for (const d of document.querySelectorAll('details')) d.open = true;
  const inBox = e => { for (let p = e.parentElement; p; p = p.parentElement)
    if (/auto|scroll/.test(getComputedStyle(p).overflowX)) return true; return false; };
  const wide = [...document.body.querySelectorAll('*')].filter(e => !inBox(e) && !e.closest('svg > *')
    && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + '.' + e.className);
  const empty = [...document.querySelectorAll('figure')].filter(f => !f.querySelector('svg')
    || f.querySelector('svg').getBoundingClientRect().height < 20).map(f => f.id);
  const cut = [...document.querySelectorAll('svg text')].filter(t => { const b = t.getBoundingClientRect(),
    s = t.ownerSVGElement.getBoundingClientRect(); return b.width && (b.left < s.left - 2 || b.right > s.right + 2); })
    .map(t => t.textContent);
  parent.postMessage({wide, empty, cut, width: innerWidth, figures: document.querySelectorAll('figure').length,
    scrolls: document.documentElement.scrollWidth}, '*');
});
"""
FRAME = """<!doctype html><pre id=out></pre><script>
addEventListener('message', e => { document.getElementById('out').textContent = JSON.stringify(e.data); });
</script><iframe src="page.html" style="width:%dpx;height:800px;border:0"></iframe>"""


def chromium(page: Path) -> tuple[str, list[str]]:
    """(the page's DOM once it has run, what its console says)."""
    assert CHROMIUM is not None
    done = subprocess.run([CHROMIUM, *FLAGS, "--virtual-time-budget=8000", f"--user-data-dir={page.parent}/profile",
                           page.as_uri()], capture_output=True, text=True, timeout=300, check=True)  # fmt: skip
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("root")
    report.run(None, made.pictured(path))
    return Path(path) / "report.html"


def test_the_browser_has_nothing_to_say(page: Path) -> None:
    dom, said = chromium(page)
    assert said == [] and dom.count("<figure") > 15
    assert "<img" not in dom and "onerror=1&gt;" in dom


def test_the_console_is_heard(tmp_path: Path) -> None:
    (tmp_path / "x.html").write_text("<script>console.error('heard')</script>")
    assert "heard" in chromium(tmp_path / "x.html")[1][0]


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window_empty_or_cut(page: Path, tmp_path: Path, width: int) -> None:
    html = re.sub(r"<meta http-equiv[^>]*>", f"<script>{MEASURE}</script>", page.read_text(), count=1)
    (tmp_path / "page.html").write_text(html)
    (tmp_path / "frame.html").write_text(FRAME % width)
    dom, _ = chromium(tmp_path / "frame.html")
    told = json.loads(re.search(r'<pre id="out">(\{.*?\})</pre>', dom)[1].replace("&lt;", "<").replace("&gt;", ">"))
    assert told["width"] == width and told["figures"] > 15
    assert (told["wide"], told["empty"], told["cut"]) == ([], [], [])
    assert told["scrolls"] <= width
