"""The contract's affine map around a network, as a torch module: what every student's denoise graph is exported from."""

from torch import Tensor, nn


class AffineGraph(nn.Module):
    """x [n, C, h, w], t [n], conditioning, and a step's numbers [n] each -> x0 and the next step's x, as x.

    The time is a float: InstaFlow's 1000.0 lies beyond any table. A network that is told its guidance also takes `w` [n].
    A network with inputs of its own has its own `forward`, which ends in `step`.
    """

    def predict(self, x: Tensor, t: Tensor, conditioning: Tensor, w: Tensor | None) -> Tensor:
        """What the network says, of x's shape."""
        raise NotImplementedError

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        conditioning: Tensor,
        A: Tensor,
        B: Tensor,
        alpha_next: Tensor,
        sigma_next: Tensor,
        noise_next: Tensor,
        w: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        return self.step(x, self.predict(x, t, conditioning, w), A, B, alpha_next, sigma_next, noise_next)

    @staticmethod
    def step(
        x: Tensor, out: Tensor, A: Tensor, B: Tensor, alpha_next: Tensor, sigma_next: Tensor, noise_next: Tensor
    ) -> tuple[Tensor, Tensor]:
        """From what the network said to x0, and to the next step's x."""
        x0 = _each(A) * x + _each(B) * out
        return x0, _each(alpha_next) * x0 + _each(sigma_next) * noise_next


def _each(numbers: Tensor) -> Tensor:
    return numbers[:, None, None, None]
