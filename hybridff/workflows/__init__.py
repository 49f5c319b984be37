"""Jobs from files to a folder with a model and its report: what the command line does, in one call."""
