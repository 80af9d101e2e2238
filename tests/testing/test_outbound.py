"""The stand-in for what posts: it keeps the posts, and answers by script."""

import asyncio

import pytest

from simlet.outbound import Answer, Outbound, Poster
from simlet.testing.outbound import ACCEPTED, FakeOutbound, Post

pytestmark = pytest.mark.anyio


async def test_the_stand_in_keeps_posts_and_answers_by_script() -> None:
    slow = Answer(None, "timeout", 5000)
    fake: Poster = FakeOutbound([slow])
    assert isinstance(fake, FakeOutbound)
    assert await fake.post("http://a.example/", b"1", {"x": "y"}) == slow
    assert await fake.post("http://b.example/", b"2", {}) == ACCEPTED
    assert fake.posts == [
        Post("http://a.example/", b"1", {"x": "y"}),
        Post("http://b.example/", b"2", {}),
    ]


async def test_the_stand_in_wakes_who_waits_for_posts() -> None:
    fake = FakeOutbound()
    waiting = asyncio.create_task(fake.wait_for_posts(2))
    await fake.post("http://a.example/", b"1", {})
    await fake.post("http://a.example/", b"2", {})
    assert [post.body for post in await waiting] == [b"1", b"2"]


async def test_the_closed_stand_in_posts_no_more() -> None:
    fake = FakeOutbound()
    await fake.close()
    assert fake.closed
    with pytest.raises(RuntimeError, match="closed"):
        await fake.post("http://a.example/", b"", {})


def test_the_real_one_and_the_stand_in_have_the_same_face() -> None:
    posters: list[Poster] = [Outbound(), FakeOutbound()]
    assert len(posters) == 2
