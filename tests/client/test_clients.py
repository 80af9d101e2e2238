"""The two clients are one: the same names, taking the same things."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from simlet.client import AsyncClient, AsyncLiveRental, Client, LiveRental, operations

BOTH = [(Client, AsyncClient), (LiveRental, AsyncLiveRental)]


def methods(kind: type) -> dict[str, Callable[..., Any]]:
    found = inspect.getmembers(kind, inspect.isfunction)
    return {name: one for name, one in found if not name.startswith("_")}


def takes(method: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    parameters = inspect.signature(method).parameters.values()
    return [(one.name, one.kind, one.default) for one in parameters]


@pytest.mark.parametrize(("blocking", "asynchronous"), BOTH)
def test_both_have_the_same_methods(blocking: type, asynchronous: type) -> None:
    assert list(methods(blocking)) == list(methods(asynchronous))


@pytest.mark.parametrize(("blocking", "asynchronous"), BOTH)
def test_methods_of_one_name_take_the_same(blocking: type, asynchronous: type) -> None:
    other = methods(asynchronous)
    assert all(takes(one) == takes(other[name]) for name, one in methods(blocking).items())


def test_every_operation_is_a_method_of_its_name() -> None:
    described = {
        name: one
        for name, one in inspect.getmembers(operations, inspect.isfunction)
        if one.__module__ == operations.__name__ and not name.startswith("_")
    }
    mine = methods(Client)
    assert described.keys() <= mine.keys()
    assert mine.keys() - described.keys() == {"close", "events", "wait"}
    assert all(mine[name].__doc__ == one.__doc__ for name, one in described.items())


@pytest.mark.parametrize("kind", [Client, AsyncClient, LiveRental, AsyncLiveRental])
def test_every_method_is_explained(kind: type) -> None:
    assert all(one.__doc__ for one in methods(kind).values())
