"""``POST /json/2/<model>/<method>``: Odoo 19 and later, with an API key, named arguments only."""

from __future__ import annotations

import json

from yarl import URL

from zenoo_fast.engine.outcome import Outcome, OutcomeKind
from zenoo_fast.transports import classify
from zenoo_fast.transports.base import Call, Connection
from zenoo_fast.transports.http import HttpTransport, append_argument, name_json, server_error
from zenoo_fast.transports.kept import Parts


class Json2Transport(HttpTransport):
    """Carries calls over ``/json/2``. `Connection.secret` is an API key; no log-in is needed."""

    name = "json2"

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._urls: dict[tuple[str, str], URL] = {}

    def headers(self) -> dict[str, str]:
        """Adds the bearer token."""
        return {**super().headers(), "Authorization": f"bearer {self.connection.secret}"}

    def request(self, call: Call) -> tuple[URL, Parts]:
        """Arguments by name, the context beside them."""
        parts: list[bytes | memoryview] = []
        text = b"{"
        for name, value in call.arguments.items():
            text += (b",%b:" if parts or text != b"{" else b"%b:") % name_json(name)
            text = append_argument(parts, text, value)
        if call.context:
            text += b',"context":' if call.arguments else b'"context":'
            text += self._context_json(call.context)
        parts.append(text + b"}")
        url = self._urls.get((call.model, call.method))
        if url is None:
            url = URL(f"{self.connection.url}/json/2/{call.model}/{call.method}", encoded=True)
            self._urls[call.model, call.method] = url
        return url, parts

    def read(self, status: int, body: bytes, seconds: float) -> Outcome | None:
        """The body is the result itself, or Odoo's error."""
        if status == 200:
            if not _may_be_json(body):
                return classify.unreadable("the answer is cut or not JSON", status, seconds=seconds)
            return Outcome(OutcomeKind.COMMITTED, result=body, seconds=seconds)
        try:
            error = server_error(json.loads(body), status)
        except (ValueError, RecursionError):
            error = None
        return None if error is None else classify.odoo_error(error, seconds=seconds)


_CLOSING = {ord("["): ord("]"), ord("{"): ord("}"), ord('"'): ord('"')}
_WORDS = (b"true", b"false", b"null")


def _may_be_json(body: bytes) -> bool:
    """Whether it begins and ends like JSON; whoever decodes it sees the rest."""
    text = body.strip()
    if not text:
        return False
    closing = _CLOSING.get(text[0])
    if closing is not None:
        return len(text) > 1 and text[-1] == closing
    return text in _WORDS or text.lstrip(b"-")[:1].isdigit()
