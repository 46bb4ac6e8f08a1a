"""Compiled view of a room: a box seen from inside, with boxes standing in it."""

import numpy as np
from numba import njit


@njit(cache=True)
def view_room(camera, turn, place, low, high, pictures, shade, image):
    """Fill an RGB image with what a camera sees of boxes, of which the first is the room around it.

    Args:
        camera: (4,) fx, fy, cx, cy.
        turn: (3, 3) world_from_camera.
        place: (3,) of the camera in the world, m.
        low: (boxes, 3) corners, m.
        high: see low.
        pictures: (boxes, 6, side, side, 3) uint8, one for each of -x, x, -y, y, -z, z.
        shade: (boxes, 6) times the picture.
        image: (H, W, 3) uint8, changed in place.
    """
    side = pictures.shape[2]
    ray = np.zeros(3)
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            u, v = (column - camera[2]) / camera[0], (row - camera[3]) / camera[1]
            for c in range(3):
                ray[c] = turn[c, 0] * u + turn[c, 1] * v + turn[c, 2]
                if abs(ray[c]) < 1e-9:
                    ray[c] = 1e-9
            box, face, best = 0, 0, 1e9
            for c in range(3):
                far = ((high[0, c] if ray[c] > 0 else low[0, c]) - place[c]) / ray[c]
                if far < best:
                    best, face = far, 2 * c + (1 if ray[c] > 0 else 0)
            for b in range(1, low.shape[0]):
                enter, leave, own = -1e9, 1e9, 0
                for c in range(3):
                    one, two = (low[b, c] - place[c]) / ray[c], (high[b, c] - place[c]) / ray[c]
                    if min(one, two) > enter:
                        enter, own = min(one, two), 2 * c + (0 if ray[c] > 0 else 1)
                    leave = min(leave, max(one, two))
                if 0.01 < enter < leave and enter < best:
                    best, box, face = enter, b, own
            axis = face // 2
            across, down = (2 if axis == 0 else 0), (2 if axis == 1 else 1)
            x = place[across] + best * ray[across] - low[box, across]
            y = place[down] + best * ray[down] - low[box, down]
            x = min(max(x / (high[box, across] - low[box, across]), 0.0), 1.0) * (side - 1)
            y = min(max(y / (high[box, down] - low[box, down]), 0.0), 1.0) * (side - 1)
            x0, y0 = min(int(x), side - 2), min(int(y), side - 2)
            x, y = x - x0, y - y0
            texture, level = pictures[box, face], shade[box, face]
            for c in range(3):
                top = texture[y0, x0, c] * (1 - x) + texture[y0, x0 + 1, c] * x
                bottom = texture[y0 + 1, x0, c] * (1 - x) + texture[y0 + 1, x0 + 1, c] * x
                image[row, column, c] = np.uint8(min((top * (1 - y) + bottom * y) * level + 0.5, 255.0))
