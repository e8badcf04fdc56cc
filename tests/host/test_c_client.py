"""The second client, in C, written from the specification alone: compiled and run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from builds import small_model

from lgncc.golden import predict
from lgncc.host.build import load_build
from lgncc.sim.simboard import LineFaults, running
from lgncc.sim.vectors import pack_samples

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).parents[2] / "docs" / "examples" / "client.c"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    if shutil.which("gcc") is None:
        pytest.skip("no gcc")
    program = tmp_path_factory.mktemp("c") / "client"
    strict = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["gcc", *strict, "-o", program, SOURCE], check=True)
    return program


def ask(client, port, build_id, build, vectors):
    words = [client, port, build_id, str(vectors.shape[1]), str(build.out_bytes)]
    return subprocess.run(words, input=vectors.tobytes(), capture_output=True, check=False)


@pytest.mark.parametrize(
    "faults",
    [LineFaults(), LineFaults(corrupt=0.005, drop=0.002, duplicate=0.002, seed=2)],
    ids=["clean", "noisy"],
)
def test_its_answers_are_the_golden_models(client, simulated, samples, faults):
    build = load_build(simulated["right"])
    x = samples[:40]
    with running(simulated["right"], faults) as board:
        done = ask(
            client, board.port, build.build_id.hex(), build, pack_samples(build.model.encoder, x)
        )
    assert (done.returncode, done.stderr) == (0, b"")
    assert list(done.stdout) == predict(small_model(), x).classes.tolist()


def test_it_refuses_another_build(client, simulated, samples):
    build = load_build(simulated["right"])
    vectors = pack_samples(build.model.encoder, samples[:1])
    with running(simulated["right"]) as board:
        done = ask(client, board.port, "00" * 8, build, vectors)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"error: the board runs another build\n"
