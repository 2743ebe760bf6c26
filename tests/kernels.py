"""Kernels for tests of notebooks: of this very interpreter, reached without a network, in folders of their own."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config as Traits

KERNEL = "the-tests-own"

TIMEOUT_SECONDS = 120

# Sockets in the file system need no network; elsewhere their paths are too short for a temporary directory's.
HAS_IPC = sys.platform == "linux"


@contextlib.contextmanager
def open_notebook(notebook: NotebookNode, folder: Path) -> Iterator[NotebookClient]:
    """Yield a client that executes a notebook in an empty folder; an error in a cell ends it."""
    place = folder / "place"
    place.mkdir()
    with jupyter_at(folder) as reached:
        yield NotebookClient(
            notebook,
            timeout=TIMEOUT_SECONDS,
            kernel_name=KERNEL,
            resources={"metadata": {"path": str(place)}},
            config=Traits({"KernelManager": reached}),
        )


@contextlib.contextmanager
def jupyter_at(folder: Path) -> Iterator[dict[str, Any]]:
    """Let Jupyter look and write nowhere but in this folder; yield how to reach the kernels of this interpreter."""
    home = folder / "home"
    home.mkdir(mode=0o555)
    folders = {name: folder / name.lower() for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")}
    for each in folders.values():
        each.mkdir()
    install_kernel(folders["JUPYTER_DATA_DIR"])
    with tempfile.TemporaryDirectory(prefix="k") as runtime, pytest.MonkeyPatch.context() as patch:
        for name, path in folders.items():
            patch.setenv(name, str(path))
        patch.setenv("JUPYTER_PATH", str(folders["JUPYTER_DATA_DIR"]))
        patch.setenv("JUPYTER_RUNTIME_DIR", runtime)
        patch.setenv("JUPYTER_PLATFORM_DIRS", "1")
        patch.setenv("MPLCONFIGDIR", matplotlib.get_cachedir())  # where the list of fonts is: to make it takes seconds
        patch.setenv("HOME", str(home))
        yield {"transport": "ipc", "ip": f"{runtime}/ipc"} if HAS_IPC else {}


def install_kernel(data_folder: Path) -> None:
    """Make known a kernel of this very interpreter."""
    spec = {
        # Every warning is shown, and one that a cell causes is shown below the cell.
        "argv": [sys.executable, "-W", "default", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": KERNEL,
        "language": "python",
    }
    folder = data_folder / "kernels" / KERNEL
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
