import pickle

from simlet.chance import system_chance


def test_the_chance_of_the_system_draws_every_number_below_and_no_other() -> None:
    assert {system_chance(5) for _ in range(1000)} == {0, 1, 2, 3, 4}
    assert system_chance(1) == 0


def test_the_chance_of_the_system_is_known_by_its_name_in_another_process() -> None:
    assert pickle.loads(pickle.dumps(system_chance)) is system_chance
