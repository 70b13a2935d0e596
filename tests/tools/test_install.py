"""What a person reads while pip works and when it fails."""

import os
import sys
from types import SimpleNamespace

import pytest

from helpers.files import CourseError
from helpers.tools.environment import STAMP, explain_pip, pip_install

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
    "Check the network": NONE.format("torch==2.13.0"),
    "There is no torch==2.13.0 for Python": NONE.format("torch==2.13.0").replace("none", "2.0.0, 2.2.2"),
    "disk is full": "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
    "is full": "OSError: [WinError 112] There is not enough space on the disk\n",
    "Permission denied": "ERROR: Could not install packages: [Errno 13] Permission denied: 'x'\n",
    "exit code 7": "Collecting x\nERROR: metadata-generation-failed\n",
}


@pytest.mark.parametrize("sentence", CASES)
def test_a_failure_is_explained(sentence, tmp_path):
    text = explain_pip(CASES[sentence], 7, tmp_path / "install.log")
    assert sentence in text
    assert "Traceback" not in text and "\n" not in text


def test_an_unknown_failure_shows_the_last_words_and_the_log(tmp_path):
    text = explain_pip("one\ntwo\nthree\nfour\n", 1, tmp_path / "install.log")
    assert "two / three / four" in text and "one" not in text and "install.log" in text


def environment(folder, *files, python=sys.executable):
    return SimpleNamespace(folder=folder, python=python, files=files)


def test_real_pip_without_a_network(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.upper().startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody listens on the discard port
    monkeypatch.setenv("PIP_RETRIES", "1")
    wanted = tmp_path / "requirements.txt"
    wanted.write_text("a-package-that-is-not-here==1.0\n")
    with pytest.raises(CourseError, match="no connection to the package index"):
        pip_install(environment(tmp_path, wanted), print)
    assert "a-package-that-is-not-here" in (tmp_path / "install.log").read_text()
    assert not (tmp_path / STAMP).exists()  # nothing was changed


@pytest.fixture
def fake_pip(tmp_path):
    """A program that writes down how it was called, prints what pip prints, and ends with the exit code 3."""
    lines = ["Downloading torch-2.13.0-cp311.whl (190.5 MB)", "Downloading six-1.17.0.whl (11 kB)", "é"]
    lines += ["Installing collected packages: a, b, c"]
    program = tmp_path / "python"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nopen({str(tmp_path / 'call')!r}, 'w').write(' '.join(sys.argv[1:]))\n"
        f"sys.stdout.buffer.write({chr(10).join(lines)!r}.encode())\nsys.exit(3)\n"
    )
    program.chmod(0o755)
    return program


@pytest.mark.skipif(os.name == "nt", reason="needs a script that the system can start")
def test_pip_is_called_as_configured_all_is_logged_and_long_downloads_are_shown(tmp_path, fake_pip):
    said = []
    with pytest.raises(CourseError, match="exit code 3"):
        files = tmp_path / "a.txt", tmp_path / "b.txt"
        pip_install(environment(tmp_path, *files, python=fake_pip), lambda text, **_: said.append(text))
    call = (tmp_path / "call").read_text().split()
    assert call[-4:] == ["-r", str(tmp_path / "a.txt"), "-r", str(tmp_path / "b.txt")]
    assert not [word for word in call if "index" in word or "find-links" in word or "proxy" in word]
    assert "é\nInstalling" in (tmp_path / "install.log").read_text(encoding="utf-8")
    assert "torch" in said[0] and "190.5 MB" in said[0] and "3 packages" in said[1] and len(said) == 2
    assert (tmp_path / STAMP).read_text() == "{}\n"  # from here on it is half made
