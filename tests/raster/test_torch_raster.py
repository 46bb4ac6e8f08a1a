"""The differentiable renderer: batches, antialiased area, and gradients against finite differences."""

import numpy as np
import pytest
import torch
from meshes import grid, sphere

from knuckle.errors import KnuckleError
from knuckle.raster.mesh_edges import mesh_edges
from knuckle.raster.numpy_raster import rasterise
from knuckle.raster.torch_raster import render


def outline_area(points):
    """Area of the convex hull of points (n, 2), by the shoelace formula over its boundary."""
    from scipy.spatial import ConvexHull

    return ConvexHull(points).volume


def test_without_antialiasing_the_image_is_the_interpolated_attribute():
    vertices, faces = sphere()
    attributes = np.random.default_rng(0).uniform(size=(len(vertices), 4))
    out = render(
        torch.tensor(vertices)[None], torch.tensor(faces), torch.tensor(attributes), 48, 48, antialias=False
    )
    face_id, _, bary = rasterise(vertices, faces, 48, 48)
    expected = (attributes[faces[face_id]] * bary[..., None]).sum(2) * (face_id >= 0)[..., None]
    np.testing.assert_allclose(out.image[0], expected, atol=1e-6)
    np.testing.assert_array_equal(out.alpha[0], (face_id >= 0).astype(float))


@pytest.mark.parametrize("antialias", [False, True])
def test_a_batch_is_its_meshes_one_by_one(antialias):
    placed = [
        sphere(centre=c, radius=r) for c, r in [((0.5, 0.5), 0.4), ((0.1, 0.9), 0.3), ((3.0, 3.0), 0.2)]
    ]
    vertices = torch.tensor(np.stack([v for v, _ in placed]))
    faces = torch.tensor(placed[0][1])
    attributes = torch.rand(3, vertices.shape[1], 2, dtype=torch.float64)
    whole = render(vertices, faces, attributes, 32, 40, antialias=antialias)
    for i in range(3):
        one = render(vertices[i : i + 1], faces, attributes[i], 32, 40, antialias=antialias)
        for a, b in zip(whole, one, strict=True):
            torch.testing.assert_close(a[i : i + 1], b)
    assert not whole.alpha[2].any()


@pytest.mark.parametrize("seed", range(8))
def test_antialiased_alpha_adds_up_to_the_area_of_the_outline(seed):
    rng = np.random.default_rng(seed)
    vertices, faces = sphere(size=40, radius=rng.uniform(0.2, 0.35), rings=30, segments=61)
    vertices[:, :2] = (vertices[:, :2] - 20) @ rotation(rng.uniform(0, 3)).T + 20 + rng.uniform(size=2)
    alpha = render(
        torch.tensor(vertices)[None], torch.tensor(faces), torch.ones(len(vertices), 1), 40, 40
    ).alpha
    assert alpha.min() >= 0 and alpha.max() <= 1 + 1e-6
    assert float(alpha.sum()) == pytest.approx(outline_area(vertices[:, :2]), rel=5e-3)


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def test_antialiased_square_is_exact():
    # A 10.25 x 7 rectangle: its columns' coverage is known by hand.
    vertices = torch.tensor([[4.6, 3.5, 1.0], [14.85, 3.5, 1.0], [14.85, 10.5, 1.0], [4.6, 10.5, 1.0]])
    alpha = render(vertices[None], torch.tensor([[0, 1, 2], [0, 2, 3]]), torch.ones(4, 1), 14, 20).alpha[0]
    row = torch.zeros(20)
    row[5:15] = 1
    row[5], row[15] = 0.9, 0.35
    torch.testing.assert_close(alpha[7], row, atol=1e-5, rtol=0)


