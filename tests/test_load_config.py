"""The settings: layers, refusals, and the defaults file as documentation."""

import importlib.resources
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet import load_config
from simlet.config import Settings
from simlet.load_config import SettingsError, load_settings
from wrong_settings import only_problem, refusal

PASSWORD = "vErYhIdDeN"


@pytest.fixture(autouse=True)
def _empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(directory: Path, text: str, name: str = "own.toml") -> Path:
    file = directory / name
    file.write_text(text, "utf-8")
    return file


def problems(environ: dict[str, str]) -> tuple[str, ...]:
    try:
        load_settings(environ)
    except SettingsError as error:
        return error.problems
    return ()


def test_without_file_and_variables_the_defaults_hold() -> None:
    assert load_settings({}) == Settings()


def test_a_file_overrules_the_defaults_and_leaves_the_rest(tmp_path: Path) -> None:
    file = written(tmp_path, 'listen = "0.0.0.0:80"\n[retention]\ntexts_hours = 2\n')
    settings = load_settings({}, file)
    assert (settings.listen, settings.retention.texts_hours) == ("0.0.0.0:80", 2)
    assert settings.callbacks == Settings().callbacks


def test_a_variable_overrules_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "[retention]\ntexts_hours = 2\n")
    settings = load_settings({"SIMLET_RETENTION_TEXTS_HOURS": "3"}, file)
    assert settings.retention.texts_hours == 3


def test_the_file_named_by_the_variable_is_read(tmp_path: Path) -> None:
    file = written(tmp_path, "[web]\nshutdown_grace_s = 1\n")
    assert load_settings({"SIMLET_CONFIG": str(file)}).web.shutdown_grace_s == 1.0


def test_the_file_of_the_call_goes_before_the_one_of_the_variable(tmp_path: Path) -> None:
    file = written(tmp_path, "[web]\nshutdown_grace_s = 2\n")
    assert load_settings({"SIMLET_CONFIG": "nowhere.toml"}, file).web.shutdown_grace_s == 2.0


def test_the_file_in_the_working_directory_is_read_when_none_is_named(tmp_path: Path) -> None:
    written(tmp_path, 'listen = "[::1]:1"\n', "simlet.toml")
    assert load_settings({"SIMLET_CONFIG": ""}).listen == "[::1]:1"


def test_the_file_in_the_working_directory_is_left_alone_when_one_is_named(tmp_path: Path) -> None:
    written(tmp_path, 'listen = "[::1]:1"\n', "simlet.toml")
    assert load_settings({}, written(tmp_path, "")).listen == Settings().listen


def test_a_named_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "nowhere.toml cannot be read" in only_problem({"SIMLET_CONFIG": "nowhere.toml"})
    assert "cannot be read" in only_problem({}, tmp_path)


def test_a_file_that_is_no_toml_is_told_with_its_line(tmp_path: Path) -> None:
    assert "line 2" in only_problem({}, written(tmp_path, "\nlisten = oops\n"))


def test_a_file_that_is_no_text_is_told_without_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_bytes(b'database_url = "' + PASSWORD.encode() + b'\xff"')
    error = refusal({}, file)
    assert "not UTF-8" in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_other_variables_are_not_looked_at() -> None:
    assert load_settings({"PATH": "/bin", "simlet_listen": "x", "MY_SIMLET_X": "1"}) == Settings()


def test_the_variables_of_the_client_are_left_to_it() -> None:
    environ = {"SIMLET_URL": "http://127.0.0.1:1", "SIMLET_TOKEN": PASSWORD}
    assert load_settings(environ) == Settings()
    assert "SIMLET_TOKENS" in only_problem({"SIMLET_TOKENS": "x"})


@pytest.mark.parametrize(
    ("variable", "text", "read"),
    [
        ("SIMLET_DATABASE_POOL_SIZE", " 12\x1f", lambda s: s.database.pool_size == 12),
        ("SIMLET_EXPIRY_TICK_S", ".5", lambda s: s.expiry.tick_s == 0.5),
        ("SIMLET_DATABASE_BUSY_TIMEOUT_S", "7", lambda s: s.database.busy_timeout_s == 7.0),
        ("SIMLET_LOG_LEVEL", "debug", lambda s: s.log.level == "debug"),
        ("SIMLET_CALLBACKS_PORTS", "443, 8443", lambda s: s.callbacks.ports == (443, 8443)),
        ("SIMLET_CALLBACKS_PRIVATE_NETWORKS", "", lambda s: s.callbacks.private_networks == ()),
        (
            "SIMLET_CALLBACKS_PRIVATE_NETWORKS",
            "10.0.0.0/8,fd00:1::/64",
            lambda s: s.callbacks.private_networks == ("10.0.0.0/8", "fd00:1::/64"),
        ),
    ],
)
def test_a_variable_is_read_as_the_type_of_its_setting(variable: str, text: str, read: Any) -> None:
    assert read(load_settings({variable: text}))


