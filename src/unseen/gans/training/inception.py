"""FID, and the Inception features for FID and KID, by torch-fidelity with weights that the user provides."""

import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unseen.core.errors import UserError
from unseen.gans.shared.networks import BATCH


class Inception:
    """The Inception network of FID, which gives features [n, 2048] on the host."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        """`folder` holds torch-fidelity's `weights-inception-2015-12-05-6726825d.pth`.

        Raises:
            UserError: torch-fidelity is not installed; or the file is missing, damaged or of another network.
        """
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ImportError:
            raise UserError("`quality.inception` needs torch-fidelity: `pip install -e '.[fid]'`") from None
        files = sorted(folder.glob("*.pth"))
        if len(files) != 1:
            raise UserError(f"{folder}: expected one .pth file with torch-fidelity's Inception weights")
        try:
            # torch-fidelity would unpickle the file; a copy with tensors only is safe.
            safe = io.BytesIO()
            torch.save(torch.load(files[0], map_location="cpu", weights_only=True), safe)
            safe.seek(0)
            net: Any = FeatureExtractorInceptionV3("inception", ["2048"], safe)
        except Exception as error:  # exceptions of damaged files are not documented
            raise UserError(
                f"{files[0]}: not torch-fidelity's Inception weights; correct `quality.inception`"
            ) from error
        self._net, self._device = net.to(device), device

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """Features of uint8 pictures [n, 3, s, s]."""
        return torch.cat([self._net(part.to(self._device))[0].float().cpu() for part in torch.split(pictures, BATCH)])


def fid(reals: Tensor, fakes: Tensor) -> float:
    """Frechet distance of features [n, d] and [m, d] (Heusel et al. 2017, arXiv 1706.08500); it decreases with n.

    torch-fidelity gives the same number. It takes the eigenvalues of the product of both covariances [d, d]. Their
    square roots are the singular values of A B^T, with the centred features A and B, which take much less time.
    """
    sides, means = [], []
    for features in (reals.double(), fakes.double()):
        means.append(features.mean(0))
        centred = (features - means[-1]) / (len(features) - 1) ** 0.5
        # R has the same covariance and at most d rows.
        sides.append(torch.linalg.qr(centred, mode="r").R if len(centred) > centred.shape[1] else centred)
    variance = sum(side.square().sum() for side in sides)
    cross = torch.linalg.svdvals(sides[0] @ sides[1].T).sum()
    return float((means[0] - means[1]).square().sum() + variance - 2 * cross)
