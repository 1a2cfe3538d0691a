"""Where a tick's time goes, by kernel and by kind."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from benchmarks.gpu.profile import Spent, profile, table
from engines.engine import Pixels
from tests.benchmarks.gpu.noting import Noting


class Multiplying(Noting):
    """Does some of torch's work in each tick."""

    def begin(self, pictures: Sequence[Pixels]) -> Any:
        one = torch.ones(64, 64)
        for _ in range(3):
            one = one @ one
        return super().begin(pictures)


def test_a_profile() -> None:
    """What is done is counted for each tick, the longest first."""
    spent = profile(Multiplying(), 2, 64, ticks=4)
    calls = {one.name: one.calls for one in spent}
    assert calls["aten::mm"] == 3.0
    assert [one.milliseconds for one in spent] == sorted((one.milliseconds for one in spent), reverse=True)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sm90_xmma_fprop_implicit_gemm_f16f16_f16f32_f32_nhwckrsc_nhwc", "convolution"),
        ("void pytorch_flash::flash_fwd_kernel<Flash_fwd_kernel_traits<64>>", "attention"),
        ("nvjet_hsh_256x128_64x4_1x2_h_bz_coopA_NTT", "product"),
        ("triton_red_fused_native_group_norm_silu_3", "compiled"),
        ("open_rows", "ours"),
        ("Memcpy DtoD (Device -> Device)", "copy"),
        ("something", "other"),
    ],
)
def test_kinds(name: str, kind: str) -> None:
    """A kernel's name says what it does."""
    assert Spent(name, 1.0, 1.0).kind == kind


def test_the_table() -> None:
    """The whole, each kind's share, and the longest kernels."""
    said = table([Spent("triton_poi_1", 10.0, 3.0), Spent("nvjet_1", 2.0, 1.0)], lines=1).splitlines()
    assert said[0] == "4.000 ms of a tick in 12 kernels"
    assert said[1].split() == ["compiled", "3.000", "ms", "75.0%"]
    assert said[2].split() == ["product", "1.000", "ms", "25.0%"]
    assert said[-1].split() == ["3.000", "10.0", "triton_poi_1"]
