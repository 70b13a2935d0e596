"""A GGUF file, an engine that looks for models where learners have them, and what its folders hold."""

import pytest

from helpers.gpt.gguf import write_gguf
from helpers.llm.server.serve import start


@pytest.fixture(scope="module")
def file(tmp_path_factory, tiny_gpt, tiny_tok):
    return write_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf", tiny_gpt, tiny_tok)


@pytest.fixture
def digest(own_build, server, client, file):
    """The file is a blob of the server, whose build/ is empty otherwise."""
    return client.create_blob(file)


@pytest.fixture(autouse=True)
def forgotten(own_build, server, client):
    """What a test has loaded, another must not find."""
    yield
    for model in client.ps().models:
        client.generate(model.model, keep_alive=0)


@pytest.fixture(scope="module")
def server():
    """One that looks for models where learners have them."""
    server = start()
    yield server
    server.stop()


@pytest.fixture
def blobs(own_build):
    """Call it for the names of the files that were sent."""
    return lambda: sorted(path.name for path in (own_build / "models" / "blobs").iterdir())


@pytest.fixture
def create(http):
    """Call it with a body that is refused: (status, sentence)."""

    def create(**body):
        response = http.post("/api/create", json={"model": "mine"} | body)
        return response.status_code, response.json()["error"]

    return create
