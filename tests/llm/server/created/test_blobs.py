"""Files on their way into the engine: wrong digests, clients that hang up, full disks."""

import errno
import hashlib
import tempfile

import pytest

from helpers.llm.server import created

NOWHERE = "sha256:" + "0" * 64


def test_a_blob_that_is_here_is_not_sent_again(http, digest, blobs):
    assert http.head(f"/api/blobs/{digest}").status_code == 200
    assert http.head(f"/api/blobs/{NOWHERE}").status_code == 404
    assert blobs() == [digest.replace(":", "-")]


def test_a_blob_with_another_digest(http, eventually, blobs):
    response = http.post(f"/api/blobs/{NOWHERE}", content=b"abc")
    got = "sha256:" + hashlib.sha256(b"abc").hexdigest()
    assert response.status_code == 400
    assert response.json()["error"] == f'digest mismatch, expected "{NOWHERE}", got "{got}"'
    eventually(lambda: blobs() == [])


@pytest.mark.parametrize("digest", ["sha256:00", "md5:" + "0" * 64, "sha256:" + "g" * 64, "%2e%2e%2fx"])
def test_digests_that_are_none(http, own_build, digest):
    response = http.post(f"/api/blobs/{digest}", content=b"abc" * 10**6)
    assert response.status_code == 400 and "invalid digest" in response.json()["error"]
    assert http.head(f"/api/blobs/{digest}").status_code == 400
    assert not (own_build / "models").exists()


@pytest.fixture
def full_disk(monkeypatch):
    """Call it with the method of a file at which the disk is full."""
    make_file = tempfile.NamedTemporaryFile

    def set_up(at):
        class Full:
            def __init__(self, **settings):
                self.file = make_file(**settings)
                self.name = self.file.name

            def write(self, data):
                self.file.write(data)
                if at == "write":
                    raise OSError(errno.ENOSPC, "No space left on device")

            def close(self):
                if not self.file.closed:
                    self.file.close()
                    if at == "close":
                        raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(created.tempfile, "NamedTemporaryFile", Full)

    return set_up


@pytest.mark.parametrize("at", ["never", "close"])
def test_a_client_that_hangs_up_leaves_nothing(http, own_build, full_disk, blobs, eventually, at):
    def slow():
        yield b"x" * 2**16
        raise RuntimeError("unplugged")

    full_disk(at)
    with pytest.raises(RuntimeError, match="unplugged"):
        http.post(f"/api/blobs/{NOWHERE}", content=slow())
    eventually(lambda: (own_build / "models" / "blobs").exists() and blobs() == [])


@pytest.mark.parametrize("at", ["write", "close"])
def test_a_full_disk_while_a_blob_comes(http, own_build, full_disk, blobs, eventually, at):
    full_disk(at)
    content = b"x" * 10**6
    response = http.post(f"/api/blobs/sha256:{hashlib.sha256(content).hexdigest()}", content=content)
    assert response.status_code == 500 and "No space left on the disk" in response.json()["error"]
    eventually(lambda: blobs() == [])
    assert http.get("/").text == "Ollama is running"


def test_a_full_disk_while_a_manifest_is_written(client, digest, own_build, monkeypatch, create):
    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("helpers.files.os.fsync", full)
        status, sentence = create(files={"a.gguf": digest})
    assert status == 500 and "No space left on the disk" in sentence
    assert [path.name for path in (own_build / "models").iterdir()] == ["blobs"]


def test_a_full_disk_while_a_model_of_the_course_is_copied(monkeypatch, blobs, create):
    def full(*paths):
        raise OSError(errno.ENOSPC, "No space left on device")

    def half(source, target):
        target.write(source.read(10**6))
        full()

    with monkeypatch.context() as patch:
        patch.setattr(created.os, "link", full)
        patch.setattr(created.shutil, "copyfileobj", half)
        status, sentence = create(**{"from": "course-weak"})
    assert status == 500 and "No space left on the disk" in sentence and blobs() == []
