from simlet.gateways.unset_ports import MOST_PORTS, UnsetPorts


def test_nothing_is_told_where_all_ports_are_set() -> None:
    assert UnsetPorts().clause() == ""


def test_the_first_port_is_named_and_the_others_are_counted_once() -> None:
    unset = UnsetPorts()
    for port in ("SIM 2", "SIM 3", "SIM 2", "SIM 4"):
        unset.note(port)
    assert unset.clause() == "no number is set for SIM 2 and 2 more: set numbers"


def test_whoever_makes_ports_up_fills_no_memory() -> None:
    unset = UnsetPorts()
    for port in range(MOST_PORTS * 2):
        unset.note(f"port {port}")
    assert unset.clause() == f"no number is set for port 0 and {MOST_PORTS - 1} more: set numbers"
