"""What a dashboard's file says is read as Grafana reads it: variables, legends, units."""

import pytest

from benchmarks.rehearsal import units
from benchmarks.rehearsal.boards import fill, legend


def test_variables_are_filled_in_however_they_are_written() -> None:
    assert fill('a{b="$c", d=~"${e}"}[${f:raw}]', {"c": "1", "e": ".*", "f": "5s"}) == 'a{b="1", d=~".*"}[5s]'


def test_a_variable_without_a_value_is_not_passed_over() -> None:
    with pytest.raises(KeyError, match="nobody"):
        fill("rate(a[$nobody])", {})


def test_a_legend_takes_its_words_from_labels() -> None:
    assert legend("{{device}} ({{ meter }}{{none}})", {"device": "gpu0", "meter": "nvml"}) == "gpu0 (nvml)"


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "shown"),
    [
        (0.0123, "s", None, "12.3 ms"),
        (0.4874, "s", 2, "487 ms"),
        (90.0, "s", None, "1.5 min"),
        (0.0, "s", None, "0 s"),
        (0.256, "percentunit", 0, "26%"),
        (7.6, "suffix:/s", 1, "7.6/s"),
        (1234.0, "watth", 2, "1.23 kWh"),
        (0.35, "joule", 2, "350 mJ"),
        (1_234_567.0, "short", None, "1.23 M"),
        (600 * 2**20, "bytes", None, "600 MiB"),
        (3.0, "none", None, "3"),
    ],
)
def test_numbers_are_written_with_their_unit(value: float, unit: str, decimals: int | None, shown: str) -> None:
    assert units.text(value, unit, decimals) == shown