@pytest.mark.parametrize(
    ("text", "truth"),
    [("true", True), ("YES", True), ("1", True), ("false", False), ("no", False), ("0", False)],
)
def test_a_truth_value_is_read_from_its_words(text: str, truth: bool) -> None:
    assert load_config._from_text(text, bool) is truth


def test_a_word_that_is_no_truth_value_stays_text() -> None:
    assert load_config._from_text("perhaps", bool) == "perhaps"


def test_a_wrong_variable_is_told_with_name_type_and_expectation() -> None:
    assert only_problem({"SIMLET_RETENTION_TEXTS_HOURS": "1d"}) == (
        "retention.texts_hours (from SIMLET_RETENTION_TEXTS_HOURS): text ('1d') was given, "
        "but a whole number from 1 to 8760 is expected."
    )


def test_a_wrong_line_of_the_file_is_told_with_name_type_and_expectation(tmp_path: Path) -> None:
    file = written(tmp_path, "[log]\nlevel = 3\n")
    assert only_problem({}, file) == (
        f"log.level (from {file}): a whole number (3) was given, "
        "but one of critical, debug, error, info, warning is expected."
    )


def test_a_wrong_line_of_the_file_is_told_even_where_a_variable_overrules_it(
    tmp_path: Path,
) -> None:
    file = written(tmp_path, "[retention]\ntexts_hours = 0\n")
    assert "texts_hours" in only_problem({"SIMLET_RETENTION_TEXTS_HOURS": "3"}, file)


def test_every_wrong_setting_is_told_at_once(tmp_path: Path) -> None:
    file = written(tmp_path, 'listen = 8080\nlisen = "x"\n[web]\nbody_limit_bytes = true\n')
    error = refusal({"SIMLET_EXPIRY_TICK_S": "1", "SIMLET_NEW": "x"}, file)
    told = [problem.partition(" ")[0] for problem in error.problems]
    assert told == ["listen", "lisen", "web.body_limit_bytes", "expiry.tick_s", "SIMLET_NEW"]
    assert str(error).splitlines() == list(error.problems)


def test_a_wrong_element_of_a_list_is_told_by_its_place() -> None:
    assert only_problem({"SIMLET_CALLBACKS_PORTS": "80,https"}).startswith(
        "callbacks.ports[1] (from SIMLET_CALLBACKS_PORTS): text ('https')"
    )


def test_an_unknown_variable_is_told_with_the_nearest_name() -> None:
    problem = only_problem({"SIMLET_RETENTION_TEXT_HOURS": PASSWORD})
    assert "SIMLET_RETENTION_TEXT_HOURS (from the environment): text was given" in problem
    assert "perhaps SIMLET_RETENTION_TEXTS_HOURS" in problem


def test_an_unknown_line_of_the_file_is_told_with_its_section(tmp_path: Path) -> None:
    file = written(tmp_path, f"[web]\nbody_limit = 1\n[wep]\nx = '{PASSWORD}'\n")
    first, second = refusal({}, file).problems
    assert first.startswith(f"web.body_limit (from {file}): a whole number was given, but no")
    assert second.startswith(f"wep (from {file}): a section was given, but no")


@pytest.mark.parametrize("line", ["web = 3", "[[web]]\nbody_limit_bytes = 1024"])
def test_a_section_given_as_a_value_is_told(tmp_path: Path, line: str) -> None:
    assert "but a section is expected" in only_problem({}, written(tmp_path, line))


def test_a_setting_given_as_a_section_is_told(tmp_path: Path) -> None:
    problem = only_problem({}, written(tmp_path, "[listen]\nport = 3\n"))
    assert "a section was given, but host:port" in problem


@pytest.mark.parametrize(
    "environ",
    [
        {"SIMLET_DATABASE_URL": f"mysql://u:{PASSWORD}@host/x"},
        {"SIMLET_DATABASE_URLL": f"postgresql://u:{PASSWORD}@host/x"},
        {"SIMLET_PUBLIC_URL": f"https://u:{PASSWORD}@host"},
    ],
)
def test_a_value_that_may_hold_a_password_is_never_told(environ: dict[str, str]) -> None:
    error = refusal(environ)
    assert PASSWORD not in str(error)
    assert PASSWORD not in repr(error)


