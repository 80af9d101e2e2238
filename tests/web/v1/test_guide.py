"""The calls that docs/v1.md shows can be copied and work."""

import asyncio
import os
import re
import shutil
from pathlib import Path

import msgspec
import pytest

from simlet.testing.site import Site

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here"),
]

GUIDE = Path(__file__).parents[3] / "docs" / "v1.md"
_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


async def run(script: str, token: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-ec",
        script,
        env={**os.environ, "T": token},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out


async def test_every_call_of_the_guide_is_answered(site: Site) -> None:
    world = site.world
    await world.service(1)
    await world.lines("0912345671", "0912345672", "0912345673")
    dealer = await world.dealer()
    world.runtime.feed.dismiss()  # so that waits end at once
    names, *calls = _BLOCK.findall(GUIDE.read_text("utf-8"))
    names = names.replace("http://127.0.0.1:8080", site.base_url)
    calls = [one for one in calls if "curl" in one and "-N" not in one]
    assert len(calls) >= 4
    for call in calls:
        answer = msgspec.json.decode(await run(names + call, dealer.token))
        assert "object" in answer, (call, answer)
