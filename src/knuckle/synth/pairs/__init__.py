"""Two hands a crop: pairs, their arms and labels, and one hand with the other beside it."""