def test_a_long_value_is_cut(tmp_path: Path) -> None:
    assert "x" * 41 not in only_problem({"SIMLET_LOG_FORMAT": "x" * 10_000})


NUMBERS = [
    setting.name
    for setting in load_config._BY_NAME.values()
    if isinstance(
        msgspec.inspect.type_info(setting.kind), msgspec.inspect.IntType | msgspec.inspect.FloatType
    )
]


def limits(name: str) -> tuple[float, float]:
    node: Any = msgspec.inspect.type_info(load_config._BY_NAME[name].kind)
    return node.ge, node.le


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_taken_at_its_limits_and_refused_beyond(name: str) -> None:
    variable = load_config._BY_NAME[name].variable
    low, high = limits(name)
    load_settings({variable: str(low)})
    load_settings({variable: str(high)})
    for beyond in (f"{low - 1}", f"{high + 1}", "nan", "inf", "1e0", "", "x"):
        assert only_problem({variable: beyond}).startswith(f"{name} ")


@pytest.mark.parametrize("name", NUMBERS)
def test_not_a_number_in_the_file_is_refused(name: str, tmp_path: Path) -> None:
    section, _, key = name.partition(".")
    for value in ("nan", "inf", "true", "[1]", "2026-11-23", '"1"'):
        file = written(tmp_path, f"[{section}]\n{key} = {value}\n")
        assert only_problem({}, file).startswith(f"{name} (from {file})")


@given(st.sampled_from(sorted(load_config._BY_VARIABLE)), st.text())
def test_whatever_a_variable_holds_it_is_taken_or_told(variable: str, text: str) -> None:
    assert all(variable in problem for problem in problems({variable: text}))


def test_no_two_settings_share_a_variable() -> None:
    assert len(load_config._BY_VARIABLE) == len(load_config._BY_NAME)
    assert load_config.PATH_VARIABLE not in load_config._BY_VARIABLE


def shipped_text() -> str:
    return importlib.resources.files("simlet").joinpath("defaults.toml").read_text("utf-8")


def shipped_comments() -> dict[str, str]:
    """The comment right above each setting of the defaults file, by the setting's dotted name."""
    comments: dict[str, str] = {}
    section, lines = "", list[str]()
    for line in shipped_text().splitlines():
        if line.startswith("#"):
            lines.append(line.removeprefix("#").strip())
            continue
        if header := re.fullmatch(r"\[(\w+)\]", line):
            section = f"{header[1]}."
        elif key := re.match(r"(\w+) = ", line):
            comments[section + key[1]] = " ".join(lines)
        lines = []
    return comments


def test_the_defaults_file_holds_every_setting_and_nothing_else() -> None:
    assert sorted(shipped_comments()) == sorted(load_config._BY_NAME)


def test_the_values_of_the_defaults_file_are_those_of_the_tree() -> None:
    assert msgspec.convert(tomllib.loads(shipped_text()), Settings) == Settings()


@pytest.mark.parametrize("name", sorted(load_config._BY_NAME))
def test_every_setting_of_the_defaults_file_is_explained(name: str) -> None:
    assert len(shipped_comments()[name]) > 30


@pytest.mark.parametrize("name", NUMBERS)
def test_the_limits_of_every_number_stand_in_the_defaults_file(name: str) -> None:
    low, high = limits(name)
    assert re.search(rf"\b{low} to {high}\b", shipped_comments()[name])


@pytest.mark.parametrize("name", NUMBERS)
def test_the_unit_of_every_measure_stands_in_the_defaults_file(name: str) -> None:
    units = {"s": "second", "hours": "hour", "bytes": "byte"}
    unit = units.get(name.rpartition("_")[2], "")
    assert unit in shipped_comments()[name].lower()


@pytest.mark.parametrize("name", ["log.level", "log.format"])
def test_the_choices_of_a_setting_stand_in_the_defaults_file(name: str) -> None:
    node: Any = msgspec.inspect.type_info(load_config._BY_NAME[name].kind)
    assert all(value in shipped_comments()[name] for value in node.values)


@pytest.mark.parametrize("token", ["", "0123456789abcdef", "!~" * 100])
def test_a_token_for_figures_is_a_word_or_nothing(token: str) -> None:
    assert load_settings({"SIMLET_WEB_METRICS_TOKEN": token}).web.metrics_token == token


@pytest.mark.parametrize("token", [PASSWORD, "0123456789 abcdef", "ă" * 20, "x" * 201])
def test_any_other_token_is_refused_and_not_shown(token: str) -> None:
    problem = only_problem({"SIMLET_WEB_METRICS_TOKEN": token})
    assert problem.startswith("web.metrics_token ")
    assert token not in problem
