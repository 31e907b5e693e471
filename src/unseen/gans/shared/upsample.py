"""Upsampling layers of generators. Each leaves other traces (Odena et al. 2016, "Deconvolution and checkerboard
artifacts"), so a detector should see all of them."""

from torch import nn

from unseen.gans.shared.settings import Upsampler


def upsampler(kind: Upsampler, before: int, after: int, kernel: int = 3) -> nn.Module:
    """A layer from [n, before, s, s] to [n, after, 2 s, 2 s].

    Args:
        kind: `transposed` is a 4 x 4 convolution of stride 2; `pixel_shuffle` is Shi et al. 2016, arXiv 1609.05158.
        before: input channels.
        after: output channels.
        kernel: side of the convolution of the other kinds, 1 or 3.
    """
    if kind == "transposed":
        return nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False)
    if kind == "pixel_shuffle":
        return nn.Sequential(
            nn.Conv2d(before, 4 * after, kernel, padding=kernel // 2, bias=False), nn.PixelShuffle(2)
        )
    convolution = nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False)
    enlarge = nn.Upsample(scale_factor=2, mode=kind, **({"align_corners": False} if kind == "bilinear" else {}))
    # A 1 x 1 convolution commutes with upsampling, and costs a quarter if it comes first.
    return nn.Sequential(convolution, enlarge) if kernel == 1 else nn.Sequential(enlarge, convolution)
