"""The fixed part of a compiled energy: internal coordinates, products of features, and the way back to forces.

Data of equal kind stand in tiles of ``WIDTH`` rows, a column after the other, so that loops over rows become vector
instructions. A *leg* is the line between two atoms that coordinates are computed from; directions are unit vectors.
"""

import math
from typing import no_type_check

import numpy as np
from numba import njit

from hybridff.elementary import OPTIONS, atan2

WIDTH = 64
"""Rows of a tile."""
_C1, _C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11 = (column * WIDTH for column in range(1, 12))
"""Beginnings of the columns of a tile, but for the first."""
LEG = _C4
"""Size of a tile of legs: direction and inverse length."""
_SOFT = 2.0**-65
"""Square of the d that ``geometry.angle`` keeps the sine of a linear angle from zero with."""

_SUMS = {**OPTIONS, "fastmath": {"contract", "nsz", "reassoc"}}


@njit(**OPTIONS)
@no_type_check
def legs(atoms, positions, leg, q):
    """Direction and inverse length of each leg, and its length into ``q``."""
    n = len(atoms) // 2
    for first in range(0, n, WIDTH):
        rows = min(WIDTH, n - first)
        out, pair, length = leg[first * 4 :], atoms[2 * first :], q[first:]
        for i in range(rows):
            a, b = pair[2 * i], pair[2 * i + 1]
            out[i] = positions[b, 0] - positions[a, 0]
            out[i + _C1] = positions[b, 1] - positions[a, 1]
            out[i + _C2] = positions[b, 2] - positions[a, 2]
        for i in range(rows):
            x, y, z = out[i], out[i + _C1], out[i + _C2]
            r = math.sqrt(x * x + y * y + z * z)
            inverse = 1.0 / r
            out[i] = x * inverse
            out[i + _C1] = y * inverse
            out[i + _C2] = z * inverse
            out[i + _C3] = inverse
            length[i] = r


@njit(forceinline=True, **OPTIONS)
@no_type_check
def _gather(places, signs, leg, per_row, rows, tile):
    """Copy the legs of some rows; the sign of a leg turns its direction, and goes with its inverse length."""
    for i in range(rows):
        for j in range(per_row):
            place, sign = np.int64(places[per_row * i + j]), signs[per_row * i + j]
            tile[i + (4 * j) * WIDTH] = sign * leg[place]
            tile[i + (4 * j + 1) * WIDTH] = sign * leg[place + WIDTH]
            tile[i + (4 * j + 2) * WIDTH] = sign * leg[place + 2 * WIDTH]
            tile[i + (4 * j + 3) * WIDTH] = sign * leg[place + 3 * WIDTH]


@njit(**OPTIONS)
@no_type_check
def angles(places, signs, leg, tile, slope, q):
    """Each angle between two legs, and its derivatives with respect to them."""
    n = len(places) // 2
    for first in range(0, n, WIDTH):
        rows = min(WIDTH, n - first)
        _gather(places[2 * first :], signs[2 * first :], leg, 2, rows, tile)
        out, angle = slope[first * 6 :], q[first:]
        for i in range(rows):
            ux, uy, uz, ui = tile[i], tile[i + _C1], tile[i + _C2], tile[i + _C3]
            vx, vy, vz, vi = tile[i + _C4], tile[i + _C5], tile[i + _C6], tile[i + _C7]
            cosine = ux * vx + uy * vy + uz * vz
            x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
            sine = math.sqrt(x * x + y * y + z * z + _SOFT)
            angle[i] = atan2(sine, cosine)
            ui /= sine
            vi /= sine
            out[i] = (cosine * ux - vx) * ui
            out[i + _C1] = (cosine * uy - vy) * ui
            out[i + _C2] = (cosine * uz - vz) * ui
            out[i + _C3] = (cosine * vx - ux) * vi
            out[i + _C4] = (cosine * vy - uy) * vi
            out[i + _C5] = (cosine * vz - uz) * vi


