"""`run` on small notebooks, with real kernels."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from argparse import Namespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers import scoreboard
from helpers.files import ROOT
from helpers.tools import report, running


@pytest.fixture
def build(tmp_path, monkeypatch):
    folder = tmp_path / "build"
    for module in (running, report, scoreboard):
        monkeypatch.setattr(module, "BUILD", folder)
    monkeypatch.setenv("COURSE_BUILD", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return folder


def write(folder, name, *sources):
    cells = [new_markdown_cell("# Title"), *(new_code_cell(source, execution_count=9) for source in sources)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    folder.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata=kernel), folder / f"{name}.ipynb")
    return folder / f"{name}.ipynb"


def run(paths, whole=False):
    return running.run_course(Namespace(notebooks=paths, whole=whole))


def test_notebooks_are_executed_measured_saved_and_reported(build, tmp_path, capsys):
    scoreboard.record("from an earlier run", 1)
    record = "from helpers.scoreboard import record\nrecord('polite', 97.5, '%', '>= 90')"
    first = write(tmp_path / "nb", "00_first", "import os\nprint(os.path.basename(os.getcwd()))", record)
    second = write(tmp_path / "nb", "01_second", "import time\nx = bytearray(300_000_000)\ntime.sleep(1)")
    assert run([first, second], whole=True) == 0

    executed = nbformat.read(build / "run" / "00_first.ipynb", as_version=4)
    assert executed.cells[1].outputs[0].text == "nb\n" and executed.cells[1].execution_count == 1
    assert nbformat.read(first, as_version=4).cells[1].execution_count == 9  # the original is left alone
    assert "nb" in (build / "run" / "html" / "00_first.html").read_text(encoding="utf-8")
    assert '<a href="01_second.html">' in (build / "run" / "html" / "index.html").read_text(encoding="utf-8")

    board = json.loads((build / "scoreboard.json").read_text())
    assert set(board["results"]) == {"polite", "all notebooks, time", "all notebooks, peak memory"}
    assert board["notebooks"]["01_second"]["peak_mb"] > 300
    assert board["notebooks"]["00_first"]["peak_mb"] < board["notebooks"]["01_second"]["peak_mb"]
    out = capsys.readouterr().out
    assert out.index("00_first") < out.index("01_second") < out.index("polite")


def test_a_failing_cell_stops_the_run_and_is_shown(build, tmp_path, capsys):
    bad = write(tmp_path / "nb", "05_bad", "a = 1", "# the loss\nb = 2\nc = 3\nraise ValueError('beta is negative')")
    never = write(tmp_path / "nb", "06_never", "print('reached')")
    assert run([bad, never]) == 1
    error = capsys.readouterr().err
    assert "05_bad, cell 3 of 3" in error and "    # the loss\n    b = 2\n" in error
    assert "ValueError: beta is negative" in error and "Traceback" not in error
    partial = nbformat.read(build / "run" / "05_bad.ipynb", as_version=4)
    assert partial.cells[2].outputs[0].output_type == "error"
    assert not (build / "run" / "06_never.ipynb").exists()


def test_a_dead_kernel_is_explained(build, tmp_path, capsys):
    dead = write(tmp_path / "nb", "05_dead", "import os\nos._exit(1)")
    assert run([dead]) == 1
    assert "05_dead, cell 2 of 2" in (error := capsys.readouterr().err) and "kernel died" in error


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT to a process group")
def test_ctrl_c_ends_the_kernel_and_keeps_what_is_finished(tmp_path):
    write(tmp_path / "nb", "00_quick", "1 + 1")
    write(
        tmp_path / "nb",
        "01_slow",
        "import os, time\nopen('started', 'w').write(str(os.getpid()))\ntime.sleep(300)",
    )
    code = """
        import signal, sys
        from argparse import Namespace
        from pathlib import Path
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from helpers.tools.running import run_course
        sys.exit(run_course(Namespace(notebooks=sorted(Path("nb").glob("*.ipynb")), whole=False)))
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=tmp_path,
        env=os.environ | {"COURSE_BUILD": str(tmp_path / "build"), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    started = tmp_path / "nb" / "started"
    wait_for(lambda: started.exists() and started.read_text(), process)
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted in 01_slow" in out and "--from 01" in out
    assert (tmp_path / "build" / "run" / "00_quick.ipynb").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)


def wait_for(condition, process, seconds=60):
    import time

    for _ in range(seconds * 20):
        if condition():
            return
        assert process.poll() is None, "it ended by itself"
        time.sleep(0.05)
    pytest.fail("it did not start")
