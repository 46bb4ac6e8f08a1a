"""What `knuckle data` does with each data set: check, preview and open its folder; one module a data set."""
