"""A camera's focal length from pictures of something whose size is known."""
