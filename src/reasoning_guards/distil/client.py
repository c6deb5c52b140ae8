"""A teacher behind an OpenAI-compatible endpoint, asked again while it may still answer."""

import asyncio
import json
import os
import random
from typing import Any

from reasoning_guards.distil.answers import Answer, Question, read
from reasoning_guards.errors import UserError

KEY_VARIABLE = "OPENAI_API_KEY"
LONGEST_WAIT = 60.0


class EndpointError(UserError):
    """The endpoint refuses everything: its address, the key or the model's name is wrong."""


class NoAnswerError(Exception):
    """The endpoint gave no answer to one question, however often it was asked.

    Attributes:
        refused: whether it said that it will not, which some do by what is in a text.
    """

    def __init__(self, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.refused = refused


class Endpoint:
    """Asks one question at a time; as many at once as there are tasks that do.

    Overload (429), faults of the server (5xx), timeouts, broken connections and answers that are
    not whole JSON are asked again after a wait that doubles, with jitter, or that the server names
    (Retry-After). An answer that comes after its timeout is never read.

    Args:
        url: of the API, which ends in /v1 as a rule.
        timeout: seconds that one answer may take.
        tries: how often a question is asked in all.
        first_wait: seconds before the second time.

    Attributes:
        trouble: the last failure that a question is asked again after; None once one is answered.
    """

    def __init__(
        self, url: str, timeout: float = 600.0, tries: int = 8, first_wait: float = 1.0
    ) -> None:
        self.url, self._timeout, self._tries, self._first_wait = url, timeout, tries, first_wait
        self.trouble: str | None = None
        self._client: Any = None  # its connections belong to one event loop, and end with it

    async def ask(self, question: Question) -> Answer:
        """The answer to a question.

        Raises:
            EndpointError: if the endpoint, the key or the model is refused.
            NoAnswerError: if this question is refused, or has failed too often.
        """
        import openai

        for turn in range(self._tries):
            wait = min(self._first_wait * 2**turn, LONGEST_WAIT) * random.uniform(0.5, 1.0)
            try:
                answer = await self._once(question)
            except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
                raise EndpointError(
                    f"The endpoint {self.url} refuses the key (status {error.status_code}): set "
                    f"{KEY_VARIABLE} to one that it takes."
                ) from None
            except openai.NotFoundError:
                raise EndpointError(
                    f"The endpoint {self.url} has no model {question.model!r}, or no chat "
                    "completions: mend teacher_url (it ends in /v1 as a rule) or the model's name."
                ) from None
            except openai.APIStatusError as error:
                if error.status_code not in (408, 409, 429) and error.status_code < 500:
                    self.trouble = None
                    why = f"refused with status {error.status_code}"
                    raise NoAnswerError(why, refused=True) from None
                why = f"status {error.status_code}"
                wait = max(wait, _asked_for(error.response.headers.get("retry-after")))
            except openai.APIError as error:
                why = type(error).__name__
            except (ValueError, KeyError, IndexError, TypeError):
                why = "an answer that is not what the API promises"
            else:
                self.trouble = None
                return answer
            self.trouble = f"{self.url}: {why}"
            if turn < self._tries - 1:
                await asyncio.sleep(wait)
        raise NoAnswerError(f"asked {self._tries} times; the last time: {why}")

    async def close(self) -> None:
        """Close the connections; they are opened anew by the next question."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _connected(self) -> Any:
        import httpx2
        import openai

        if self._client is None:
            # A connection for each question: on one that is kept, an answer that a server sends
            # twice would be read as that to the next question.
            limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
            self._client = openai.AsyncOpenAI(
                base_url=self.url,
                api_key=os.environ.get(KEY_VARIABLE, "none"),
                timeout=self._timeout,
                max_retries=0,  # ours are counted, and also meet what is not whole JSON
                http_client=openai.DefaultAsyncHttpxClient(limits=limits),
            )
        return self._client

    async def _once(self, question: Question) -> Answer:
        # Sent and read by hand: the client's types know neither where reasoning stands nor `seed`
        # for every server, and going through them takes half of the time that a question costs.
        import httpx2

        response = await self._connected().post(
            "/chat/completions",
            cast_to=httpx2.Response,
            body={
                "model": question.model,
                "messages": [{"role": "user", "content": question.text}],
                "temperature": question.temperature,
                "top_p": question.top_p,
                "max_tokens": question.max_tokens,
                "seed": question.seed,
            },
        )
        body: dict[str, Any] = json.loads(response.content)
        choice, usage = body["choices"][0], body.get("usage") or {}
        return read(
            dict(choice["message"]),
            str(choice.get("finish_reason") or "stop"),
            int(usage.get("prompt_tokens") or 0),
            int(usage.get("completion_tokens") or 0),
        )


def _asked_for(retry_after: str | None) -> float:
    """Seconds that a server asks to wait, within reason; a date counts as none."""
    try:
        return min(max(float(retry_after or 0), 0.0), LONGEST_WAIT)
    except ValueError:
        return 0.0
