"""The AR page: the files that it is made of, the server that shows it, and the folder that any host can serve."""
