"""The kinds of hostile inputs, a file a kind. Each knows the entry points that files of its kind come in by."""

from benchmarks.hostile.kinds.archives import Archives
from benchmarks.hostile.kinds.json_files import JsonFiles
from benchmarks.hostile.kinds.networks import Networks
from benchmarks.hostile.kinds.pickles import Pickles
from benchmarks.hostile.kinds.pictures import Pictures
from benchmarks.hostile.kinds.recipes import Recipes
from benchmarks.hostile.kinds.requests import Requests
from benchmarks.hostile.kinds.tracks import Tracks
from benchmarks.hostile.kinds.videos import Videos

KINDS = {
    "pictures": Pictures,
    "videos": Videos,
    "json": JsonFiles,
    "recipes": Recipes,
    "weights": Networks,
    "pickles": Pickles,
    "tracks": Tracks,
    "archives": Archives,
    "requests": Requests,
}
