"""The page in a real browser: no script error, nothing fetched, nothing cut off, no serious fault for axe-core."""

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from deepwright.page.page import fragment, page
from tests.page.browser import Browser, chromium
from tests.page.samples import classification, everything, regression

_AXE = "4.14.1"
_DESKTOP, _PHONE = 1280, 360


def _missing(what: str) -> None:
    """A missing tool is a reason to skip at home, and a failure where the tools are promised."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI=true promises it.")
    pytest.skip(f"{what} is missing.")


@pytest.fixture(scope="module")
def browser():
    path = chromium()
    if path is None:
        _missing("chromium (apt-get install chromium)")
    with Browser(path) as one:
        yield one


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core, fetched once with npm into the cache folder."""
    cache = Path(os.environ.get("DEEPWRIGHT_CACHE") or Path.home() / ".cache" / "deepwright")
    packed = cache / f"axe-core-{_AXE}.tgz"
    if not packed.exists():
        npm = shutil.which("npm")
        if npm is None:
            _missing("npm, which fetches axe-core,")
        cache.mkdir(parents=True, exist_ok=True)
        command = [npm, "pack", f"axe-core@{_AXE}", "--silent"]
        done = subprocess.run(command, cwd=cache, capture_output=True, timeout=120, check=False)
        if done.returncode or not packed.exists():
            _missing("axe-core, which npm could not fetch,")
    with tarfile.open(packed) as archive:
        return archive.extractfile("package/axe.min.js").read().decode("utf-8")


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Path:
    about = {"Data": "cars.csv (4,000 rows)", "Target": "price", "Model": "mlp", "Made": "2025-11-03 14:20"}
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page("All blocks", [regression(), classification(), everything()], about), encoding="utf-8")
    return path


LOOKS = pytest.mark.parametrize(
    ("width", "dark"), [(_DESKTOP, False), (_DESKTOP, True), (_PHONE, False), (_PHONE, True)]
)


@LOOKS
def test_the_page_loads_without_a_fault(browser, sample, width, dark):
    browser.open(sample, width, dark=dark)
    browser.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert browser.run("innerWidth") == width
    assert browser.run("[...document.images].filter(one => !one.complete || !one.naturalWidth).length") == 0
    assert browser.run("document.images.length") > 6
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.complaints() == []
    assert browser.fetched() == []


@LOOKS
def test_axe_finds_no_serious_fault(browser, sample, axe, width, dark):
    browser.open(sample, width, dark=dark)
    browser.run("document.querySelectorAll('details').forEach((one, place) => one.open = place === 3)")
    browser.run(axe + ";0")
    found = json.loads(
        browser.run(
            "axe.run(document, {resultTypes: ['violations']}).then(found => JSON.stringify(found.violations.map("
            "one => [one.impact, one.id, one.nodes.slice(0, 3).map("
            "node => node.html.slice(0, 200) + node.failureSummary)])))"
        )
    )
    assert [fault for fault in found if fault[0] in ("serious", "critical")] == []


@LOOKS
def test_no_label_leaves_its_drawing(browser, sample, width, dark):
    browser.open(sample, width, dark=dark)
    outside = browser.run("""
        [...document.querySelectorAll('.dw svg text')].filter(text => {
            const box = text.getBoundingClientRect(), frame = text.ownerSVGElement.getBoundingClientRect();
            return box.left < frame.left - 1.5 || box.right > frame.right + 1.5 || box.bottom > frame.bottom + 1.5;
        }).map(text => text.closest('figure').textContent.slice(0, 30) + ': ' + text.textContent)
    """)
    assert outside == []


def test_the_colours_follow_the_system_and_the_button(browser, sample):
    ground = "getComputedStyle(document.body).backgroundColor"
    browser.open(sample, _DESKTOP)
    light = browser.run(ground)
    browser.run("localStorage.clear()")
    browser.open(sample, _DESKTOP, dark=True)
    dark = browser.run(ground)
    assert light != dark
    assert browser.run("document.getElementById('theme').textContent") == "Light colours"
    browser.run("document.getElementById('theme').click()")
    assert browser.run(ground) == light
    assert browser.run("document.getElementById('theme').textContent") == "Dark colours"
    browser.open(sample, _DESKTOP, dark=True)
    assert browser.run(ground) == light  # remembered
    browser.run("localStorage.clear()")