def test_edges_inside_a_surface_change_nothing():
    vertices, faces = grid(jitter=2.0, rng=np.random.default_rng(0))
    out = render(torch.tensor(vertices)[None], torch.tensor(faces), torch.tensor(vertices[:, :2]), 50, 50)
    sharp = render(
        torch.tensor(vertices)[None],
        torch.tensor(faces),
        torch.tensor(vertices[:, :2]),
        50,
        50,
        antialias=False,
    )
    torch.testing.assert_close(out.image[0, 8:40, 8:40], sharp.image[0, 8:40, 8:40])


def test_hidden_silhouettes_are_not_drawn():
    near, faces = sphere(size=48, radius=0.4)
    far, _ = sphere(size=48, radius=0.15)
    far[:, 2] += 0.5
    both = torch.tensor(np.concatenate([near, far]))[None]
    both_faces = torch.tensor(np.concatenate([faces, faces + len(near)]))
    attributes = torch.cat([torch.zeros(len(near), 1), torch.ones(len(far), 1)]).double()
    assert not render(both, both_faces, attributes, 48, 48).image.any()


def test_welding_joins_doubled_vertices():
    vertices, faces = sphere()
    doubled = np.concatenate([vertices, vertices])
    faces = faces.copy()
    faces[::2] += len(vertices)
    assert len(mesh_edges(faces).ends) > len(mesh_edges(faces, vertices=doubled).ends)
    assert (mesh_edges(faces, vertices=doubled).faces >= 0).all()


