"""What a person reads when pip fails."""

import os
import sys

import pytest

from helpers.files import CourseError
from helpers.tools import install
from helpers.tools.install import explain, pip_install, run_logged

RETRY = (
    "WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None)) after connection broken by "
    "'NewConnectionError('<HTTPSConnection>: Failed to establish a new connection: [Errno -3] Temporary "
    "failure in name resolution')': /simple/jupyterlab/\n"
)
NONE = (
    "ERROR: Could not find a version that satisfies the requirement {0} (from versions: none)\n"
    "ERROR: No matching distribution found for {0}\n"
)
CASES = {
    "no connection": RETRY + NONE.format("jupyterlab==4.6.6"),
    "no connection to the package index": "ERROR: HTTPSConnectionPool(host='x', port=443): Read timed out.\n",
    "Check the network first": NONE.format("torch==2.13.0"),
    "There is no torch==2.13.0 for Python": NONE.format("torch==2.13.0").replace("none", "2.0.0, 2.2.2"),
    "is full": "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
    "disk or the folder": "OSError: [WinError 112] There is not enough space on the disk\n",
    "not writable": "ERROR: Could not install packages: [Errno 13] Permission denied: 'x'\n",
    "exit code 7": "Collecting x\nERROR: metadata-generation-failed\n",
}


@pytest.mark.parametrize("sentence", CASES)
def test_a_failure_is_explained(sentence, tmp_path):
    text = explain(CASES[sentence], 7, tmp_path / "install.log")
    assert sentence in text
    assert "Traceback" not in text and "\n" not in text


def test_an_unknown_failure_shows_the_last_words_and_the_log(tmp_path):
    text = explain("one\ntwo\nthree\nfour\n", 1, tmp_path / "install.log")
    assert "two / three / four" in text and "one" not in text and "install.log" in text


def test_real_pip_without_a_network(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.upper().startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody listens on the discard port
    monkeypatch.setenv("PIP_RETRIES", "1")
    wanted = tmp_path / "requirements.txt"
    wanted.write_text("a-package-that-is-not-here==1.0\n")
    with pytest.raises(CourseError, match="no connection to the package index"):
        pip_install(sys.executable, (wanted,), tmp_path / "install.log")
    assert "a-package-that-is-not-here" in (tmp_path / "install.log").read_text()


def test_pip_is_called_as_this_machine_configures_it(tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr(install, "run_logged", lambda command, log: commands.append(command) or (0, ""))
    pip_install("python", (tmp_path / "a.txt", tmp_path / "b.txt"), tmp_path / "log")
    (command,) = commands
    assert command[-4:] == ["-r", str(tmp_path / "a.txt"), "-r", str(tmp_path / "b.txt")]
    assert not [word for word in command if "index" in word or "find-links" in word or "proxy" in word]


def test_all_output_is_logged_and_long_downloads_are_shown(tmp_path, capsys):
    lines = ["Downloading torch-2.13.0-cp311.whl (190.5 MB)", "Downloading six-1.17.0.whl (11 kB)", "é"]
    lines += ["Installing collected packages: a, b, c"]
    code = f"import sys; sys.stdout.buffer.write({chr(10).join(lines)!r}.encode()); sys.exit(3)"
    status, output = run_logged([sys.executable, "-X", "utf8", "-c", code], tmp_path / "log")
    assert status == 3
    assert (tmp_path / "log").read_text(encoding="utf-8") == output
    shown = capsys.readouterr().out
    assert "torch" in shown and "3 packages" in shown and "six" not in shown
