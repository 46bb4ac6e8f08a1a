"""3D soft-argmax of 2.5D heatmaps."""

import torch

from knuckle.layers.soft_argmax import cell_centres, depth_values, soft_argmax_3d


def test_soft_argmax_is_the_expectation_over_all_cells():
    torch.manual_seed(0)
    logits = 3 * torch.randn(2, 3, 4, 5, 6)
    answer = soft_argmax_3d(logits)
    for sample in range(2):
        for joint in range(3):
            volume = logits[sample, joint]
            weight = volume.exp() / volume.exp().sum()
            expected = torch.zeros(3)
            for d in range(4):
                for row in range(5):
                    for column in range(6):
                        place = [(column + 0.5) / 3 - 1, (row + 0.5) / 2.5 - 1, d / 1.5 - 1]
                        expected += weight[d, row, column] * torch.tensor(place)
            assert torch.allclose(answer[sample, joint], expected, atol=1e-5)


def test_a_peak_is_read_where_it_stands():
    logits = torch.full((1, 1, 8, 8, 8), -50.0)
    logits[0, 0, 7, 2, 5] = 50
    assert torch.allclose(soft_argmax_3d(logits)[0, 0], torch.tensor([0.375, -0.375, 1.0]))


def test_axes_reach_what_they_name():
    like = torch.zeros(())
    assert torch.allclose(cell_centres(4, like), torch.tensor([-0.75, -0.25, 0.25, 0.75]))
    assert depth_values(8, like)[[0, -1]].tolist() == [-1, 1]
    assert depth_values(1, like).tolist() == [-1]
