"""Faults put into the board's link, for the tests that must find them."""

from __future__ import annotations

from lgncc.hw.steps import StepReceiver


def forget_repeats(monkeypatch):
    """It takes whatever has the CRC of the last step as the next one."""
    rules = StepReceiver._rules

    def forgetful(self, m, at):
        fault = rules(self, m, at)
        m.d.comb += self.request.payload.repeat.eq(0)
        return fault

    monkeypatch.setattr(StepReceiver, "_rules", forgetful)
