import pytest

from engines.gpu.slots import SlotTable


def test_a_job_keeps_its_slot() -> None:
    """A job that takes a slot again gets its own."""
    table = SlotTable(3)
    slot = table.take(7)
    assert table.take(8) != slot
    assert table.take(7) == table.find(7) == slot
    assert len(table) == 2


def test_no_two_jobs_share() -> None:
    """Whatever is taken and forgotten, the jobs that are there have slots of their own, below the capacity."""
    table = SlotTable(4)
    for job in range(50):
        table.take(job)
        if job % 3 == 0:
            table.forget(job)
        held = [slot for slot in (table.find(other) for other in range(job + 1)) if slot is not None]
        assert len(set(held)) == len(held) == len(table) <= 4
        assert set(held) <= set(range(4))


@pytest.mark.parametrize("again", [False, True])
def test_the_oldest_makes_room(again: bool) -> None:
    """Of too many jobs the one goes whose slot was taken longest ago."""
    table = SlotTable(2)
    table.take(1)
    table.take(2)
    if again:
        table.take(1)
    table.take(3)
    assert (table.find(1) is None, table.find(2) is None) == (not again, again)


def test_forgetting() -> None:
    """A forgotten job is not found, and forgetting it again frees no other's slot."""
    table = SlotTable(1)
    table.take(1)
    table.forget(1)
    table.forget(1)
    assert table.find(1) is None
    table.take(2)
    table.take(3)
    assert table.find(2) is None
    assert table.find(3) == 0
