"""Location and state folder are one table's; nothing that is another's is loaded over, taken over or deleted."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from loader.basics.errors import ForeignClaim
from loader.ops.clean.clean import clean, preview_clean
from loader.publish.settling import delete_temporary
from loader.state.claim import Claim, check_claim, check_unclaimed, make_claim
from loader.state.deleting import NotOurs, delete_adopted, delete_object, delete_tree, is_ours
from loader.state.layout import Layout
from loader.state.open_table import Environment
from loader.state.records import State
from loader.storage.local import LocalFiles
from metastore.memory import InMemoryMetastore
from partitioner.history.manifest import Kind
from partitioner.history.retention import Keep, RetentionRules
from partitioner.values import AttemptId
from tests.unit.publish.test_clean import Aging
from tests.world import Source, create_table, open_world, run_batch, visible

FILES = LocalFiles(fsync=lambda handle: None)
OURS, THEIRS = Claim("ads.clicks", 5, "m"), Claim("ads.views", 7, "m")
RULES = RetentionRules(grace_ms=1, history=(Keep(0, 1),))


def layout(folder: Path, state: Path | None = None) -> Layout:
    return Layout.of(f"file://{folder}", f"file://{state}" if state else None)


def loaded(folder: Path, state: Path | None = None) -> Layout:
    """A table of before, after two batches: nothing but its location is claimed."""
    metastore, source = InMemoryMetastore(), Source()
    create_table(metastore, folder)
    env = open_world(metastore, folder, "run")
    for number in range(2):
        source.put("a", "mon", number)
        run_batch(env, source)
    if state:
        shutil.move(folder / "_hotswap/state", state)
    return layout(folder, state)


def claimed(place: Layout) -> None:
    """As it was claimed before: the location alone."""
    FILES.create(place.claim, json.dumps(asdict(OURS)).encode())


# ---- the claim


def test_a_claim_covers_location_and_state(tmp_path: Path) -> None:
    make_claim(FILES, layout(tmp_path / "a", tmp_path / "s"), OURS)
    with pytest.raises(ForeignClaim, match=r"state folder file://.*/s belongs to ads.clicks .*not to ads.views"):
        make_claim(FILES, layout(tmp_path / "b", tmp_path / "s"), THEIRS)
    assert not (tmp_path / "b").exists()


def test_a_table_is_not_created_over_anothers_state(tmp_path: Path) -> None:
    make_claim(FILES, layout(tmp_path / "a", tmp_path / "s"), OURS)
    with pytest.raises(ForeignClaim, match=r"belongs to ads.clicks"):
        check_unclaimed(FILES, layout(tmp_path / "b", tmp_path / "s"), "ads.views")


@pytest.mark.parametrize("inner", ["sub", "_hotswap/state", "x/y/z"])
def test_neither_location_nor_state_may_lie_inside_of_anothers_location(tmp_path: Path, inner: str) -> None:
    make_claim(FILES, layout(tmp_path / "a"), OURS)
    with pytest.raises(ForeignClaim):
        make_claim(FILES, layout(tmp_path / "a" / inner), THEIRS)
    with pytest.raises(ForeignClaim):
        make_claim(FILES, layout(tmp_path / "b", tmp_path / "a" / inner), THEIRS)


def test_a_link_to_anothers_state_is_that_state(tmp_path: Path) -> None:
    make_claim(FILES, layout(tmp_path / "a"), OURS)
    (tmp_path / "link").symlink_to(tmp_path / "a/_hotswap/state")
    with pytest.raises(ForeignClaim):
        make_claim(FILES, layout(tmp_path / "b", tmp_path / "link"), THEIRS)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_table_of_before_gets_its_states_claim_on_its_first_run(tmp_path: Path, elsewhere: bool) -> None:
    mine = loaded(tmp_path / "a", tmp_path / "s" if elsewhere else None)
    claimed(mine)
    check_claim(FILES, mine, OURS)
    assert json.loads(FILES.read(mine.state_claim))["table"] == "ads.clicks"


def test_a_state_of_before_that_names_another_tables_directories_is_refused(tmp_path: Path) -> None:
    theirs = loaded(tmp_path / "a", tmp_path / "s")
    claimed(theirs)
    with pytest.raises(ForeignClaim, match=r"which belongs to ads.clicks, not to ads.views"):
        make_claim(FILES, layout(tmp_path / "b", tmp_path / "s"), THEIRS)
    assert not FILES.exists(theirs.state_claim)


def test_a_state_of_before_that_names_nothing_of_this_table_is_refused(tmp_path: Path) -> None:
    loaded(tmp_path / "a", tmp_path / "s")
    shutil.rmtree(tmp_path / "a")
    with pytest.raises(ForeignClaim, match=r"names file://.*/a, and nothing of ads.views"):
        make_claim(FILES, layout(tmp_path / "b", tmp_path / "s"), THEIRS)


def test_a_table_that_was_moved_with_its_state_keeps_it(tmp_path: Path) -> None:
    claimed(loaded(tmp_path / "a"))
    (tmp_path / "a").rename(tmp_path / "b")
    check_claim(FILES, layout(tmp_path / "b"), OURS)


# ---- deletion


def test_what_is_not_below_the_tables_own_folder_is_not_deleted(tmp_path: Path) -> None:
    mine = layout(tmp_path / "a", tmp_path / "s")
    for place in ("a/_hotswap/versions/p=1/x", "a/p=1", "b/_hotswap/versions/p=1/x", "s/log", "other"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "a/_hotswap/versions/link").symlink_to(tmp_path / "b/_hotswap/versions/p=1")
    root = f"file://{tmp_path}"
    foreign = [
        f"{root}/a/p=1",
        f"{root}/b/_hotswap/versions/p=1/x",
        f"{root}/a/_hotswap/../../b/_hotswap/versions/p=1/x",
        f"{root}/a/_hotswap/versions/link/x",
        f"{root}/a/_hotswap",
        f"{root}/a/_hotswap/versions/..",
        f"{root}/s",
        f"{root}/s/../other",
    ]
    for place in foreign:
        with pytest.raises(NotOurs):
            delete_tree(FILES, mine, place)
        with pytest.raises(NotOurs):
            delete_object(FILES, mine, place)
    assert all((tmp_path / place).is_dir() for place in ("b/_hotswap/versions/p=1/x", "a/p=1", "s/log", "other"))
    assert is_ours(mine, f"{root}//a/./_hotswap/versions/p=1/x")
    delete_tree(FILES, mine, f"{tmp_path}/a/_hotswap/versions/p=1/x")
    assert not (tmp_path / "a/_hotswap/versions/p=1/x").exists()


def test_a_table_below_a_linked_folder_is_still_its_own(tmp_path: Path) -> None:
    (tmp_path / "disk/a/_hotswap/versions/p=1/x").mkdir(parents=True)
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    delete_tree(FILES, layout(tmp_path / "data/a"), f"file://{tmp_path}/disk/a/_hotswap/versions/p=1/x")


def test_an_adopted_folder_that_became_a_link_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/f").write_text("x")
    (tmp_path / "p=1").symlink_to(tmp_path / "precious")
    with pytest.raises(NotOurs):
        delete_adopted(FILES, f"file://{tmp_path}/p=1", ["f"])
    for name in ("../precious/f", "precious/f", "..", ""):
        with pytest.raises(ValueError, match="plain name"):
            delete_adopted(FILES, f"file://{tmp_path}", [name])
    assert (tmp_path / "precious/f").exists()


def test_an_attempts_temporary_folder_is_not_followed_out(tmp_path: Path) -> None:
    env = open_world(InMemoryMetastore(), tmp_path / "a", "run")
    (tmp_path / "precious/b1").mkdir(parents=True)
    (tmp_path / "a/_hotswap").mkdir(parents=True)
    (tmp_path / "a/_hotswap/temporary").symlink_to(tmp_path / "precious")
    delete_temporary(env, AttemptId("b1"))
    assert (tmp_path / "precious/b1").is_dir()


# ---- clean, and a log that names what is another's


@pytest.fixture
def table(tmp_path: Path) -> Aging:
    table = Aging(tmp_path / "clicks")
    for number in range(3):
        table.batch(number)
    return table


def named(env: Environment, batch: int, location: str, kind: Kind | None = None) -> None:
    """Batch `batch` moved its first partition to `location`, says its manifest."""
    path = Path(env.layout.manifest(batch).removeprefix("file://"))
    plain = json.loads(path.read_text())
    plain["moves"][0]["new"]["location"] = location
    if kind is not None:
        plain["kind"] = kind
        plain["moves"][0]["old"] = location if kind is Kind.ADOPT else plain["moves"][0]["old"]
        intent = Path(env.layout.intent(batch).removeprefix("file://"))
        intent.write_text(json.dumps(json.loads(intent.read_text()) | {"kind": kind}))
    path.write_text(json.dumps(plain))


@pytest.mark.parametrize("kind", [Kind.BATCH, Kind.ADOPT])
@pytest.mark.parametrize(
    "place",
    [
        "other/_hotswap/versions/day=mon/x",
        "other/day=mon",
        "clicks/../other/_hotswap/versions/day=mon/x",
        "clicks/_hotswap/versions/../../../other/day=mon",
        "clicks/_hotswap/versions/link/x",
        "clicks/_hotswap/state",
        "clicks/_hotswap/versions",
        "clicks/_hotswap/versions/day=mon",
        "clicks/_hotswap/versions/../state/log",
        "clicks",
    ],
)
def test_a_manifest_that_names_anothers_directory_deletes_nothing_there(
    table: Aging, tmp_path: Path, place: str, kind: Kind
) -> None:
    other = tmp_path / "other"
    for folder in (other / "_hotswap/versions/day=mon/x", other / "day=mon"):
        folder.mkdir(parents=True)
    make_claim(FILES, layout(other), THEIRS)
    (tmp_path / "clicks/_hotswap/versions/link").symlink_to(other / "_hotswap/versions/day=mon")
    manifest = json.loads(Path(table.env.layout.manifest(1).removeprefix("file://")).read_text())
    for file in manifest["moves"][0]["new"]["files"]:
        for folder in (other / "_hotswap/versions/day=mon/x", other / "day=mon", tmp_path / "clicks/_hotswap/state"):
            (folder / file["name"]).write_text("precious")
    before = {path for path in tmp_path.rglob("*") if "other" in path.parts or path.parent.name == "state"}
    named(table.env, 1, f"file://{tmp_path}/{place}", kind)
    env = replace(table.env, state=State(table.env.files, table.env.layout), clock=lambda: 10**12)
    shown = preview_clean(env, RULES)
    assert all("_hotswap/versions/day=" in item.location and ".." not in item.location for item in shown.directories)
    done = clean(env, RULES)
    assert before <= set(tmp_path.rglob("*"))
    assert (tmp_path / "clicks/_hotswap/state/log").is_dir()
    assert visible(table.store)
    assert done.foreign == shown.foreign
    above_live = place in ("clicks", "clicks/_hotswap/versions", "clicks/_hotswap/versions/day=mon")
    assert above_live or done.foreign == (f"file://{tmp_path}/{place}",)
