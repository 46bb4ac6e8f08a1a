"""Reading a picture from a file."""
