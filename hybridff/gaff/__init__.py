"""GAFF and its functional forms: types, charges, tables, the differentiable force field."""
