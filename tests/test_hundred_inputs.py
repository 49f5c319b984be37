import pytest
from bad_inputs import run
from hundred_inputs import AT_FIRST, HUNDRED, Odd


@pytest.mark.parametrize("case", HUNDRED, ids=lambda case: case.what)
def test_an_odd_input_is_taken_rightly_or_refused_clearly(case: Odd, workplace) -> None:
    case.prepare()
    found = run(case.command, case.patch)
    assert case.outcome(found) == ("right" if case.accept else "refused"), found


def test_there_are_a_hundred_of_different_names() -> None:
    names = {case.what for case in HUNDRED}
    assert len(names) == len(HUNDRED) == 100
    assert names.issuperset(what for those in AT_FIRST.values() for what in those)
