"""The page of the game, served to this computer alone.

It listens on the loopback address; every path begins with a token drawn for this game, requests that name another host are
refused (a page elsewhere cannot reach it by a name that it points here), bodies are short, and the page may load nothing but
what it came with.
"""

import json
import secrets
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

from deepwright.core.errors import DeepwrightError, InputError
from deepwright.verbs.play.game import Game, wilson

__all__ = ["Hall"]

_LONGEST = 1000  # bytes of an answer
_POLICY = "default-src 'none'; img-src data:; style-src 'nonce-{0}'; script-src 'nonce-{0}'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class Hall:
    """Serves games until it is closed. Use it with `with`.

    Args:
        deal: makes a new game. keep: is given every finished game, and answers with a sentence for the player.
        port: 0 for any that is free.

    Raises:
        InputError: the port is taken.
    """

    def __init__(self, title: str, deal: Callable[[], Game], keep: Callable[[Game], str], port: int = 0):
        self._title, self._deal, self._keep = title, deal, keep
        self._game = deal()
        self._lock = threading.Lock()
        self._token = secrets.token_urlsafe(12)
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        except OSError as error:
            raise InputError(
                f"Port {port} cannot be used ({error.strerror}). Leave --port out for one that is free."
            ) from error
        self._server.daemon_threads = True

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/{self._token}/"

    def __enter__(self) -> "Hall":
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self) -> None:
        """Until the process is stopped."""
        while self._thread.is_alive():
            self._thread.join(0.5)

    def reply(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes]:
        """Status, content type and content of a request."""
        base, _, name = path.lstrip("/").partition("/")
        if not secrets.compare_digest(base.encode(), self._token.encode()):
            return 404, "text/plain", b"Nothing is here."
        if (method, name) == ("GET", ""):
            return 200, "text/html", b""
        with self._lock:
            if (method, name) == ("GET", "card"):
                return self._json(self._card())
            if (method, name) == ("POST", "again"):
                if self._game.over:
                    self._game = self._deal()
                return self._json(self._card())
            if (method, name) == ("POST", "answer"):
                return self._answered(body)
        return 404, "text/plain", b"Nothing is here."

    def _answered(self, body: bytes) -> tuple[int, str, bytes]:
        try:
            said = json.loads(body)
            number, made = said["card"], said["made"]
            if type(number) is not int or type(made) is not bool:
                raise TypeError
            right = self._game.answer(number, made)
        except (ValueError, LookupError, TypeError):
            return 400, "text/plain", b"Expected the number of the card whose turn it is, and true or false."
        told: dict[str, Any] = {"right": right, "made": self._game.rounds[number].made}
        if self._game.over:
            try:
                told["kept"] = self._keep(self._game)
            except DeepwrightError as error:
                told["kept"] = f"The result could not be kept: {error}"
        return self._json({**told, **self._card()})

    def _card(self) -> dict[str, Any]:
        game = self._game
        low, high = wilson(game.right, len(game.said))
        score = {"card": len(game.said), "of": len(game.rounds), "score": game.right, "low": low, "high": high}
        if game.over:
            return {**score, "over": True}
        card = game.rounds[len(game.said)]
        return {**score, "over": False, "pictures": card.pictures, "cells": card.cells}

    def _json(self, value: Any) -> tuple[int, str, bytes]:
        return 200, "application/json", json.dumps(value).encode()

    def page(self) -> tuple[bytes, str]:
        """The page and its policy."""
        nonce = secrets.token_urlsafe(12)
        text = files(__package__).joinpath("play.html").read_text(encoding="utf-8")
        title = self._title.replace("&", "&amp;").replace("<", "&lt;")
        return text.replace("{{nonce}}", nonce).replace("{{title}}", title).encode(), _POLICY.format(nonce)


def _handler(hall: Hall) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One request."""

        server_version, sys_version = "deepwright", ""
        timeout = 30

        def do_GET(self) -> None:
            self._reply("GET", b"")

        def do_POST(self) -> None:
            size = self.headers.get("Content-Length", "")
            if not size.isdigit() or int(size) > _LONGEST or self.headers.get("Content-Type") != "application/json":
                return self._send(400, "text/plain", b"Expected a short answer.")
            self._reply("POST", self.rfile.read(int(size)))

        def _reply(self, method: str, body: bytes) -> None:
            if self.headers.get("Host") not in (f"127.0.0.1:{hall.port}", f"localhost:{hall.port}"):
                return self._send(403, "text/plain", b"This game is for this computer alone.")
            status, kind, content = hall.reply(method, self.path, body)
            policy = "default-src 'none'"
            if kind == "text/html":
                content, policy = hall.page()
            self._send(status, kind, content, policy)

        def _send(self, status: int, kind: str, content: bytes, policy: str = "default-src 'none'") -> None:
            self.send_response(status)
            for name, value in (
                ("Content-Type", f"{kind}; charset=utf-8"), ("Content-Length", str(len(content))), ("Cache-Control", "no-store"),
                ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"), ("Content-Security-Policy", policy),
            ):  # fmt: skip
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is logged."""

    return Handler
