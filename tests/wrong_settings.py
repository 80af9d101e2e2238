"""What is told of settings that cannot be used."""

from pathlib import Path

import pytest

from simlet.load_config import SettingsError, load_settings


def refusal(environ: dict[str, str], file: Path | None = None) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, file)
    return caught.value


def only_problem(environ: dict[str, str], file: Path | None = None) -> str:
    (problem,) = refusal(environ, file).problems
    return problem