def test_gradcheck_of_interpolated_attributes():
    """Inside faces, where the picture is smooth: pixels whose centre is well within one face."""
    vertices = torch.tensor(
        [[1.3, 1.2, 0.5], [10.4, 2.3, 0.8], [2.1, 10.7, 0.6], [11.3, 11.6, 1.0]], dtype=torch.float64
    )
    faces = torch.tensor([[0, 1, 2], [1, 3, 2]])
    attributes = torch.rand(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def picture(points, values):
        return render(points[None], faces, values, 13, 13, antialias=False).image

    assert torch.autograd.gradcheck(picture, (vertices.requires_grad_(), attributes.requires_grad_()))


def test_gradcheck_of_antialiased_alpha():
    vertices, faces = sphere(size=16, rings=6, segments=7)
    # No edge through a pixel centre: there the picture has a kink.
    vertices[:, :2] = (vertices[:, :2] - 8) @ rotation(0.37).T + [7.8137, 8.2671]
    points = torch.tensor(vertices)[None].requires_grad_()
    weight = torch.rand(16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ones = torch.ones(len(vertices), 1, dtype=torch.float64)

    def value(p):
        return (render(p, torch.tensor(faces), ones, 16, 16).alpha * weight).sum()

    assert torch.autograd.gradcheck(value, (points,), eps=1e-7, atol=1e-4)


def area_averaged(vertices, faces, attributes, size, factor=6):
    """The picture a perfect camera would take: the mean of factor x factor samples in every pixel."""
    scaled = vertices.copy()
    scaled[:, :2] = (vertices[:, :2] + 0.5) * factor - 0.5
    face_id, _, bary = rasterise(scaled, faces, size * factor, size * factor)
    picture = (attributes[faces[face_id]] * bary[..., None]).sum(2) * (face_id >= 0)[..., None]
    return picture.reshape(size, factor, size, factor, -1).mean((1, 3))


def test_gradient_of_translation_against_finite_differences_of_a_supersampled_loss():
    rng = np.random.default_rng(5)
    size, errors, same_sign = 64, [], []
    for _ in range(6):
        vertices, faces = sphere(size=size, radius=rng.uniform(0.2, 0.3), rings=20, segments=31)
        vertices[:, :2] = (vertices[:, :2] - 32) @ rotation(rng.uniform(0, 3)).T + rng.uniform(30, 34, 2)
        attributes = rng.uniform(0.4, 1, (1, 2)) + 0.2 * np.sin(vertices[:, :2] / 5 + rng.uniform(0, 6, 2))
        away = np.append(rng.uniform(1, 3, 2) * rng.choice([-1, 1], 2), 0)
        target = area_averaged(vertices + away, faces, attributes, size)
        points = torch.tensor(vertices)[None].requires_grad_()
        image = render(points, torch.tensor(faces), torch.tensor(attributes), size, size).image[0]
        (gradient,) = torch.autograd.grad(((image - torch.tensor(target)) ** 2).sum(), points)
        for axis in (0, 1):
            step = 0.25 * np.eye(3)[axis]
            ahead, behind = (
                ((area_averaged(vertices + s, faces, attributes, size) - target) ** 2).sum()
                for s in (step, -step)
            )
            slow, fast = (ahead - behind) / 0.5, float(gradient[0, :, axis].sum())
            same_sign.append(np.sign(slow) == np.sign(fast))
            errors.append(abs(fast - slow) / abs(slow))
    assert all(same_sign)
    assert np.median(errors) < 0.1


def test_gradient_descent_recovers_a_small_rotation_and_translation():
    vertices, faces = sphere(size=48, radius=0.25, stretch=1.5, rings=16, segments=25)
    base = torch.tensor(vertices, dtype=torch.float32)
    faces = torch.tensor(faces)
    edges = mesh_edges(faces)
    colours = torch.stack([base[:, 0] / 48, base[:, 1] / 48, (base[:, 0] > 24).float()], -1)

    def moved(angle, shift):
        cos, sin = torch.cos(angle), torch.sin(angle)
        turn = torch.stack([torch.stack([cos, -sin]), torch.stack([sin, cos])])
        return torch.cat([(base[:, :2] - 24) @ turn.T + 24 + shift, base[:, 2:]], -1)

    def pyramid(angle, shift):
        out = render(moved(angle, shift)[None], faces, colours, 48, 48, edges=edges)
        image = torch.cat([out.image, out.alpha[..., None]], -1).permute(0, 3, 1, 2)
        return [image] + [torch.nn.functional.avg_pool2d(image, k) for k in (2, 4, 8)]

    true_angle, true_shift = torch.tensor(0.2), torch.tensor([2.5, -1.7])
    with torch.no_grad():
        target = pyramid(true_angle, true_shift)
    angle, shift = torch.zeros((), requires_grad=True), torch.zeros(2, requires_grad=True)
    optimiser = torch.optim.Adam([{"params": [angle], "lr": 0.02}, {"params": [shift], "lr": 0.2}])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 120)
    for _ in range(120):
        optimiser.zero_grad()
        loss = sum(((a - b) ** 2).mean() for a, b in zip(pyramid(angle, shift), target, strict=True))
        loss.backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        gap = (moved(angle, shift) - moved(true_angle, true_shift)).norm(dim=-1)
    assert gap.max() < 0.1


def test_no_gradient_is_nan_for_slivers_and_empty_pictures():
    rng = np.random.default_rng(0)
    along = np.array([0.0, 1.0, 1.0 + 1e-7])[None, :, None]
    thin = rng.uniform(0, 20, (300, 1, 2)) + rng.normal(scale=4, size=(300, 1, 2)) * along
    thin += rng.normal(scale=1e-5, size=thin.shape)
    vertices = np.concatenate([thin, np.full((300, 3, 1), 0.5)], -1).reshape(1, -1, 3)
    points = torch.tensor(vertices, dtype=torch.float32, requires_grad=True)
    out = render(points, torch.arange(900).view(-1, 3), torch.rand(900, 3), 24, 24)
    (out.image.sum() + out.alpha.sum()).backward()
    assert torch.isfinite(out.image).all() and torch.isfinite(points.grad).all()
    away = render(points + 1000, torch.arange(900).view(-1, 3), torch.rand(900, 3), 24, 24)
    away.image.sum().backward()
    assert not away.alpha.any()


def test_wrong_attributes_are_named():
    vertices, faces = sphere()
    with pytest.raises(KnuckleError, match="attributes"):
        render(torch.tensor(vertices)[None], torch.tensor(faces), torch.ones(3, 2), 8, 8)
