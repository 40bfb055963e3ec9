"""PointCLIP V2's learned smoothing: three convolutions, initialised to the fixed Gaussian."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pointclip.errors import InputError
from pointclip.projection.spec import ProjectionSpec, gaussian

STATISTICS = ("frozen", "batch")  # of batch norm during training
CHANNELS = (1, 3, 8, 3)  # before, between and after the convolutions; the last three are the image's
FORMS = ("paper", "compiled")
WINDOWS = ((1, 3, 3), (3, 5, 5), (3, 5, 5))  # along depth, row, column


class LearnedSmoothing(nn.Module):
    """Three 3-D convolutions, each with batch norm and ReLU, in place of the Gaussian (PointCLIP V2, few-shot).

    The first convolution starts as the fixed Gaussian in all channels, and the others pass three channels through, so
    that the three outputs equal the fixed smoothing up to a common factor, which the division by the largest value
    removes. The second convolution's other five channels start as random blurs that the third weights by 0; if they
    were 0 too, neither side would ever get a gradient.

    Args:
        spec: gives the Gaussian; its window must be (1, 3, 3), as in classification.
        statistics: "frozen" keeps batch norm's running mean 0 and variance 1 during training (scale and shift are still
            learned), so that training starts from zero-shot; "batch" normalises by each batch, as usual.
        seed: of the random blurs.
        form: "paper", as described above, or "compiled", as in compiled files of an early state: convolutions with
            biases; the second and third start as the mean of their channels (identity / channels + 1e-5) with biases of
            1e-5.

    Raises:
        InputError: for other statistics or another form, and a spec with another window.
    """

    def __init__(self, spec: ProjectionSpec, statistics: str = "frozen", seed: int = 0, form: str = "paper"):
        super().__init__()
        if form not in FORMS:
            raise InputError(f"The form of the smoothing is {form!r}; expected 'paper' or 'compiled'.")
        if statistics not in STATISTICS:
            raise InputError(f"The batch norm's statistics are {statistics!r}; expected 'frozen' or 'batch'.")
        if spec.smooth_window != WINDOWS[0]:
            raise InputError(f"The smoothing window is {spec.smooth_window}; expected {WINDOWS[0]}.")
        self.statistics, self.form = statistics, form
        pairs = zip(CHANNELS, CHANNELS[1:], WINDOWS, strict=False)
        self.convolutions = nn.ModuleList(_convolution(*pair, form == "compiled") for pair in pairs)
        self.norms = nn.ModuleList(nn.BatchNorm3d(channels) for channels in CHANNELS[1:])
        self._start_as_fixed(spec, seed)
        if form == "compiled":
            self._start_as_compiled()
        self.train()

    def forward(self, grid: Tensor) -> Tensor:
        """Smooth grids: [M, depth, row, column], 0 in empty cells -> [M, 3, depth, row, column], non-negative."""
        grid = grid[:, None]  # [M, 1, depth, row, column]
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            grid = F.relu(norm(convolution(grid)))
        return grid

    def train(self, mode: bool = True) -> "LearnedSmoothing":
        """As `nn.Module.train`, but frozen batch norms stay in evaluation mode."""
        super().train(mode)
        for norm in self.norms:
            norm.train(mode and self.statistics == "batch")
        return self

    @property
    def _layers(self) -> list[nn.Conv3d]:
        return cast(list[nn.Conv3d], list(self.convolutions))

    @torch.no_grad()
    def _start_as_fixed(self, spec: ProjectionSpec, seed: int) -> None:
        first, second, third = (convolution.weight for convolution in self._layers)  # [out, in, *window] each
        row = torch.tensor(gaussian(spec.smooth_window[1], spec.sigma_image), dtype=torch.float64)
        first.copy_((row[:, None] * row).expand_as(first))
        generator = torch.Generator().manual_seed(seed)
        blurs = torch.rand(second.shape, generator=generator)
        second.copy_(blurs / blurs.sum((1, 2, 3, 4), keepdim=True))
        third.zero_()
        middle = tuple(size // 2 for size in WINDOWS[1])
        for channel in range(CHANNELS[1]):
            second[channel] = 0
            place = channel, channel, *middle
            second[place] = third[place] = 1

    @torch.no_grad()
    def _start_as_compiled(self) -> None:
        for convolution in self._layers:
            if convolution.bias is not None:
                convolution.bias.fill_(0 if convolution is self._layers[0] else 1e-5)
        for convolution in self._layers[1:]:
            weight = convolution.weight
            weight.fill_(1e-5)
            depth, row, column = (size // 2 for size in weight.shape[2:])
            weight[:, :, depth, row, column] += 1 / weight.shape[1]


def _convolution(before: int, after: int, window: tuple[int, int, int], bias: bool) -> nn.Conv3d:
    """A convolution padded to keep the grid's size; batch norm shifts, so that a bias is not needed."""
    return nn.Conv3d(before, after, window, padding=(window[0] // 2, window[1] // 2, window[2] // 2), bias=bias)
