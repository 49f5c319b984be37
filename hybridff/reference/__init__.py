"""Reference data made here: levels of theory, labels of geometries, minima and Hessians."""
