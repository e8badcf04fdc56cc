"""Ctrl-C ends the search with the best so far, and a later search goes on from there."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import builds
import cli

from lgncc.search.candidate import Task
from lgncc.search.search import Settings, search
from lgncc.storage import load_model, save_model

SCRIPT = """
import json, sys
from pathlib import Path
from lgncc.search.candidate import Task
from lgncc.search.search import Settings, search
from lgncc.storage import load_model

if __name__ == "__main__":
    task = Task(load_model(Path(sys.argv[1])))
    settings = Settings(budget_s=600, workers=2, recipes=(), journal=Path(sys.argv[2]))
    found = search(task, settings)
    print(json.dumps([found.ended, len(found.records), found.best.evaluation.cells]))
"""


def state_and_parent(pid):
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # ended
        return "Z", 0
    return fields[0], int(fields[1])


def is_running(pid):
    return state_and_parent(pid)[0] != "Z"


def children_of(pid):
    pids = [int(one.name) for one in Path("/proc").glob("[0-9]*")]
    return [one for one in pids if state_and_parent(one)[1] == pid]


def test_an_interrupt_ends_the_search_with_the_best_so_far_and_can_be_resumed(tmp_path):
    model, script, journal = (tmp_path / name for name in ("model.npz", "run.py", "search.jsonl"))
    save_model(builds.deep_model(3, 120), model)
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, "-P", str(script), str(model), str(journal)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=cli.environment(),
        start_new_session=True,
    )  # fmt: skip
    until = time.monotonic() + 120
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 4):
        assert time.monotonic() < until
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    workers = children_of(process.pid)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers, too
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    ended, count, cells = json.loads(out)
    assert ended == "interrupted"
    assert workers
    until = time.monotonic() + 10  # multiprocessing's own helper sees the end of its pipe first
    while any(is_running(one) for one in workers):
        assert time.monotonic() < until
        time.sleep(0.05)

    settings = Settings(budget_s=None, candidates=count, recipes=(), journal=journal)
    again = search(Task(load_model(model)), settings)
    assert (again.resumed, again.best.evaluation.cells) == (count, cells)
