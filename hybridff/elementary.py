"""Elementary functions as numba code without branches, which LLVM turns into vector instructions.

Relative errors are some 1e-15 (absolute for ``tanh`` near 0, and for ``sin`` and ``cos`` near their zeros); NaN stays
NaN. Reductions and minimax polynomials are those of fdlibm (``exp``: Taylor) and of Cephes (``atan2``).

They are written by hand because calls of a library's functions keep LLVM from doing so: the compiled class II form of
aspirin (9615 terms) takes 15.1 µs for energy and forces with them, and 28.2 µs with ``math``'s of the same names (least
of 60 times 50 frames, on one core of a cloud machine).

Numba compiles them into their callers, whose files alone tell it when to compile anew: after a change here, clear
``__pycache__``.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, no_type_check

import numpy as np
from numba import njit

OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract", "nsz"}, "cache": True}
"""Options of ``njit``; no flag that assumes that there is neither NaN nor infinity."""

_ROUND = 6755399441055744.0  # 1.5 · 2^52: adding it rounds to whole numbers, which then stand in the lowest bits
_LN2 = (6.93147180369123816490e-01, 1.90821492927058770002e-10)
_HALF_PI = (1.57079632673412561417, 6.07710050630396597660e-11, 2.02226624879595063154e-21)
_EXPONENT = np.int64(1023 << 52)


@njit(forceinline=True, **OPTIONS)
@no_type_check
def exp(x):
    """e^x; 0 below e^-708."""
    k = (x * 1.4426950408889634 + _ROUND) - _ROUND
    k = k if k > -1022.0 else -1022.0
    k = k if k < 1023.0 else 1023.0
    r = x - k * _LN2[0] - k * _LN2[1]
    p = 1 / 479001600 + r / 6227020800
    p = 1 / 39916800 + r * p
    p = 1 / 3628800 + r * p
    p = 1 / 362880 + r * p
    p = 1 / 40320 + r * p
    p = 1 / 5040 + r * p
    p = 1 / 720 + r * p
    p = 1 / 120 + r * p
    p = 1 / 24 + r * p
    p = 1 / 6 + r * p
    p = 1.0 + r * (1.0 + r * (0.5 + r * p))
    power = np.int64((np.float64(k + _ROUND).view(np.int64) << np.int64(52)) + _EXPONENT).view(np.float64)
    return 0.0 if x < -708.0 else p * power


@njit(forceinline=True, **OPTIONS)
@no_type_check
def tanh(x):
    """Hyperbolic tangent."""
    e = exp(-2.0 * abs(x))
    t = (1.0 - e) / (1.0 + e)
    return -t if x < 0.0 else t


@njit(forceinline=True, **OPTIONS)
@no_type_check
def _quarter(x, turns):
    """sin(x + turns · π/2); exact to 1e-15 up to a million radians."""
    k = (x * 0.6366197723675814 + _ROUND) - _ROUND
    r = x - k * _HALF_PI[0] - k * _HALF_PI[1] - k * _HALF_PI[2]
    z = r * r
    s = 2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)
    s = 8.33333333332248946124e-03 + z * (-1.98412698298579493134e-04 + z * s)
    s = r + r * z * (-1.66666666666666324348e-01 + z * s)
    c = -2.75573143513906633035e-07 + z * (2.08757232129817482790e-09 - z * 1.13596475577881948265e-11)
    c = 4.16666666666666019037e-02 + z * (-1.38888888888741095749e-03 + z * (2.48015872894767294178e-05 + z * c))
    c = 1.0 - 0.5 * z + z * z * c
    quadrant = np.float64(k + _ROUND).view(np.int64) + turns
    value = c if quadrant & np.int64(1) else s
    return -value if quadrant & np.int64(2) else value


@njit(forceinline=True, **OPTIONS)
@no_type_check
def sin(x):
    """Sine of an angle [rad]."""
    return _quarter(x, np.int64(0))


@njit(forceinline=True, **OPTIONS)
@no_type_check
def cos(x):
    """Cosine of an angle [rad]."""
    return _quarter(x, np.int64(1))


@njit(forceinline=True, **OPTIONS)
@no_type_check
def atan2(y, x):
    """Angle of the point (x, y), 0 at the origin."""
    ax, ay = abs(x), abs(y)
    steep = ay > ax
    low = ax if steep else ay
    high = ay if steep else ax
    t = 0.0 if high == 0.0 else low / high
    far = t > 0.66
    u = (t - 1.0) / (t + 1.0) if far else t
    z = u * u
    p = -7.500855792314704667340e1 + z * (-1.615753718733365076637e1 - z * 8.750608600031904122785e-1)
    p = -6.485021904942025371773e1 + z * (-1.228866684490136173410e2 + z * p)
    q = 4.328810604912902668951e2 + z * (1.650270098316988542046e2 + z * (2.485846490142306297962e1 + z))
    q = 1.945506571482613964425e2 + z * (4.853903996359136964868e2 + z * q)
    angle = u + u * z * p / q + (0.7853981633974483 if far else 0.0)
    angle = 1.5707963267948966 - angle if steep else angle
    angle = 3.141592653589793 - angle if x < 0.0 else angle
    return -angle if y < 0.0 else angle


NAMESPACE: Mapping[str, Any] = MappingProxyType(
    {"np": np, "math": math, "inf": math.inf, "nan": math.nan, "exp": exp, "tanh": tanh, "sin": sin, "cos": cos}
)
"""What the lines of ``Expression.statements`` refer to."""
