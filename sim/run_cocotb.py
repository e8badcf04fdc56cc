"""Build and run one bench with cocotb's runner: `python -m lgncc.sim.run_cocotb ORDER.json`.

A process of its own, because the runner takes its settings from the environment, prints
what its tools print, and behaves differently under pytest. `lgncc.sim.runner` starts it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

TIME_STEP = ("1ns", "1ns")

# The wheel's makefile includes were configured on another machine: each of these names
# something that it took from there (precompiled headers, python, the thread library).
MAKE_VARIABLES = "CFG_CXXFLAGS_PCH_I=-include PYTHON3=python3 CFG_LDLIBS_THREADS=-pthread"
# What runs often is optimized a little, what runs once is not: g++ is most of the wait.
OPTIMIZATION = "OPT_FAST=-O1 OPT_SLOW=-O0 OPT_GLOBAL=-O1"

# Where the build folder already holds objects of Verilator's runtime: linked, not compiled.
COMPILED_RUNTIME = "VM_GLOBAL_FAST= VM_GLOBAL_SLOW= LOADLIBES=verilated*.o"

BUILD_ARGS = (
    # cocotb's runner makes every signal visible, which is slow to compile; only the ports
    # that the control file names are needed.
    "--no-public-flat-rw",
    # yosys' Verilog has widths and names that lint complains about by the thousand.
    "-Wno-lint",
    "-Wno-style",
    "-Wno-fatal",
    "-CFLAGS",
    "-std=c++17",
)


def main(order_path: Path) -> None:
    """Follow an order: environment, top, folder (which holds design.v and ports.vlt);
    or to run what was built: environment, top, folder, bench, test_folder."""
    order = json.loads(order_path.read_text())
    os.environ.pop("PYTEST_CURRENT_TEST", None)  # the runner would take this for its own test
    os.environ.update(order["environment"])
    folder = Path(order["folder"])
    compiled = COMPILED_RUNTIME if any(folder.glob("verilated*.o")) else ""
    os.environ["MAKEFLAGS"] = f"{MAKE_VARIABLES} {OPTIMIZATION} {compiled}"

    from cocotb_tools.runner import get_runner

    runner = get_runner("verilator")
    if "bench" not in order:
        runner.build(
            sources=[folder / "ports.vlt", folder / "design.v"],
            hdl_toplevel=order["top"],
            build_dir=folder,
            build_args=BUILD_ARGS,
            timescale=TIME_STEP,
            always=True,
        )
        return
    runner.test(
        test_module=order["bench"],
        hdl_toplevel=order["top"],
        hdl_toplevel_lang="verilog",
        build_dir=folder,
        test_dir=order["test_folder"],
        timescale=TIME_STEP,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
