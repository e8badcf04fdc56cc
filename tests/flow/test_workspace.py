"""The build folder: what reruns, what resumes, and that nothing half done looks finished."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lgncc.errors import InputError
from lgncc.flow.tools import Tool
from lgncc.flow.workspace import MANIFEST, Workspace, check_manifest

TOOL = Tool("copier", ("true",), "1.0", "test")


def upper(folder: Path) -> None:
    (folder / "out.txt").write_text((folder / "in.txt").read_text().upper())


def append(folder: Path) -> None:
    (folder / "final.txt").write_text((folder / "out.txt").read_text() + "!")


def build(out: Path, text: str = "abc", options: tuple[str, ...] = (), tool: Tool = TOOL):
    """Two steps, the second of which reads what the first one makes."""
    workspace = Workspace(out)
    workspace.begin()
    first = workspace.step("first", upper, files={"in.txt": text}, options=options, tool=tool)
    second = workspace.step("second", append, files={"out.txt": first.folder / "out.txt"})
    workspace.publish(second.folder / "final.txt", "final.txt")
    workspace.finish([tool])
    return first, second


def test_a_second_build_reruns_nothing_and_publishes_the_same(tmp_path):
    out = tmp_path / "out"
    assert [step.cached for step in build(out)] == [False, False]
    manifest = (out / MANIFEST).read_bytes()
    assert [step.cached for step in build(out)] == [True, True]
    assert (out / MANIFEST).read_bytes() == manifest
    assert (out / "final.txt").read_text() == "ABC!"


def test_a_changed_input_reruns_only_what_depends_on_it(tmp_path):
    build(tmp_path / "out", "abc")
    # "ABC" and "abc" give the same output, so the second step has nothing new to read.
    assert [step.cached for step in build(tmp_path / "out", "ABC")] == [False, True]
    assert [step.cached for step in build(tmp_path / "out", "xyz")] == [False, False]
    assert (tmp_path / "out" / "final.txt").read_text() == "XYZ!"


def test_a_changed_option_or_tool_version_reruns_the_step(tmp_path):
    out = tmp_path / "out"
    build(out)
    assert [s.cached for s in build(out, options=("--seed", "2"))] == [False, True]
    newer = Tool("copier", ("true",), "1.1", "test")
    assert [s.cached for s in build(out, options=("--seed", "2"), tool=newer)] == [False, True]


@pytest.mark.parametrize("damage", ["alter", "delete", "record"])
def test_a_tampered_output_is_made_again(tmp_path, damage):
    out = tmp_path / "out"
    folder = build(out)[0].folder
    if damage == "alter":
        (folder / "out.txt").write_text("ABD")
    elif damage == "delete":
        (folder / "out.txt").unlink()
    else:
        (folder / "done.json").write_text("{")
    first, second = build(out)
    assert (first.cached, second.cached) == (False, True)
    assert (out / "final.txt").read_text() == "ABC!"


def test_an_interrupted_step_leaves_nothing_that_looks_finished_and_resumes(tmp_path):
    out = tmp_path / "out"
    build(out, "abc")

    def interrupted(folder: Path) -> None:
        (folder / "out.txt").write_text("half")
        raise KeyboardInterrupt

    workspace = Workspace(out)
    workspace.begin()
    first = workspace.step("first", upper, files={"in.txt": "new"}, tool=TOOL)
    with pytest.raises(KeyboardInterrupt):
        workspace.step("second", interrupted, files={"out.txt": first.folder / "out.txt"})
    assert not (out / MANIFEST).exists()
    assert not (out / "final.txt").exists()
    with pytest.raises(InputError, match="not a finished build"):
        check_manifest(out)

    assert [step.cached for step in build(out, "new")] == [True, False]
    assert (out / "final.txt").read_text() == "NEW!"
    assert not list((out / "work").glob("*.partial"))


def test_a_failed_step_keeps_its_log_where_the_message_says(tmp_path):
    def fail(folder: Path) -> None:
        (folder / "tool.log").write_text("why")
        raise RuntimeError(str(folder / "tool.log"))

    workspace = Workspace(tmp_path / "out")
    workspace.begin()
    with pytest.raises(RuntimeError) as error:
        workspace.step("first", fail, files={})
    assert Path(str(error.value)).read_text() == "why"


def test_begin_removes_published_files_and_only_those(tmp_path):
    out = tmp_path / "out"
    build(out)
    (out / "my-notes.txt").write_text("keep")
    workspace = Workspace(out)
    workspace.begin()
    assert sorted(p.name for p in out.iterdir()) == [".lgncc-build", "my-notes.txt", "work"]


def test_the_manifest_lists_exactly_the_published_files(tmp_path):
    workspace = Workspace(tmp_path / "out")
    workspace.begin()
    workspace.publish(b"hello\n", "report.json")
    workspace.publish(b"x", "vectors/in.txt")
    workspace.publish(b"hello, again\n", "report.json")
    path = workspace.finish([TOOL])
    manifest = json.loads(path.read_text())
    # sha256sum of the two texts
    assert manifest["files"] == {
        "report.json": subprocess.run(
            ["sha256sum"], input=b"hello, again\n", capture_output=True, check=True
        ).stdout.decode()[:64],
        "vectors/in.txt": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
    }
    assert manifest["tools"] == {"copier": {"version": "1.0", "source": "test"}}
    assert list(check_manifest(tmp_path / "out")) == ["report.json", "vectors/in.txt"]


def test_an_altered_published_file_is_refused_by_name(tmp_path):
    build(tmp_path / "out")
    (tmp_path / "out" / "final.txt").write_text("ABC?")
    with pytest.raises(InputError, match=r"changed since the build: final\.txt"):
        check_manifest(tmp_path / "out")


def test_a_folder_that_lgncc_did_not_make_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("dear")
    with pytest.raises(InputError, match="not empty and was not made by lgncc"):
        Workspace(tmp_path).begin()
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_no_build_folder(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="is a file; --out needs a folder"):
        Workspace(tmp_path / "out").begin()


def test_an_empty_folder_is_accepted(tmp_path):
    Workspace(tmp_path).begin()


@pytest.mark.parametrize("marker", ["", "[]", '{"format": 99, "published": []}'])
def test_a_damaged_marker_is_refused(tmp_path, marker):
    (tmp_path / ".lgncc-build").write_text(marker)
    with pytest.raises(InputError):
        Workspace(tmp_path).begin()


def test_a_marker_cannot_make_us_delete_outside(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "victim").write_text("")
    (out / ".lgncc-build").write_text('{"format": 1, "published": ["../victim"]}')
    with pytest.raises(InputError):
        Workspace(out).begin()
    assert (tmp_path / "victim").exists()


@pytest.mark.parametrize("name", ["../x", "/x", ".hidden", "", MANIFEST])
def test_a_published_name_stays_inside(tmp_path, name):
    workspace = Workspace(tmp_path)
    workspace.begin()
    with pytest.raises(ValueError, match="cannot be the name"):
        workspace.publish(b"", name)


def test_two_processes_do_not_build_into_one_folder(tmp_path):
    workspace = Workspace(tmp_path)
    workspace.begin()
    program = (
        "import sys; from pathlib import Path; from lgncc.flow.workspace import Workspace; "
        "Workspace(Path(sys.argv[1])).begin()"
    )
    other = [sys.executable, "-c", program, str(tmp_path)]
    refused = subprocess.run(other, capture_output=True, text=True, check=False)
    assert f"another lgncc is building in {tmp_path}" in refused.stderr
    workspace.finish([])
    subprocess.run(other, check=True)


def test_a_full_disk_is_told_with_its_place(tmp_path):
    workspace = Workspace(tmp_path / "out")
    workspace.begin()

    def fill(folder: Path) -> None:
        with Path("/dev/full").open("wb") as full:
            full.write(b"x")

    with pytest.raises(OSError, match=r"No space left on device: '.*/out/work/first\.partial'"):
        workspace.step("first", fill, files={})