@njit(**OPTIONS)
@no_type_check
def torsions(places, signs, leg, tile, slope, q):
    """Each torsion of three legs in a row, and its derivatives; 0 with zero derivatives where it is undefined."""
    n = len(places) // 3
    for first in range(0, n, WIDTH):
        rows = min(WIDTH, n - first)
        _gather(places[3 * first :], signs[3 * first :], leg, 3, rows, tile)
        out, torsion = slope[first * 9 :], q[first:]
        for i in range(rows):
            ax, ay, az, ai = tile[i], tile[i + _C1], tile[i + _C2], tile[i + _C3]
            bx, by, bz, bi = tile[i + _C4], tile[i + _C5], tile[i + _C6], tile[i + _C7]
            cx, cy, cz, ci = tile[i + _C8], tile[i + _C9], tile[i + _C10], tile[i + _C11]
            mx, my, mz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
            nx, ny, nz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
            torsion[i] = atan2(ax * nx + ay * ny + az * nz, mx * nx + my * ny + mz * nz)
            mm, nn = mx * mx + my * my + mz * mz, nx * nx + ny * ny + nz * nz
            both = mm * nn
            inverse = 0.0 if both == 0.0 else 1.0 / both
            m, n_ = nn * inverse, mm * inverse
            before = -(ax * bx + ay * by + az * bz) * m * bi
            after = (cx * bx + cy * by + cz * bz) * n_ * bi
            m *= ai
            n_ *= ci
            out[i] = m * mx
            out[i + _C1] = m * my
            out[i + _C2] = m * mz
            out[i + _C3] = before * mx - after * nx
            out[i + _C4] = before * my - after * ny
            out[i + _C5] = before * mz - after * nz
            out[i + _C6] = n_ * nx
            out[i + _C7] = n_ * ny
            out[i + _C8] = n_ * nz


@njit(**OPTIONS)
@no_type_check
def planes(places, signs, leg, tile, slope, q):
    """Each out-of-plane coordinate of three legs from one atom, and its derivatives."""
    n = len(places) // 3
    for first in range(0, n, WIDTH):
        rows = min(WIDTH, n - first)
        _gather(places[3 * first :], signs[3 * first :], leg, 3, rows, tile)
        out, plane = slope[first * 9 :], q[first:]
        for i in range(rows):
            ax, ay, az, ai = tile[i], tile[i + _C1], tile[i + _C2], tile[i + _C3]
            bx, by, bz, bi = tile[i + _C4], tile[i + _C5], tile[i + _C6], tile[i + _C7]
            cx, cy, cz, ci = tile[i + _C8], tile[i + _C9], tile[i + _C10], tile[i + _C11]
            x, y, z = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
            s = ax * x + ay * y + az * z
            plane[i] = s
            out[i] = (x - s * ax) * ai
            out[i + _C1] = (y - s * ay) * ai
            out[i + _C2] = (z - s * az) * ai
            out[i + _C3] = (cy * az - cz * ay - s * bx) * bi
            out[i + _C4] = (cz * ax - cx * az - s * by) * bi
            out[i + _C5] = (cx * ay - cy * ax - s * bz) * bi
            out[i + _C6] = (ay * bz - az * by - s * cx) * ci
            out[i + _C7] = (az * bx - ax * bz - s * cy) * ci
            out[i + _C8] = (ax * by - ay * bx - s * cz) * ci


@njit(**OPTIONS)
@no_type_check
def bend_products(places, signs, leg, tile, slope, q):
    """Each product of the bends of three legs in a row, and its derivatives: regular where they are in line."""
    n = len(places) // 3
    for first in range(0, n, WIDTH):
        rows = min(WIDTH, n - first)
        _gather(places[3 * first :], signs[3 * first :], leg, 3, rows, tile)
        out, product = slope[first * 9 :], q[first:]
        for i in range(rows):
            ax, ay, az, ai = tile[i], tile[i + _C1], tile[i + _C2], tile[i + _C3]
            bx, by, bz, bi = tile[i + _C4], tile[i + _C5], tile[i + _C6], tile[i + _C7]
            cx, cy, cz, ci = tile[i + _C8], tile[i + _C9], tile[i + _C10], tile[i + _C11]
            ab, bc, ac = ax * bx + ay * by + az * bz, bx * cx + by * cy + bz * cz, ax * cx + ay * cy + az * cz
            both = ab * bc
            along = both - ac
            product[i] = along
            out[i] = (bc * bx - cx - along * ax) * ai
            out[i + _C1] = (bc * by - cy - along * ay) * ai
            out[i + _C2] = (bc * bz - cz - along * az) * ai
            out[i + _C3] = (bc * ax + ab * cx - 2.0 * both * bx) * bi
            out[i + _C4] = (bc * ay + ab * cy - 2.0 * both * by) * bi
            out[i + _C5] = (bc * az + ab * cz - 2.0 * both * bz) * bi
            out[i + _C6] = (ab * bx - ax - along * cx) * ci
            out[i + _C7] = (ab * by - ay - along * cy) * ci
            out[i + _C8] = (ab * bz - az - along * cz) * ci


