"""Reference data: reading, checks, errors against them."""
