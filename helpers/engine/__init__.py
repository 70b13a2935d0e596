"""The language model behind the course: connecting to Ollama, and an embedded engine with the same REST API."""

from helpers.engine.client import LLM, Reply
from helpers.engine.connect import connect

__all__ = ["LLM", "Reply", "connect"]
