from tests.by_itself import one_thread, seeded

__all__ = ["one_thread", "seeded"]