def test_the_button_works_where_nothing_can_be_stored(browser, sample, tmp_path):
    """A frame without an origin of its own must not touch storage: that throws."""
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<!doctype html><iframe sandbox="allow-scripts" src="{sample.as_uri()}"></iframe>', encoding="utf-8"
    )
    browser.open(frame, _DESKTOP)
    assert [line for line in browser.complaints() if "theme" in line or "storage" in line.lower()] == []


def test_the_contents_stay_in_view(browser, sample):
    browser.open(sample, _PHONE)
    browser.run("document.documentElement.style.scrollBehavior = 'auto'; scrollTo(0, 3000)")
    assert browser.run("document.querySelector('nav').getBoundingClientRect().top") == 0
    browser.open(sample, _DESKTOP)
    browser.run("document.documentElement.style.scrollBehavior = 'auto'; scrollTo(0, 3000)")
    assert 0 <= browser.run("document.querySelector('nav').getBoundingClientRect().top") <= 40


def test_the_policy_stops_requests_and_other_scripts(browser, sample, tmp_path):
    """The page with a foreign picture and script put in: the browser refuses both."""
    planted = '<img src="https://example.org/a.png"/><script>document.title = "taken"</script></main>'
    broken = tmp_path / "planted.html"
    broken.write_text(sample.read_text(encoding="utf-8").replace("</main>", planted), encoding="utf-8")
    browser.open(broken, _DESKTOP)
    assert browser.run("document.title") == "All blocks"
    assert len([line for line in browser.complaints() if "Content Security Policy" in line]) >= 2


def test_a_fragment_follows_the_notebook(browser, tmp_path):
    for theme, shade in (("true", "rgb(245, 246, 248)"), ("false", "rgb(16, 19, 23)")):
        path = tmp_path / f"notebook-{theme}.html"
        start = f'<!doctype html><meta charset="utf-8"><body data-jp-theme-light="{theme}"><p id="p">x</p>'
        path.write_text(start + fragment(everything()), encoding="utf-8")
        browser.open(path, 900)
        assert browser.run("getComputedStyle(document.querySelector('.dw')).backgroundColor") == shade
        assert browser.run("getComputedStyle(document.getElementById('p')).fontFamily") == '"Times New Roman"'
        assert browser.complaints() == []


_NOTEBOOK = """
    .out dl dt{float:left;width:20%;font-weight:bold} .out dl dd{float:left;width:80%} .out table{table-layout:fixed}
    .out tbody tr:nth-child(odd){background:red} .out td,.out th,.out tr{text-align:right;padding:9px;max-width:none}
"""


def test_a_fragment_looks_the_same_whatever_the_notebook_sets(browser, tmp_path):
    looks = []
    for place, styles in enumerate(("", f"<style>{_NOTEBOOK}</style>")):
        path = tmp_path / f"{place}.html"
        path.write_text(f'<!doctype html>{styles}<div class="out">{fragment(everything())}</div>', encoding="utf-8")
        browser.open(path, 900)
        looks.append(
            browser.run("""
            [...document.querySelectorAll('.dw dt, .dw dd, .dw table, .dw tr, .dw th, .dw td')].map(one => {
                const style = getComputedStyle(one), box = one.getBoundingClientRect()
                return [one.tagName, box.width, box.height, style.textAlign, style.backgroundColor, style.fontWeight].join()
            })
        """)
        )
    assert looks[1] == looks[0]


def test_nothing_of_a_usual_width_is_cut_off_on_paper(browser, sample):
    browser.open(sample, 640)
    browser.print_media()
    outside = browser.run("""
        [...document.querySelectorAll('.dw table, .dw svg')].filter(one => one.getBoundingClientRect().right > 640)
            .filter(one => !one.rows || one.rows[0].cells.length < 13).map(one => one.closest('.card').textContent)
    """)
    assert outside == []
