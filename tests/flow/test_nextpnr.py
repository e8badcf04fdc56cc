"""nextpnr made to fail, stall and give up: what is tried again, and what is said in the end."""

import pytest

from lgncc.boards import load_board
from lgncc.errors import DesignError
from lgncc.flow import nextpnr
from lgncc.flow.build import place_and_route
from lgncc.flow.tools import Tool
from lgncc.flow.workspace import Workspace

BOARD = load_board("icebreaker")
LOG = """Info: Packing constants..
Info: Device utilisation:
Info: \t         ICESTORM_LC:    {lc:>5}/   5280   {percent:>3}%
Info: \t        ICESTORM_RAM:       0/     30     0%
ERROR: {error}
"""


def fail_with(tmp_path, log, commands="exit 255", board=BOARD):
    """Place and route by a program that prints `log` and exits with 255, as nextpnr does."""
    script = tmp_path / "nextpnr"
    script.write_text(f"#!/bin/sh\ncat <<'END'\n{log}END\n{commands}\n")
    script.chmod(0o755)
    (tmp_path / "top.json").write_text("{}")
    workspace = Workspace(tmp_path / "out")
    workspace.begin()
    tool = Tool("nextpnr-ice40", (str(script),), "0", "test")
    with pytest.raises(DesignError) as error:
        place_and_route(workspace, tool, board, tmp_path / "top.json", "", seed=1, target_mhz=12.0)
    return str(error.value)


def test_a_placer_that_runs_out_of_cells_is_a_design_that_does_not_fit(tmp_path):
    log = LOG.format(lc=5412, percent=102, error="Unable to place cell 'a_LC'")
    message = fail_with(tmp_path, log)
    assert "ICESTORM_LC: needs 5,412 of 5,280 (102 %)" in message
    assert f"{tmp_path}/out/work/place-and-route.partial/nextpnr.log" in message


def test_a_router_that_gives_up_is_told_with_how_full_the_device_is(tmp_path):
    message = fail_with(tmp_path, LOG.format(lc=5200, percent=98, error="Failed to route arc 3"))
    assert message.startswith("nextpnr-ice40 failed (exit code 255): ERROR: Failed to route arc 3")
    assert "takes 5,200 of 5,280 logic cells" in message
    assert "--seed" in message


def test_a_failure_before_packing_is_not_called_a_matter_of_size(tmp_path):
    message = fail_with(tmp_path, "ERROR: Failed to open JSON file\n")
    assert "Failed to open JSON file" in message
    assert "logic cells" not in message


def test_a_router_that_stalls_with_every_seed_is_stopped_and_told(tmp_path):
    rounds = "Info:     iter=1 wires=1591 overused=4 overuse=6 archfail=NA\n" * 400
    message = fail_with(
        tmp_path, LOG.format(lc=3000, percent=56, error="-") + rounds, "exec sleep 60"
    )
    assert message.startswith(
        "nextpnr-ice40 could not route the design with the seeds 1 to 4 in any way."
    )
    assert "takes 3,000 of 5,280 logic cells" in message
    logs = sorted(path.name for path in (tmp_path / "out/work/place-and-route.partial").iterdir())
    assert [name for name in logs if name.endswith(".log")] == [
        f"seed{seed}-{way}-nextpnr.log"
        for seed in (1, 2, 3, 4)
        for way in ("router1", "router2", "spread")
    ]


@pytest.mark.parametrize(
    ("routes", "seed", "stuck"),
    [
        ("--router router1*--seed 7", 7, ["router2 is stuck with --seed 7"]),
        ("--seed 8", 8, [f"router{n} is stuck with --seed 7" for n in (2, 1)]),
    ],
)
def test_a_stall_is_routed_by_the_other_router_or_with_the_next_seed(tmp_path, routes, seed, stuck):
    script = tmp_path / "nextpnr"
    script.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *{routes.replace(" ", "?")}*) echo "Info: routed"; exit 0;; esac\n'
        'for i in $(seq 400); do echo "Info:     iter=$i wires=9 overused=2 overuse=2"; done\n'
        "exec sleep 60\n"
    )
    script.chmod(0o755)
    said = []
    nextpnr.place_and_route(
        Tool("nextpnr-ice40", (str(script),), "0", ""),
        [],
        tmp_path,
        BOARD,
        seed=7,
        progress=said.append,
    )
    assert nextpnr.routed_seed(tmp_path) == seed
    assert said == [f"nextpnr-ice40: {line}" for line in stuck]
    assert "overused" in (tmp_path / "seed7-router2-nextpnr.log").read_text()
    assert "Info: routed" in (tmp_path / "nextpnr.log").read_text()


@pytest.mark.parametrize(
    ("overused", "tries"),
    [
        (900, ["router2 is stuck with --seed 7"]),
        (2, [f"router{n} is stuck with --seed {seed}" for seed in (7, 8) for n in (2, 1)]),
    ],
)
def test_one_seed_is_enough_where_much_is_left_and_not_where_little_is(tmp_path, overused, tries):
    script = tmp_path / "nextpnr"
    line = f"Info:     iter=$i wires=9000 overused={overused} overuse={overused}"
    script.write_text(f'#!/bin/sh\nfor i in $(seq 400); do echo "{line}"; done\nexec sleep 60\n')
    script.chmod(0o755)
    said, tool = [], Tool("nextpnr-ice40", (str(script),), "0", "")
    with pytest.raises(DesignError, match="could not route"):
        nextpnr.place_and_route(tool, [], tmp_path, BOARD, seed=7, seeds=1, progress=said.append)
    assert said == [f"nextpnr-ice40: {line}" for line in tries]


def test_a_placer_that_gives_up_is_asked_again_with_the_next_seed(tmp_path):
    script = tmp_path / "nextpnr"
    script.write_text(
        "#!/bin/sh\n"
        'case "$*" in *--seed?9*) echo "Info: routed"; exit 0;; esac\n'
        "echo \"ERROR: Unable to find legal placement for cell 'a' after 9 attempts\"; exit 255\n"
    )
    script.chmod(0o755)
    said, tool = [], Tool("nextpnr-ecp5", (str(script),), "0", "")
    nextpnr.place_and_route(tool, [], tmp_path, BOARD, seed=7, progress=said.append)
    assert nextpnr.routed_seed(tmp_path) == 9
    assert said == [f"nextpnr-ecp5: the placer is stuck with --seed {n}" for n in (7, 8)]
    with pytest.raises(DesignError, match="Unable to find legal placement for cell 'a'"):
        nextpnr.place_and_route(tool, [], tmp_path, BOARD, seed=10, seeds=2)


def test_a_slow_but_steady_router_is_left_to_finish(tmp_path):
    lines = [
        f"Info:     iter={i} wires=1 overused={9000 - i // 250} overuse=6" for i in range(1000)
    ]
    fails = "echo 'ERROR: the end'; exit 1"
    message = fail_with(tmp_path, "\n".join(lines) + "\n", fails, load_board("ulx3s-85f"))
    assert message.startswith("nextpnr-ice40 failed (exit code 1): ERROR: the end")
