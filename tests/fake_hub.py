"""A hub on this machine: datasets and models over HTTP, and the ways in which it refuses."""

import hashlib
import http.server
import json
import socket
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What the hub holds and how it behaves; change it between requests.

    Attributes:
        repositories: hub id → path → content.
        revisions: branch or tag → commit, for every repository.
        refusal: status, error code and message of every answer, if it refuses all.
        cuts: path → bytes after which the connection breaks, each time the file is sent; then it
            goes whole.
        asked: method, path and range of each request.
    """

    url: str
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    revisions: dict[str, str] = field(default_factory=lambda: {"main": COMMIT})
    refusal: tuple[int, str, str] | None = None
    cuts: dict[str, list[int]] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)

    def commit(self, revision: str) -> str | None:
        if revision in self.revisions.values():
            return revision
        return self.revisions.get(revision)


@contextmanager
def serve(monkeypatch: pytest.MonkeyPatch, caches: Path) -> Iterator[Hub]:
    """A hub without repositories, which the libraries ask for as long as the block runs.

    Args:
        caches: an empty folder, for the libraries' caches.
    """
    import datasets.config
    import huggingface_hub.constants

    monkeypatch.delenv("REASONING_GUARDS_MIRROR", raising=False)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(caches / "datasets"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(caches / "hub"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        hub = Hub(f"http://127.0.0.1:{server.server_port}")
        server.hub = hub  # type: ignore[attr-defined]
        for settings, names in (
            (datasets.config, ("HF_ENDPOINT", "HUB_DATASETS_URL")),
            (huggingface_hub.constants, ("ENDPOINT", "HUGGINGFACE_CO_URL_TEMPLATE")),
        ):
            for name in names:
                _, _, path = getattr(settings, name).removeprefix("http://").partition("/")
                aimed = f"{hub.url}/{path}".rstrip("/")
                monkeypatch.setattr(settings, name, aimed)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield hub
        server.shutdown()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        hub: Hub = self.server.hub  # type: ignore[attr-defined]
        path = urllib.parse.unquote(self.path.partition("?")[0])
        hub.asked.append((self.command, path, self.headers.get("Range")))
        if self.headers.get("Content-Length"):
            self.rfile.read(int(self.headers["Content-Length"]))
        if hub.refusal:
            status, code, message = hub.refusal
            self._answer(status, {"X-Error-Code": code, "X-Error-Message": message})
            return
        parts = path.removeprefix("/api").strip("/").split("/")
        if not path.startswith("/api") and parts[0] != "datasets":
            parts = ["models", *parts]  # whose pages and files lie at the hub's root
        if parts[0] not in ("datasets", "models"):
            self._answer(404, {})
            return
        hub_id, rest = "/".join(parts[1:3]), parts[3:]
        files = hub.repositories.get(hub_id)
        if files is None:
            self._answer(404, {"X-Error-Code": "RepoNotFound"})
            return
        action = rest[0] if rest else "revision"
        commit = hub.commit(rest[1] if len(rest) > 1 else "main")
        if commit is None:
            self._answer(404, {"X-Error-Code": "RevisionNotFound"})
        elif path.startswith("/api"):
            self._describe(action, hub_id, files, commit)
        else:
            self._file(hub, files, commit, "/".join(rest[2:]))

    do_HEAD = do_GET  # noqa: N815
    do_POST = do_GET  # noqa: N815

    def _describe(self, action: str, hub_id: str, files: dict[str, bytes], commit: str) -> None:
        listed = [
            {"type": "file", "path": path, "size": len(content), "oid": _digest(content)}
            for path, content in files.items()
        ]
        known: dict[str, Any] = {
            "auth-check": {},
            "tree": listed,
            "paths-info": listed,
            "revision": {
                "id": hub_id,
                "sha": commit,
                "siblings": [{"rfilename": path} for path in files],
            },
        }
        self._answer(200 if action in known else 404, {}, json.dumps(known.get(action)).encode())

    def _file(self, hub: Hub, files: dict[str, bytes], commit: str, path: str) -> None:
        headers = {"X-Repo-Commit": commit}
        if path not in files:
            self._answer(404, headers | {"X-Error-Code": "EntryNotFound"})
            return
        content = files[path]
        headers["ETag"] = f'"{_digest(content)}"'
        asked_from = self.headers.get("Range")
        start = int(asked_from.removeprefix("bytes=").split("-")[0]) if asked_from else 0
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        cuts = hub.cuts.get(path) if self.command == "GET" else None
        cut = cuts.pop(0) if cuts else None
        self._answer(206 if start else 200, headers, content[start:], cut)

    def _answer(
        self, status: int, headers: dict[str, str], body: bytes = b"", cut: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body[:cut])
        if cut is not None and cut < len(body):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        pass


def _digest(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
