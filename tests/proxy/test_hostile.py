"""Bodies that are made to cost time or memory, and texts that are no names."""

import gzip

import pytest

from estimator.usage import Usage
from proxy.clients import client
from proxy.decoding import Decoder
from proxy.identity import Identification
from proxy.protocols.fields import FITTED_BYTES
from proxy.protocols.openai_chat import OpenAIChat
from proxy.protocols.protocol import Ask, Reading
from proxy.routing import Route, upstream

HERE = Identification("me@example.org", b"k" * 32)
ROUTE = Route(upstream("openai", "https://api.openai.com"), "/v1/chat/completions", "")


def test_many_empty_gzip_members_stop_the_reading() -> None:
    decoder = Decoder("gzip")
    assert decoder.feed(gzip.compress(b"") * 10_000) == b""
    assert decoder.stopped == "decoded body too large"


def test_a_large_body_of_an_odd_shape_is_not_fitted_field_by_field() -> None:
    odd = b'{"model":"m","messages":[%b1]}'
    small, large = odd % (b"[]," * 10), odd % (b"[]," * FITTED_BYTES)
    asked = OpenAIChat().ask("/v1/chat/completions", small)
    assert asked.model == "m"
    assert OpenAIChat().ask("/v1/chat/completions", large).model is None


@pytest.mark.parametrize(
    "secret", ["sk-ant-api03-abc", "ghp_abcdef", "AIzaSyA", "eyJhbGciOi", "tid=abc"]
)
def test_a_key_where_a_name_should_stand_is_only_kept_as_a_pseudonym(secret: str) -> None:
    for headers, ask in (
        ({"x-tabwatt-developer": secret}, Ask()),
        ({}, Ask(user=secret)),
    ):
        name = HERE.caller(ROUTE, headers, ask).developer
        assert name.startswith("user-")
        assert secret not in name


def test_a_sentence_in_the_body_is_no_developer() -> None:
    ask = Ask(user="please fix my code: print(1)")
    assert HERE.caller(ROUTE, {}, ask).developer.startswith("user-")


@pytest.mark.parametrize("name", ["a\x9b31m", "a\u202eb", "a\u2028b"])
def test_signs_that_steer_a_terminal_make_no_name(name: str) -> None:
    assert HERE.caller(ROUTE, {"x-tabwatt-developer": name}, None).developer == "me@example.org"


def test_a_header_in_utf_8_names_the_same_person_as_the_path() -> None:
    sent = "J\u00fcrgen".encode().decode("latin-1")  # as headers are read
    assert HERE.caller(ROUTE, {"x-tabwatt-developer": sent}, None).developer == "J\u00fcrgen"


@pytest.mark.parametrize("agent", ["sk-ant-SECRETKEY/1.0", "please fix my code now/1"])
def test_a_user_agent_that_is_no_program_is_not_kept(agent: str) -> None:
    assert client({"user-agent": agent}).name is None


def test_a_later_report_takes_nothing_back() -> None:
    reading = Reading()
    reading.report(Usage(9, None, None, 3, None, "reported", "reported"))
    reading.report(Usage(0, 0, None, 0, None, "reported", "reported"))
    assert reading.usage == Usage(9, None, None, 3, None, "reported", "reported")
    reading.report(Usage(10, None, None, None, None, "reported", "none"))
    assert reading.usage == Usage(10, None, None, 3, None, "reported", "reported")
