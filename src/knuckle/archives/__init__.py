"""Video archives to tables, on Daft: `track_clips` for any DataFrame, and tables of `knuckle annotate` read back."""

from knuckle.archives.column import track_clips
from knuckle.archives.read import hands_of_row, read_table

__all__ = ["hands_of_row", "read_table", "track_clips"]
