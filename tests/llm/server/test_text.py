"""Text that comes in tokens: characters are never cut, stop strings are never shown."""

from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.llm.server.text import TextStream


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet="abé🙂\n", max_size=30),
    st.lists(st.text(alphabet="abé🙂\n", min_size=1, max_size=4), max_size=3),
    st.randoms(use_true_random=False),
)
def test_text_stream_equals_cutting_the_whole_text(text, stops, random):
    """However the bytes are cut into tokens, the pieces join to the text before the first stop string."""
    data, tokens = text.encode(), []
    while data:
        size = random.randint(1, 5)
        tokens.append(data[:size])
        data = data[size:]
    stream, out, notes = TextStream(stops), "", []
    for number, token in enumerate(tokens):
        piece, some = stream.add(token, number)
        assert not some or piece
        out, notes = out + piece, notes + some
        assert "�" not in piece, "a character was cut"
        if stream.stopped:
            break
    piece, some = stream.close()
    out, notes = out + piece, notes + some
    places = [text.find(stop) for stop in stops if stop in text]
    assert stream.stopped == bool(places)
    if not places:
        assert out == text and notes == list(range(len(tokens)))
    else:  # which of two overlapping stop strings is seen first depends on where the tokens end
        assert text.startswith(out) and notes == list(range(len(notes)))
        assert any(text[len(out) :].startswith(stop) for stop in stops)
        assert not any(stop in out for stop in stops)


def test_text_stream_holds_back_as_little_as_possible():
    stream = TextStream(["###", "\n\nQ"])
    assert stream.add(b"ab#", 0) == ("ab", [0])
    assert stream.add(b"#c\n", 1) == ("##c", [1])
    assert stream.add(b"\n", 2) == ("", [])
    assert stream.close()[0] == "\n\n"
    broken = TextStream()
    assert broken.add(b"\xc3", 0) == ("", [])
    assert broken.close() == ("�", [0])
