"""The embedded engine: small models behind Ollama's REST API."""
