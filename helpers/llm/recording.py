"""A language model whose every request is written down."""

from helpers.llm.client import LLM, LLMError, Reply


class RecordingLLM:
    """Asks as the `LLM` that it wraps, and keeps every request for the row. One for each attempt at a record.

    `requests` holds, in the order of the replies, {"model", "digest", "engine", "prompt", "options", "raw_reply",
    "done_reason", "prompt_tokens", "tokens", "seconds"}, with "thinking" if the server sent it apart, or "error" in
    place of the reply.
    """

    def __init__(self, llm: LLM, requests: list[dict] | None = None):
        self._llm = llm
        self.requests = [] if requests is None else requests
        self.model = llm.model

    def ask(self, prompt: str, **options) -> Reply:
        """Ask as `LLM.ask` does: the same options, the same LLMError."""
        llm = self._llm
        request = {"model": llm.model, "digest": llm.digest, "engine": llm.engine, "prompt": prompt, "options": options}
        try:
            reply = llm.ask(prompt, **options)
        except LLMError as error:
            self.requests.append(request | {"error": str(error)})
            raise
        measured = {"raw_reply": reply.raw["response"], "done_reason": reply.done_reason}
        measured |= {"prompt_tokens": reply.prompt_tokens, "tokens": reply.tokens, "seconds": round(reply.seconds, 3)}
        measured |= {"thinking": reply.thinking} if reply.thinking else {}
        self.requests.append(request | measured)
        return reply

    def also(self, llm: LLM | None) -> "RecordingLLM":
        """Another model (a weak one, a judge) whose requests go to the same row; without one, this model.

        Put its model and digest into the method's `key`: another one makes other rows.
        """
        return RecordingLLM(llm, self.requests) if llm else self


def nth_seed(seed: int, number: int) -> int:
    """The seed of request 0, 1, 2, … of one attempt, far from the seeds of the next attempts."""
    return (seed + 10_007 * number) % 2**31 if number else seed
