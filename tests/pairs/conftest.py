"""A model on the fake server, for building."""

import ollama
import pytest

from helpers.llm.client import LLM, Retry


@pytest.fixture
def llm_of():
    """Call it with a server, and with what else the LLM shall be."""

    def llm(server, **settings):
        timeout = settings.get("timeout", 5.0)
        client = ollama.Client(server.url, timeout=timeout, trust_env=False)
        values = {
            "model": "test-model",
            "digest": "abc",
            "engine": "ollama 0",
            "retry": Retry(first=0.01, longest=0.02),
        }
        return LLM(client=client, host=server.url, **(values | settings))

    return llm
