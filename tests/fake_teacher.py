"""An OpenAI-compatible endpoint on this machine that answers, or fails in the ways that such do.

python fake_teacher.py SECONDS     serves good answers after so long; prints its port
"""

import http.server
import json
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

REASONING = "The user wants a ladder that is not theirs. Nobody was asked. The reply refuses."
VERDICT = "Prompt harm: harmful\n\nResponse harm: unharmful"


@dataclass
class Teacher:
    """What the endpoint does; change it between requests.

    Attributes:
        faults: what happens to each question, in turn, before it is answered: a status, "hang",
            "cut" (half of the JSON), "junk", "empty" (JSON that holds nothing), "drop" (the
            connection).
        refused: ladders about which every question is refused.
        retry_after: what a 429 asks for.
        twice: whether each answer is sent twice, the second time unasked.
        seconds: before each answer.
        message: what a good answer is, to any question, where `{ladder}` is the one that it is
            about; or to the one that is given.
        asked: how often each question came; answered: how often it was answered well.
        times: when, in seconds.
    """

    url: str = ""
    faults: Sequence[int | str] = ()
    seconds: float = 0.0
    message: dict[str, Any] | Callable[[str], dict[str, Any]] = field(
        default_factory=lambda: {"reasoning_content": REASONING, "content": VERDICT}
    )
    finish: str = "stop"
    refused: frozenset[str] = frozenset()
    retry_after: str = "0.01"
    twice: bool = False
    asked: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    times: list[float] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def serve(**behaviour: Any) -> Iterator[Teacher]:
    """An endpoint as long as the block runs."""
    teacher = Teacher(**behaviour)
    handler = type("Handler", (_Handler,), {"teacher": teacher})
    with _Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        teacher.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        yield teacher
        server.shutdown()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_: Any) -> None:
        """A client that went away is no news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    teacher: Teacher

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        teacher, name = self.teacher, json.dumps([body["messages"][0]["content"], body["seed"]])
        with teacher.lock:
            turn = teacher.asked[name]
            teacher.asked[name] += 1
            teacher.bodies.append(body)
            teacher.times.append(time.monotonic())
            teacher.keys.add(self.headers.get("authorization", ""))
            teacher.at_once += 1
            teacher.most_at_once = max(teacher.most_at_once, teacher.at_once)
        try:
            time.sleep(teacher.seconds)
            fault = teacher.faults[turn] if turn < len(teacher.faults) else None
            self.answer(fault, name, body["messages"][0]["content"])
        finally:
            with teacher.lock:
                teacher.at_once -= 1

    def answer(self, fault: int | str | None, name: str, asked: str) -> None:
        asked_about = re.search(r"ladder \d+", name)
        ladder = asked_about[0] if asked_about else "it"
        told = self.teacher.message
        message = (
            told(asked)
            if callable(told)
            else {part: text and text.replace("{ladder}", ladder) for part, text in told.items()}
        )
        good = {
            "choices": [{"index": 0, "finish_reason": self.teacher.finish, "message": message}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 50},
        }
        if asked_about and asked_about[0] in self.teacher.refused:
            self.send(400, json.dumps({"error": {"message": "no"}}))
        elif fault == "drop":
            self.connection.close()
        elif fault == "hang":
            time.sleep(3)
            self.send(200, json.dumps(good))  # late: nobody listens any more
        elif fault == "cut":
            whole = json.dumps(good)
            self.send(200, whole[: len(whole) // 2])
        elif fault == "junk":
            self.send(200, json.dumps({"choices": []}))
        elif fault == "empty":
            self.send(200, "")
        elif isinstance(fault, int):
            self.send(fault, json.dumps({"error": {"message": "no"}}))
        else:
            with self.teacher.lock:
                self.teacher.answered[name] += 1
            self.send(200, json.dumps(good))
            if self.teacher.twice:
                self.send(200, json.dumps(good))

    def send(self, status: int, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        if status == 429:
            self.send_header("retry-after", self.teacher.retry_after)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


if __name__ == "__main__":
    with serve(seconds=float(sys.argv[1])) as endless:
        print(endless.url, flush=True)
        sys.stdin.read()
