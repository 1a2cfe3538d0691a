import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor

from engines.families.embedded.network import Denoiser, TextEncoder
from engines.families.embedded.shapes import TEXT_WIDTH, TOKENS
from engines.students import load_student

Inputs = tuple[Tensor, Tensor, Tensor]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """The one that ships."""
    return Tokenizer.from_file(str(load_student("embedded").graphs / "tokenizer.json"))


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    torch.manual_seed(1)
    net = Denoiser().eval().requires_grad_(False)
    for parameter in net.parameters():
        # as made, the last layer of every block is zero, which would hide what the blocks do
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    return net


@pytest.fixture
def inputs() -> Inputs:
    return torch.randn(3, 24, 32, 32), torch.tensor([0.3, 0.7, 1.0]), torch.randn(3, TOKENS, TEXT_WIDTH)


def test_rows_do_not_influence_each_other(denoiser: Denoiser, inputs: Inputs) -> None:
    x, t, text = inputs
    before = denoiser(x, t, text)
    changed = denoiser(torch.cat([x[:1], 9 * x[1:]]), torch.cat([t[:1], 1 - t[1:]]), torch.cat([text[:1], -text[1:]]))
    assert torch.allclose(changed[0], before[0], atol=1e-5)
    assert not torch.allclose(changed[1], before[1], atol=1e-2)


def test_a_row_is_the_same_alone(denoiser: Denoiser, inputs: Inputs) -> None:
    together = denoiser(*inputs)
    for i in range(3):
        alone = denoiser(*(value[i : i + 1] for value in inputs))
        assert torch.allclose(alone[0], together[i], atol=1e-4)


def test_a_row_that_is_not_a_number_stays_alone(denoiser: Denoiser, inputs: Inputs) -> None:
    x, t, text = inputs
    broken = x.clone()
    broken[1] = torch.nan
    out = denoiser(broken, t, text)
    assert bool(out[1].isnan().any())
    assert torch.allclose(out[[0, 2]], denoiser(x, t, text)[[0, 2]], atol=1e-4)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_noise_time_and_text_all_matter(denoiser: Denoiser, inputs: Inputs, which: int) -> None:
    other = list(inputs)
    other[which] = other[which].flip(0) * 0.5
    assert float((denoiser(*other) - denoiser(*inputs)).abs().mean()) > 1e-3


def test_the_mean_of_a_channel_reaches_the_output_everywhere(denoiser: Denoiser, inputs: Inputs) -> None:
    x, t, text = inputs
    shifted = x.clone()
    shifted[:, 7] += 2 / 32
    change = (denoiser(shifted, t, text) - denoiser(x, t, text)).abs().mean(1)
    assert float(change.amin((-2, -1)).max()) > 0


def test_padding_says_nothing(tokenizer: Tokenizer) -> None:
    encoder = TextEncoder(tokenizer.get_vocab_size()).eval().requires_grad_(False)
    ids = torch.tensor([tokenizer.encode("a red heart").ids])
    conditioning = encoder(ids)
    assert conditioning.shape == (1, TOKENS, TEXT_WIDTH)
    assert not conditioning[:, 4:].any()
    # what stands in the padding's place must not reach the words before it
    encoder.tokens.weight[0] += 5
    assert torch.allclose(encoder(ids), conditioning, atol=1e-5)


def test_prompts_of_a_batch_are_independent(tokenizer: Tokenizer) -> None:
    encoder = TextEncoder(tokenizer.get_vocab_size()).eval().requires_grad_(False)
    ids = torch.tensor(
        [tokenizer.encode(prompt).ids for prompt in ("", "neon", "a red heart on a cyan background, oil painting")]
    )
    together = encoder(ids)
    assert bool(together.isfinite().all())
    for i in range(3):
        assert torch.allclose(encoder(ids[i : i + 1])[0], together[i], atol=1e-5)
