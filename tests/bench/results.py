"""Rows of a benchmark as a Markdown table and as JSON."""

from __future__ import annotations

import json
import os
import platform


def shown(value):
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)


def markdown(rows):
    """Columns are the keys of the first row."""
    lines = ["| " + " | ".join(rows[0]) + " |", "| " + " | ".join("---" for _ in rows[0]) + " |"]
    lines += ["| " + " | ".join(shown(row.get(key)) for key in rows[0]) + " |" for row in rows]
    return "\n".join(lines)


def machine():
    return {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
    }


def write_json(path, **sections):
    path.write_text(json.dumps({"machine": machine(), **sections}, indent=1) + "\n")
