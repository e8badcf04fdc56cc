"""The cells of a class-serial counter are what the cost model says, on every family."""

from __future__ import annotations

import pytest
from row_counters import SYNTHESIS, cells, counter

from lgncc.emit.core import component_verilog
from lgncc.folds import counter_cells


@pytest.mark.parametrize("family", SYNTHESIS)
def test_a_counter_takes_as_many_cells_as_estimated_or_a_little_fewer(family):
    one = counter(100, 20, "class", 20, 4)
    estimated = counter_cells(one.design.model.readout, one.design.form.width, [20] * 4)
    assert 0.85 * estimated < cells(component_verilog(one, "top"), family) < 1.05 * estimated
