import numpy as np
from tables import table

from hybridff.gaff.compiled_terms import sums_of

TERMS = table(
    (("bond_length", 0),),
    (("bond_length", 0), ("angle_value", 0)),
    (("bond_length", 0), ("angle_value", 0), ("fourier", 0)),
    (("bond_length", 1), ("angle_value", 0), ("fourier", 0)),
)


def energy(arrays: dict[str, np.ndarray], values: np.ndarray) -> float:
    """The sum that the arrays stand for, of features with these values."""
    f = np.concatenate([values, np.zeros(len(arrays["linear"]) - len(values))])
    for i, (a, b) in enumerate(arrays["factors"].reshape(-1, 2)):
        f[len(values) + i] = f[a] * f[b]
    total = float(arrays["linear"] @ f)
    for row, key in enumerate(arrays["keys"]):
        for k in range(arrays["rows"][row], arrays["rows"][row + 1]):
            total += arrays["coefficients"][k] * f[key] * f[arrays["partners"][k]]
    return total


def test_the_arrays_are_the_sum_of_the_products() -> None:
    terms, parameters = TERMS
    sums = sums_of(terms, parameters.values)
    slots = np.full(terms.n_features, -1)
    slots[sums.used] = np.arange(len(sums.used))
    values = np.random.default_rng(0).normal(size=len(sums.used))
    expected = sums.constant + sum(
        coefficient * np.prod(values[slots[list(product)]]) for product, coefficient in sums.products.items()
    )
    np.testing.assert_allclose(energy(sums.arrays(slots, len(sums.used)), values), expected, rtol=1e-13)


def test_products_of_three_share_the_pair_that_most_of_them_have() -> None:
    terms, parameters = TERMS
    sums = sums_of(terms, parameters.values)
    arrays = sums.arrays(np.arange(terms.n_features), terms.n_features)
    assert len(arrays["factors"]) == 2


def test_terms_with_a_coefficient_of_zero_leave_nothing() -> None:
    terms, parameters = TERMS
    values = parameters.values.copy()
    values[terms.coefficients] = 0.0
    sums = sums_of(terms, values)
    assert (sums.constant, len(sums.used), sums.products) == (0.0, 0, {})
