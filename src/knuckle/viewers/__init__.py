"""Looking at hands in three dimensions: a page of viser's, and files for Rerun."""
