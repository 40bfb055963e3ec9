"""PointCLIP V2's smoothing as three convolutions that learn, and start as the fixed one."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pointclip.errors import InputError
from pointclip.projection.spec import ProjectionSpec, gaussian

STATISTICS = ("frozen", "batch")  # what batch norm does while it is trained
CHANNELS = (1, 3, 8, 3)  # before, between and after the convolutions; the last are an image's three
WINDOWS = ((1, 3, 3), (3, 5, 5), (3, 5, 5))  # along depth, row, column


class LearnedSmoothing(nn.Module):
    """Three 3-D convolutions, each with batch norm and ReLU, in place of the Gaussian (PointCLIP V2, few-shot).

    At the start the first holds the fixed Gaussian in all channels, and the others hand three channels on unchanged,
    so that the three outputs equal the fixed smoothing up to one common factor, which dividing by the largest value
    takes out again. The second convolution's other five channels begin as random blurs that the third does not read
    yet; if they were 0 too, neither side would ever get a gradient.

    Args:
        spec: whose Gaussian it starts as; its window must be (1, 3, 3), as classification's is.
        statistics: "frozen" keeps batch norm's running mean 0 and deviation 1 in training too (its scale and shift are
            learned), so that the start stays zero-shot's; "batch" normalises by each batch and follows it.
        seed: of the random blurs.

    Raises:
        InputError: for other statistics, and a spec of another window.
    """

    def __init__(self, spec: ProjectionSpec, statistics: str = "frozen", seed: int = 0):
        super().__init__()
        if statistics not in STATISTICS:
            raise InputError(f"The batch norm's statistics are {statistics!r}; 'frozen' or 'batch' was expected.")
        if spec.smooth_window != WINDOWS[0]:
            raise InputError(f"The window to smooth with is {spec.smooth_window}; {WINDOWS[0]} was expected.")
        self.statistics = statistics
        pairs = zip(CHANNELS, CHANNELS[1:], WINDOWS, strict=False)
        self.convolutions = nn.ModuleList(_convolution(*pair) for pair in pairs)
        self.norms = nn.ModuleList(nn.BatchNorm3d(channels) for channels in CHANNELS[1:])
        self._start_as_fixed(spec, seed)
        self.train()

    def forward(self, grid: Tensor) -> Tensor:
        """Smoothed grids: [M, depth, row, column], 0 where nothing is -> [M, 3, depth, row, column], not negative."""
        grid = grid[:, None]  # [M, 1, depth, row, column]
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            grid = F.relu(norm(convolution(grid)))
        return grid

    def train(self, mode: bool = True) -> "LearnedSmoothing":
        """As every module's; frozen statistics stay as in evaluation."""
        super().train(mode)
        for norm in self.norms:
            norm.train(mode and self.statistics == "batch")
        return self

    @torch.no_grad()
    def _start_as_fixed(self, spec: ProjectionSpec, seed: int) -> None:
        first, second, third = (convolution.weight for convolution in self.convolutions)  # [out, in, *window] each
        row = torch.tensor(gaussian(spec.smooth_window[1], spec.sigma_image), dtype=torch.float64)
        first.copy_((row[:, None] * row).expand_as(first))
        generator = torch.Generator().manual_seed(seed)
        blurs = torch.rand(second.shape, generator=generator)
        second.copy_(blurs / blurs.sum((1, 2, 3, 4), keepdim=True))
        third.zero_()
        middle = tuple(size // 2 for size in WINDOWS[1])
        for channel in range(CHANNELS[1]):
            second[channel] = 0
            second[(channel, channel, *middle)] = third[(channel, channel, *middle)] = 1


def _convolution(before: int, after: int, window: tuple[int, int, int]) -> nn.Conv3d:
    """Without a bias, since batch norm shifts, and padded so that the grid keeps its size."""
    return nn.Conv3d(before, after, window, padding=tuple(size // 2 for size in window), bias=False)
