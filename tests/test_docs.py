"""What README.md and docs/ show is run: every console block, every Python block, in order.

A file's blocks run in a fresh copy of the tracked files. A line `$ command` must succeed, and
the lines below it must stand in its output, where any number matches any other. A Python block
is run, or written to NAME where its first line is `# file: NAME`. A comment
`<!-- not run: reason -->` right before a block excuses it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cli
import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").rglob("*.md"))
DOCS = [README, *PAGES]
NOT_RUN = re.compile(r"<!-- not run: *(.*?) *-->")


@dataclass(frozen=True)
class Block:
    """A fenced block: `where` for messages, the lines inside, why it is not run if it is not."""

    where: str
    language: str
    lines: list[str]
    excuse: str | None


def blocks(path):
    found, before, inside = [], "", None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if inside is not None:
            if line.strip() == "```":
                inside = None
            else:
                inside.append(line)
        elif match := re.fullmatch(r"```(\w+)", line):
            excuse = NOT_RUN.fullmatch(before)
            inside = []
            where = f"{path.name}:{number}"
            found.append(Block(where, match[1], inside, excuse and excuse[1]))
        if line.strip():
            before = line.strip()
    return [block for block in found if block.language in ("console", "python")]


def commands(block):
    """(command, lines shown below it) of a console block; a backslash continues a line."""
    pairs = []
    for line in block.lines:
        if pairs and pairs[-1][0].endswith("\\"):
            pairs[-1][0] += "\n" + line.removeprefix("> ")
        elif line.startswith("$ "):
            pairs.append([line[2:], []])
        else:
            assert pairs, f"{block.where}: output before any command"
            pairs[-1][1].append(line)
    return pairs


def plain(text):
    """The text with every number the same, without bars, in one line."""
    text = re.sub(r"[━╸╺]+", " ", text)
    return " ".join(re.sub(r"\d[\d,.]*", "#", text).split())


def run(block, tree):
    """Run a block in the tree; AssertionError where it does not do what it shows."""
    if block.language == "python":
        if match := re.fullmatch(r"# file: (\S+)", block.lines[0]):
            (tree / match[1]).write_text("\n".join(block.lines[1:]) + "\n")
            return
        done = execute([sys.executable, "-"], tree, input="\n".join(block.lines))
        assert done.returncode == 0, f"{block.where}:\n{done.stderr}"
        return
    for command, shown in commands(block):
        done = execute(["bash", "-euo", "pipefail", "-c", command], tree)
        assert done.returncode == 0, f"{block.where}: $ {command}\n{done.stdout}{done.stderr}"
        output = plain(done.stdout) + " " + plain(done.stderr)
        missing = [line for line in shown if plain(line) not in output]
        assert not missing, f"{block.where}: $ {command}\nshows {missing}\nnot in {output}"


def execute(command, tree, **options):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # The tree has a folder lgncc/, which is not the installed package.
    changes = {"PATH": path, "COLUMNS": "200", "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1"}
    return subprocess.run(
        command,
        cwd=tree,
        env=cli.environment(**changes),
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


@pytest.fixture
def tree(tmp_path):
    """The tracked files, as after a clone."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            target = tmp_path / "tree" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
    return tmp_path / "tree"


def names(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


WITH_BLOCKS = [path for path in DOCS if any(b.excuse is None for b in blocks(path))]


@pytest.mark.slow
@pytest.mark.parametrize("path", WITH_BLOCKS, ids=names(WITH_BLOCKS))
def test_what_a_page_shows_is_what_happens(path, tree, request):
    if "--out build/digits" in path.read_text():
        # The steps that compiling the digits network would run again are cached.
        built = request.getfixturevalue("digits_build").folder
        shutil.copytree(built, tree / "build" / "digits")
    for block in blocks(path):
        if block.excuse is None:
            run(block, tree)


def test_every_block_that_is_not_run_says_why():
    excused = {b.where: b.excuse for path in DOCS for b in blocks(path) if b.excuse is not None}
    print("\n".join(f"{where}: not run: {excuse}" for where, excuse in excused.items()))
    assert all(excused.values())


def without_code(path):
    text = path.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```|^    .*?$|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)


def links(path):
    """(target as written, the file or folder, the anchor) of each link that stays in the tree."""
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(path)):
        if "://" not in target:
            file, _, anchor = target.partition("#")
            yield target, (path.parent / file).resolve() if file else path, anchor


def anchors(path):
    """Those that GitHub gives the headings of a page."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.M)
    for heading in re.findall(r"^#+ +(.*)$", text, re.M):
        yield re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def dead_links(paths):
    return [
        f"{path.name}: {target}"
        for path in paths
        for target, file, anchor in links(path)
        if not file.exists() or (anchor and anchor not in anchors(file))
    ]


def test_every_link_leads_to_a_file_and_a_heading_of_it():
    assert dead_links([*DOCS, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]) == []


def test_every_page_is_reached_from_the_readme():
    reached, new = set(), {README}
    while new:
        reached |= new
        pages = {file for page in new for _, file, _ in links(page)}
        folders = {page for folder in pages if folder.is_dir() for page in folder.glob("*.md")}
        new = {page for page in pages | folders if page.suffix == ".md"} - reached
    assert [page.name for page in PAGES if page not in reached] == []


def test_a_dead_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One `two`\n[](#one-two) [](page.md) [](gone.md) [](page.md#gone) [](#x)\n")
    assert dead_links([page]) == ["page.md: gone.md", "page.md: page.md#gone", "page.md: #x"]


PAGE = """\
```python
# file: hello.py
print("hello", 3 * 4, "times")
```

```console
$ python hello.py
hello 99 times
$ echo one \\
>   two
one two
```

<!-- not run: it would fail -->
```console
$ false
```
"""


def test_a_page_is_read_as_described(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    script, console, excused = blocks(page)
    assert commands(console) == [
        ["python hello.py", ["hello 99 times"]],
        ["echo one \\\n  two", ["one two"]],
    ]
    assert (script.excuse, console.excuse, excused.excuse) == (None, None, "it would fail")
    run(script, tmp_path)
    run(console, tmp_path)
    with pytest.raises(AssertionError, match=r"page\.md:15: \$ false"):
        run(excused, tmp_path)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (("hello 99 times", "goodbye"), r"page\.md:6: \$ python hello\.py\s+shows \['goodbye'\]"),
        (("$ python hello.py", "$ python absent.py"), "absent.py"),
        (("$ echo", "$ no-such-command | true; echo"), "no-such-command"),
        (("one two\n", "one two\nand more\n"), "and more"),
    ],
)
def test_a_page_that_is_wrong_is_caught(tmp_path, wrong, message):
    page = tmp_path / "page.md"
    page.write_text(PAGE.replace(*wrong))
    script, console, _ = blocks(page)
    run(script, tmp_path)
    with pytest.raises(AssertionError, match=message):
        run(console, tmp_path)
