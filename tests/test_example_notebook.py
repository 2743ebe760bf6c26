"""The notebook in docs/notebooks: kept without outputs, and executed by a real kernel, offline, in an empty folder."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode

from tests.kernels import open_notebook

DOCS = Path(__file__).resolve().parent.parent / "docs"
NOTEBOOK = DOCS / "notebooks" / "first-study.ipynb"

CHECK = """
from synthetic_communities import load_run
[
    int(table["count"].to_numpy().sum()) == len(people) == 100,
    int(table["sum"].to_numpy().sum()) == int(people["changed_first_choice"].sum()) > 0,
    load_run(result.path) == result,
    result.metadata["provenance"]["mind"],
    list(draws.index),
    draws.shape[1] == 2 + 3,
    [table["count"].loc[age].idxmax() for age in ("under 30", "65 and over")],
]
"""


def read_notebook() -> NotebookNode:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    return notebook


def test_it_is_kept_without_outputs() -> None:
    for cell in read_notebook().cells:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
        assert dict(cell.metadata) == {}


def test_its_links_lead_somewhere_and_it_names_no_place_on_somebodys_machine() -> None:
    text = "\n".join(cell.source for cell in read_notebook().cells)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    relative = [link for link in links if "://" not in link]
    assert len(relative) >= 3
    for link in relative:
        assert (NOTEBOOK.parent / link).is_file(), link
    assert not re.findall(r"(?<![\w.])/(?:home|root|tmp|Users|work)\b|\.\./shared", text)


def test_it_runs_from_the_first_cell_to_the_last(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    notebook = read_notebook()
    notebook.cells.append(nbformat.v4.new_code_cell(CHECK.strip()))
    with open_notebook(notebook, tmp_path) as client:
        client.execute()
    values = [shown_by(cell) for cell in notebook.cells if cell.cell_type == "code"]
    assert [sorted(value) for value in values[1:-1]] == [
        ["text/html", "text/plain"],  # the result
        ["text/html", "text/plain"],  # people
        ["text/html", "text/plain"],  # the cross-table
        ["image/png", "text/plain"],  # one person
        ["text/html", "text/plain"],  # the story
        ["image/png", "text/plain"],  # votes
        ["image/png", "text/plain"],  # beliefs
        ["text/html", "text/plain"],  # draws
        ["text/html", "text/plain"],  # their range
    ]
    assert values[-1]["text/plain"] == "[True, True, True, 'offline mind', [1, 2, 3], True, ['social_media', 'tv']]"
    assert "offline mind" in values[1]["text/html"].lower()
    assert base64.b64decode(values[4]["image/png"]).startswith(b"\x89PNG")
    (runs,) = (tmp_path / "place").iterdir()
    assert len(list((runs / "simulation").iterdir())) == 4
    assert "Traceback" not in capfd.readouterr().err


def shown_by(cell: NotebookNode) -> dict[str, Any]:
    """Return what a cell shows as its value; beside that it may show how far a run is, and nothing else."""
    kinds = {output.output_type for output in cell.outputs}
    assert kinds <= {"execute_result", "display_data"}, cell.outputs
    found: list[dict[str, Any]] = [output.data for output in cell.outputs if output.output_type == "execute_result"]
    return found[0] if found else {}
