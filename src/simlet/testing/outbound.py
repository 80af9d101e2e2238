"""A stand-in for the way out: it keeps every post and answers as the test says."""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from simlet.outbound import Answer

ACCEPTED = Answer(status=200, error=None, duration_ms=1)


@dataclass(frozen=True, slots=True)
class Post:
    """One post as it would have gone out."""

    url: str
    body: bytes
    headers: dict[str, str]


class FakeOutbound:
    """Takes the place of `Outbound`.

    Args:
        answers: the answers to the first posts, in order.
        otherwise: the answer to every post after them.

    Attributes:
        posts: what was posted, oldest first.
        closed: whether `close` was called.
    """

    def __init__(self, answers: Iterable[Answer] = (), otherwise: Answer = ACCEPTED) -> None:
        self._answers = deque(answers)
        self._otherwise = otherwise
        self._changed = asyncio.Condition()
        self.posts: list[Post] = []
        self.closed = False

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Keep the post and give the next answer.

        Raises:
            RuntimeError: this was closed.
        """
        if self.closed:
            raise RuntimeError("closed: nothing is posted any more")
        async with self._changed:
            self.posts.append(Post(url, body, dict(headers)))
            self._changed.notify_all()
        return self._answers.popleft() if self._answers else self._otherwise

    async def wait_for_posts(self, count: int) -> list[Post]:
        """Wait until so many posts were made in all; give them, oldest first."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.posts) >= count)
        return list(self.posts)

    async def close(self) -> None:
        """Note that it was closed."""
        self.closed = True
