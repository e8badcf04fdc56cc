# amaranth: UnusedElaboratable=no
"""What a board keeps of an input vector: which form is chosen, and builds with each of its own."""

from __future__ import annotations

from dataclasses import replace

import builds
import numpy as np
import pytest

from lgncc.architectures import Planner
from lgncc.boards import list_boards, load_board
from lgncc.compiler import Options, compile_model
from lgncc.encoder import Encoder
from lgncc.errors import DesignError
from lgncc.lowering import lower_folded
from lgncc.mapping.assembler import assemble
from lgncc.mapping.saved import load_table, save_table
from lgncc.storage import save_model
from lgncc.verify.ladder import check_encoder
from lgncc.verify.lemma import RefutedError
from lgncc.verify.rtl import check_board


def of_bytes(model):
    """The same network, its inputs thresholds of signed bytes, two a feature."""
    n_bits = model.netlist.n_inputs
    encoder = Encoder.uniform(
        n_bits // 2,
        bits=8,
        signed=True,
        feature=np.arange(n_bits) // 2,
        threshold=np.where(np.arange(n_bits) % 2, 40, -30) + np.arange(n_bits) % 7,
    )
    return replace(model, encoder=encoder)


@pytest.mark.parametrize("name", list_boards())
def test_features_are_encoded_on_arrival_where_that_takes_fewer_cells(name):
    board = load_board(name)
    planner = Planner(of_bytes(builds.deep_model(layers=2, width=64)))
    for architecture in ("pipelined", "class-serial", "folded"):
        form = planner.form(architecture, board)
        assert form.table is not None
        assert form.in_memory == (architecture == "folded")
        assert form.cells < planner.model.encoder.input_width
    slow = replace(board, clock=replace(board.clock, hz=4 * board.uart.baud))
    many = of_bytes(builds.deep_model(layers=2, width=64))
    at_once = replace(many.encoder, feature=np.zeros(64), threshold=np.arange(64))
    many = replace(many, encoder=at_once)
    assert Planner(many).form("folded", board).table is not None
    assert Planner(many).form("folded", slow).table is None, "the byte after would come too soon"


@pytest.mark.slow
def test_a_build_that_encodes_on_arrival_is_proved_and_a_changed_table_refuted(tmp_path):
    path, out = tmp_path / "bytes.npz", tmp_path / "out"
    save_model(of_bytes(builds.deep_model(layers=2, width=64)), path)
    options = Options(board="icebreaker", out=out, architecture="class-serial")
    report = compile_model(path, options).to_dict()
    rungs = {r["rung"]: r["result"] for r in report["verification"]}
    assert rungs["encoder"] == rungs["mapping"] == "proved"
    assert "encoded on arrival" in report["arch"]["reason"]
    assert 20 < report["breakdown"]["encoder"] < 100

    def verify(change):
        table = load_table(out / "encoder_table.npz")
        save_table(replace(table, threshold=table.threshold + change), out / "encoder_table.npz")
        return check_encoder(out, None, lambda _: None)

    assert verify(0).result == "proved"
    with pytest.raises(RefutedError, match=r"values: refuted: feature \d+ at -?\d+: network input"):
        verify(1)


@pytest.mark.slow
def test_a_board_whose_encoder_has_another_threshold_is_refuted(tmp_path):
    model = of_bytes(builds.deep_model(layers=1, width=32))
    board = load_board("icebreaker")

    form = Planner(model).form("folded", board)
    threshold = form.table.threshold.copy()
    threshold[3] += 60
    form = replace(form, table=replace(form.table, threshold=threshold))
    lowered = lower_folded(form, assemble(form.model), 1, board)
    builds.write_build(tmp_path, model, design=lowered.design)
    with pytest.raises(DesignError, match=r"board rtl: refuted: all vectors: .*: expected class"):
        check_board(tmp_path, None, lambda _: None)