@njit(**OPTIONS)
@no_type_check
def to_legs(targets, slope, per_row, dq, pull):
    """Pass dE/dq of coordinates of ``per_row`` legs on to the legs (x, y, z of each)."""
    for row in range(len(targets) // per_row):
        place = (row // WIDTH) * WIDTH * 3 * per_row + row % WIDTH
        g = dq[row]
        for j in range(per_row):
            target = np.int64(targets[per_row * row + j])
            for axis in range(3):
                pull[target + axis] += g * slope[place + (3 * j + axis) * WIDTH]


@njit(**OPTIONS)
@no_type_check
def to_atoms(atoms, leg, dq, pull, forces):
    """Forces of all legs: along them by dE/dq of their lengths, and by what coordinates pull at them."""
    for row in range(len(atoms) // 2):
        place = (row // WIDTH) * LEG + row % WIDTH
        a, b = atoms[2 * row], atoms[2 * row + 1]
        for axis in range(3):
            f = dq[row] * leg[place + axis * WIDTH] + pull[3 * row + axis]
            forces[a, axis] += f
            forces[b, axis] -= f


@njit(**OPTIONS)
@no_type_check
def to_tiles(blocks, sources, q, x):
    """Copy coordinates to where the features read them; ``blocks`` are places and numbers of rows."""
    for block in range(len(blocks) // 2):
        first, rows = np.int64(blocks[2 * block]), np.int64(blocks[2 * block + 1])
        source, out = sources[first:], x[first:]
        for i in range(rows):
            out[i] = q[source[i]]


@njit(**OPTIONS)
@no_type_check
def from_tiles(tiles, blocks, sources, df, slopes, dx, dq):
    """Pass dE/df on to the coordinates."""
    dx[:] = 0.0
    for tile in range(len(tiles) // 6):
        own, out = df[tiles[6 * tile + 2] :], dx[tiles[6 * tile] :]
        slope, rows = slopes[tiles[6 * tile + 3] :], np.int64(tiles[6 * tile + 4])
        for variable in range(tiles[6 * tile + 5]):
            for i in range(rows):
                out[variable * WIDTH + i] += own[i] * slope[variable * WIDTH + i]
    for block in range(len(blocks) // 2):
        first, rows = np.int64(blocks[2 * block]), np.int64(blocks[2 * block + 1])
        target, own = sources[first:], dx[first:]
        for i in range(rows):
            dq[target[i]] += own[i]


@njit(**_SUMS)
@no_type_check
def terms(linear, factors, matrix, f, df):
    """Energy of all terms, and dE/df.

    ``factors`` are the pairs of which products stand behind the features in ``f``; ``matrix`` is a sparse one of the
    coefficients of products of two: the feature of each row, where the row begins, its partners, and coefficients.
    """
    keys, begin, partners, coefficients = matrix
    products = len(f) - len(factors) // 2
    own, d_own = f[products:], df[products:]
    for i in range(len(factors) // 2):
        own[i] = f[factors[2 * i]] * f[factors[2 * i + 1]]
    energy = 0.0
    for i in range(len(f)):
        df[i] = linear[i]
        energy += linear[i] * f[i]
    for row in range(len(keys)):
        value, total = f[keys[row]], 0.0
        for k in range(begin[row], begin[row + 1]):
            partner = partners[k]
            total += coefficients[k] * f[partner]
            df[partner] += coefficients[k] * value
        df[keys[row]] += total
        energy += total * value
    for i in range(len(factors) // 2 - 1, -1, -1):
        a, b = factors[2 * i], factors[2 * i + 1]
        g = d_own[i]
        df[a] += g * f[b]
        df[b] += g * f[a]
    return energy
