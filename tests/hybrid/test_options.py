import pytest

from hybridff.errors import InputError
from hybridff.hybrid.options import CorrectionOptions


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"points": 0}, "points has to be at least 1, not 0"),
        ({"kernel_width": 0.0}, "kernel_width has to be a positive number, not 0.0"),
        ({"kernel_noise": -1.0}, "kernel_noise has to be a positive number, not -1.0"),
        ({"kernel_noise": float("nan")}, "kernel_noise has to be a positive number, not nan"),
    ],
)
def test_options_that_mean_nothing_are_refused(values: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CorrectionOptions(**values)
