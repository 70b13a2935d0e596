import random

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.files import DATA, CourseError, read_json
from helpers.gpt.tokenizer import COURSE_FILE, PATTERN, load_tokenizer, save_tokenizer, train_tokenizer

TOK = load_tokenizer("course")


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_every_text_survives(text):
    assert TOK.decode(TOK.encode_ordinary(text)) == text


def test_it_is_a_tiktoken_encoding_of_4096():
    assert isinstance(TOK, tiktoken.Encoding)
    assert (TOK.n_vocab, TOK.eot_token) == (4096, 4095)
    assert TOK.encode("<|endoftext|>", allowed_special="all") == [4095]
    assert 4095 not in TOK.encode_ordinary("<|endoftext|>")  # a learner's text cannot end an answer


def test_all_256_bytes_are_there():
    assert {bytes([b]) for b in range(256)} <= set(TOK.token_byte_values())


def test_course_answers_are_short():
    """The vocabulary fits the course: fewer than 1.6 tokens a word."""
    outputs = [r["output"] for r in read_json(DATA / "instruction-data.json")]
    tokens = sum(len(TOK.encode_ordinary(text)) for text in outputs)
    assert tokens / sum(len(text.split()) for text in outputs) < 1.6


def test_split_pattern_is_gpt2s():
    """The same pieces as tiktoken's own GPT-2 pattern."""
    import regex
    import tiktoken_ext.openai_public as public

    theirs = public.r50k_pat_str
    rng = random.Random(0)
    for _ in range(300):
        text = "".join(rng.choice("ab é1,.'’s \n\t-I'mlldon't #") for _ in range(rng.randrange(40)))
        assert regex.findall(PATTERN, text) == regex.findall(theirs, text)


def test_trained_tokenizer_survives_saving(tmp_path):
    tok = train_tokenizer(["the cat sat on the mat, the cat sat"] * 30, 280)
    save_tokenizer(tok, tmp_path)
    again = load_tokenizer(str(tmp_path))
    assert again.n_vocab == tok.n_vocab <= 280
    assert again.encode_ordinary("the cat sat") == tok.encode_ordinary("the cat sat")
    assert len(again.encode_ordinary("the cat sat")) <= 3


@pytest.mark.parametrize("damage", [b"not base64 at all\n", b"IQ== 0\nIg== 5\n", b"IQ==\n"])
def test_damaged_file_is_named(tmp_path, damage):
    (tmp_path / COURSE_FILE).write_bytes(damage)
    with pytest.raises(CourseError, match="course.tiktoken is damaged"):
        load_tokenizer(str(tmp_path))


def test_unknown_name_says_what_there_is(tmp_path):
    with pytest.raises(CourseError, match='"course", "gpt2"'):
        load_tokenizer(str(tmp_path / "nothing"))


def test_gpt2_without_a_network_says_so(monkeypatch):
    def no_network(name):
        raise ConnectionError("no route")

    monkeypatch.setattr(tiktoken, "get_encoding", no_network)
    with pytest.raises(CourseError, match="download failed"):
        load_tokenizer.__wrapped__("gpt2")
