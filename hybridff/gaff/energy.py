"""The energy of a term table in torch."""

from functools import reduce
from operator import mul

import torch
from jaxtyping import Float
from torch import Tensor

from hybridff.gaff.parameters import Parameters
from hybridff.gaff.terms import TermTable
from hybridff.geometry import COORDINATES


class TermEnergy(torch.nn.Module):
    """Energy of a term table: a torch module whose numbers are buffers, so that ``to`` moves it."""

    def __init__(self, table: TermTable, parameters: Parameters) -> None:
        super().__init__()
        self.table = table
        self.parameter_table = parameters
        self.register_buffer("values", torch.as_tensor(parameters.values))
        for kind, atoms in table.coordinates.items():
            self.register_buffer(f"atoms_{kind}", torch.as_tensor(atoms))
        for i, rows in enumerate(table.features):
            self.register_buffer(f"coordinate_{i}", torch.as_tensor(rows.coordinate))
            for name, index in rows.parameters.items():
                self.register_buffer(f"parameter_{i}_{name}", torch.as_tensor(index))
        self.register_buffer("products", torch.as_tensor(table.products))
        self.register_buffer("multipliers", torch.as_tensor(table.multipliers))
        self.register_buffer("coefficients", torch.as_tensor(table.coefficients))

    def features(self, positions: Float[Tensor, "*frames atoms 3"]) -> Float[Tensor, "*frames features"]:
        """Every feature row, and a last column of ones that pads the products."""
        values = self.get_buffer("values").to(positions.dtype)
        used = dict.fromkeys(
            (rows.feature.coordinate, name) for rows in self.table.features for name in rows.feature.variables
        )
        variables = {
            (kind, name): COORDINATES[kind].variables[name].of(positions[..., self.get_buffer(f"atoms_{kind}"), :])
            for kind, name in used
        }
        columns = []
        for i, rows in enumerate(self.table.features):
            own = self.get_buffer(f"coordinate_{i}")
            inputs = {name: variables[rows.feature.coordinate, name][..., own] for name in rows.feature.variables}
            parameters = {name: values[self.get_buffer(f"parameter_{i}_{name}")] for name in rows.parameters}
            columns.append(rows.feature.evaluate(inputs, parameters))
        columns.append(torch.ones_like(positions[..., 0, :1]))
        return torch.cat(columns, -1)

    def term_energies(self, positions: Float[Tensor, "*frames atoms 3"]) -> Float[Tensor, "*frames terms"]:
        """Energy of each term [kJ/mol]."""
        values = self.get_buffer("values").to(positions.dtype)
        coefficients = values[self.get_buffer("coefficients")] * self.get_buffer("multipliers").to(positions.dtype)
        features, products = self.features(positions), self.get_buffer("products")
        factors = [features[..., products[:, i]] for i in range(products.shape[1])]
        return reduce(mul, factors, coefficients)
