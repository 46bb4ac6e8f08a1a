import torch

from knuckle.layers.heatmap import gaussian_heatmap, heatmap_loss
from knuckle.layers.simcc import SimccHead, classification_loss, decode_axis, smoothed_labels
from knuckle.layers.soft_argmax import soft_argmax_2d

PATCH, SPLIT, BINS = 128, 3, 384


def test_simcc_decodes_below_a_tenth_of_a_pixel():
    truth = torch.linspace(10, 117, 77)
    logits = smoothed_labels(truth, BINS, split=SPLIT, sigma=6.0).clamp(min=1e-30).log()
    for decode in ("soft", "local"):
        assert (decode_axis(logits, SPLIT, decode=decode) - truth).abs().max() < 0.05


def test_local_decoding_ignores_a_far_second_guess():
    labels = smoothed_labels(torch.tensor([40.0, 100.0]), BINS, split=SPLIT, sigma=6.0)
    logits = (0.7 * labels[0] + 0.3 * labels[1] + 1e-12).log()
    assert abs(decode_axis(logits, SPLIT, decode="local").item() - 40.0) < 0.1
    assert abs(decode_axis(logits, SPLIT).item() - 58.0) < 0.5


def test_classification_loss_is_zero_only_at_the_label():
    truth = torch.tensor([[31.3]])
    label = smoothed_labels(truth, BINS, split=SPLIT, sigma=6.0)
    assert (
        classification_loss(label.clamp(min=1e-30).log(), truth, split=SPLIT, sigma=6.0).abs().item() < 1e-5
    )
    assert classification_loss(label.clamp(min=1e-30).log(), truth + 3, split=SPLIT, sigma=6.0).item() > 0.5


def test_fresh_simcc_head_reads_a_peak_where_it_is():
    head = SimccHead(16, PATCH, split=SPLIT)
    maps = gaussian_heatmap(torch.tensor([[[30.0, 90.0]]]), 16, PATCH, sigma_cells=1.0) * 1000
    x, y = head(maps)
    assert abs(decode_axis(x, SPLIT, decode="local").item() - 30) < 8
    assert abs(decode_axis(y, SPLIT, decode="local").item() - 90) < 8


def test_heatmap_soft_argmax_returns_the_centre_of_a_gaussian():
    uv = torch.tensor([[[40.25, 77.5], [64.0, 50.0]]])
    maps = gaussian_heatmap(uv, 32, PATCH, sigma_cells=1.5).clamp(min=1e-30).log()
    assert (soft_argmax_2d(maps, PATCH) - uv).abs().max() < 0.05
    assert heatmap_loss(maps, uv, PATCH, sigma_cells=1.5).abs().max() < 1e-4
    assert heatmap_loss(maps, uv + 8, PATCH, sigma_cells=1.5).min() > 0.5
