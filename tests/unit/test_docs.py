"""The pages name what there is: links, commands, steps, errors, settings; and the generated ones are current."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel

from loader.basics import errors
from loader.cli.main import app
from loader.config import settings
from loader.publish.steps import STEPS
from loader.state.layout import Layout
from partitioner.values import AttemptId

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_COMMAND = re.compile(r"(?:^|[`$(] ?)hotswap ([a-z]+)([^`\n#|]*)", re.MULTILINE)
_TARGET = re.compile(r"(?:^|`)make ([a-z-]+)", re.MULTILINE)
_PATH = re.compile(
    r"(?:loader|partitioner|metastore|devservers|tests|docs|conf|deploy|bench)/[\w./-]*\.(?:py|md|yaml|yml)"
)
_ERROR = re.compile(r"`([A-Z][A-Za-z]+)`")
_STEP_ROW = re.compile(r"^\| `([a-z_]+)` \|", re.MULTILINE)


@pytest.fixture(params=PAGES, ids=NAMES)
def page(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def section(page: str, title: str) -> str:
    """The text below one heading."""
    return (ROOT / page).read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def anchors(page: Path) -> set[str]:
    """The page's headings, as a link names them."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def settings_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name in model.model_fields:
        yield f"{prefix}{name}"


def known_settings() -> set[str]:
    parts = ((settings.Settings, ""), (settings.TableSettings, ""))
    named = (
        (settings.MetastoreSettings, "metastore."),
        (settings.HBaseSettings, "hbase."),
        (settings.Metrics, "metrics."),
        (settings.Alarms, "alarms."),
    )
    return {name for model, prefix in (*parts, *named) for name in settings_of(model, prefix)}


def known_errors() -> dict[str, type[errors.HotswapError]]:
    return {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.HotswapError)
    }


def test_links_between_pages_resolve(page: Path) -> None:
    broken = []
    for link in _LINK.findall(_FENCED.sub("", page.read_text())):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if "://" not in link and not (target.exists() and (not anchor or anchor in anchors(target))):
            broken.append(link)
    assert broken == []


def test_commands_exist_with_their_options(page: Path) -> None:
    group = typer.main.get_group(app)
    unknown = []
    for verb, rest in _COMMAND.findall(page.read_text()):
        command = group.commands.get(verb)
        verbs = [command, *getattr(command, "commands", {}).values()] if command else []
        options = {option for known in verbs for parameter in known.params for option in parameter.opts}
        if command is None or not set(re.findall(r"(?<!\S)--[a-z-]+", rest)) <= options | {"--help"}:
            unknown.append(f"hotswap {verb}{rest}")
    assert unknown == []


def test_targets_exist_in_the_makefile(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(_TARGET.findall(page.read_text())) <= targets


def test_files_that_are_named_exist(page: Path) -> None:
    assert [path for path in _PATH.findall(page.read_text()) if not (ROOT / path).exists()] == []


def test_the_steps_are_told_in_their_order() -> None:
    told = _STEP_ROW.findall(section("docs/how-it-commits.md", "The steps of a batch"))
    assert told == [step.__name__ for step in STEPS]


def test_every_error_is_listed_under_its_exit_code() -> None:
    listed = {}
    for line in section("docs/operate.md", "Exit codes").splitlines():
        code, _, names = line.removeprefix("| ").partition(" |")
        listed.update({name: int(code) for name in _ERROR.findall(names)})
    assert listed == {name: kind.exit_code for name, kind in known_errors().items()}


def test_settings_with_advice_exist() -> None:
    rows = re.findall(r"^\| (`.+?) \|", section("docs/operate.md", "Settings, with advice"), re.MULTILINE)
    named = {name for row in rows for name in _CODE.findall(row)}
    assert named
    assert named <= known_settings()


def test_the_folders_of_the_state_are_those_that_are_drawn() -> None:
    layout, attempt = Layout("/t", "/t/_hotswap/state"), AttemptId("a")
    objects = (layout.intent(1), layout.epoch(1), layout.changes(attempt), layout.quarantine(attempt))
    objects = (
        *objects,
        layout.index_segment("a"),
        f"{layout.positions}/1",
        f"{layout.definitions}/1",
        f"{layout.condemned}/1",
        f"{layout.asked}/1",
        layout.keys("a"),
        f"{layout.reconciles}/1",
        f"{layout.evolutions}/1",
        layout.checkpoint(1),
        layout.folded_to(1),
    )
    drawn = re.findall(r"^  (\w+)/", section("docs/how-it-commits.md", "What lies where"), re.MULTILINE)
    assert set(drawn) == {path.split("/")[-2] for path in objects}


def test_no_figure_stands_without_its_command() -> None:
    figures = section("README.md", "Figures")
    assert "bench/" in figures or not re.search(r"\d", figures)


def test_generated_pages_are_current() -> None:
    command = [sys.executable, "docs/generate.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
