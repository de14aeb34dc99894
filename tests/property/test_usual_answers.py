"""The short way through an HTTP answer says what aiohttp's parser says, or nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpResponseParser
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from zenoo_fast._core import usual_answer

NAMES = st.sampled_from(
    [
        *("Content-Length", "content-length", "Content-Type", "CONTENT-TYPE", "Connection", "Transfer-Encoding"),
        *("Content-Encoding", "Upgrade", "Server", "Set-Cookie", "Date", "X-Own", "Content-Length ", " Folded", ""),
    ]
)
VALUES = st.one_of(
    st.sampled_from(
        ["3", " 3 ", "03", "+3", "-3", "3,3", "0x3", "9999999999", "", "application/json", "Text/HTML; charset=utf-8"]
    ),
    st.sampled_from(["close", "keep-alive", "Keep-Alive", "Upgrade", "chunked", "gzip", "identity", "h2c", "a\tb"]),
    st.text(max_size=8),
)
GOOD = ["Content-Length: 3", "content-type:application/json; charset=utf-8", "Server: x", "Connection: keep-alive"]
ODD = st.builds("".join, st.tuples(NAMES, st.sampled_from([":", ": ", ":  ", " : ", ""]), VALUES))
LINES = st.tuples(st.lists(st.sampled_from(GOOD), max_size=4, unique=True), st.lists(ODD, max_size=2)).flatmap(
    lambda both: st.permutations([*both[0], *both[1]])
)
STATUS = st.sampled_from(
    ["HTTP/1.1 200 OK"] * 8 + ["HTTP/1.1 200 ", "HTTP/1.1 200", "HTTP/1.0 200 OK", "HTTP/1.1 2000"]
)
ENDS = st.sampled_from(["\r\n"] * 20 + ["\n", "\r", "\r\n "])


class Loop(asyncio.AbstractEventLoop):
    """The parser's streams want one, and nothing of it."""

    def get_debug(self) -> bool:
        return False


def parsed(data: bytes) -> Any:
    loop: Any = Loop()
    parser = HttpResponseParser(BaseProtocol(loop), loop, 65536, response_with_body=True, read_until_eof=True)
    messages, upgraded, rest = parser.feed_data(data)
    assert (len(messages), upgraded, rest) == (1, False, b"")
    return messages[0]


@settings(max_examples=2000)
@given(STATUS, LINES, st.lists(ENDS, min_size=8, max_size=8))
@example("HTTP/1.1 200 OK", ["Content-Length:3", "Content-Type: A/B ; c=d"], ["\r\n"] * 8)
def test_it_says_what_the_parser_says_or_nothing(status: str, lines: list[str], ends: list[str]) -> None:
    head = "".join(line + end for line, end in zip([status, *lines], ends, strict=False))
    text = head.encode("utf-8", "surrogatepass") + b"\r\n[1]"
    found = usual_answer(text)
    event("usual" if found else "another")
    if found is None:
        return
    media_type, length, body = found
    assume(length == len(body))
    message, payload = parsed(text)
    assert (message.code, message.should_close, message.chunked, message.compression) == (200, False, False, None)
    assert message.headers.get("Content-Type", "").partition(";")[0].strip().lower() == media_type
    assert int(message.headers["Content-Length"]) == length
    assert payload.is_eof()
    assert payload.read_nowait() == body
