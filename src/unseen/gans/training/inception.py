"""FID and KID as the papers have them: on the Inception features of torch-fidelity, whose weights a user brings."""

import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unseen.core.errors import UserError
from unseen.gans.shared.networks import BATCH


class Inception:
    """Features [n, 2048] on the host of pictures, as FID is defined on."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        """`folder` holds torch-fidelity's own file of weights, `weights-inception-2015-12-05-6726825d.pth`.

        Raises:
            UserError: torch-fidelity is not installed; or the file is missing or another network's.
        """
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ImportError:
            raise UserError("`quality.inception` needs torch-fidelity: `pip install -e '.[fid]'`") from None
        files = sorted(folder.glob("*.pth"))
        if len(files) != 1:
            raise UserError(f"{folder}: expected one .pth file with torch-fidelity's Inception weights")
        try:
            # torch-fidelity would unpickle the file as it is; what it gets holds tensors and nothing else.
            safe = io.BytesIO()
            torch.save(torch.load(files[0], map_location="cpu", weights_only=True), safe)
            safe.seek(0)
            net: Any = FeatureExtractorInceptionV3("inception", ["2048"], safe)
        except Exception as error:  # what a damaged file raises is not documented
            raise UserError(
                f"{files[0]}: not torch-fidelity's Inception weights; correct `quality.inception`"
            ) from error
        self._net, self._device = net.to(device), device

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """Features of uint8 pictures [n, 3, s, s]."""
        return torch.cat([self._net(part.to(self._device))[0].float().cpu() for part in torch.split(pictures, BATCH)])


def fid(reals: Tensor, fakes: Tensor) -> float:
    """Frechet distance of features [n, d] and [m, d] (Heusel et al. 2017, arXiv 1706.08500); falls as n grows."""
    from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

    sides = [fid_features_to_statistics(features.double()) for features in (reals, fakes)]
    found: float = fid_statistics_to_metric(*sides, verbose=False)[KEY_METRIC_FID]
    return found
