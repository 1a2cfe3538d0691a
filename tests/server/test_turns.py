"""Turns: one at a time, in order of asking."""

import itertools
import threading
import time

from server.turns import Turns


def test_one_at_a_time() -> None:
    """No two are inside at once, however many ask."""
    turns, inside, most = Turns(), 0, 0
    guard = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with turns:
                with guard:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.0002)
                with guard:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == 1


def test_two_who_always_want_it_alternate() -> None:
    """Who lets go and asks again at once comes after who has waited."""
    turns, order, ready = Turns(), [], threading.Barrier(2)

    def work(name: str) -> None:
        ready.wait()
        for _ in range(30):
            with turns:
                order.append(name)
                time.sleep(0.001)

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    middle = order[5:50]
    assert all(one != following for one, following in itertools.pairwise(middle))


def test_an_error_passes_the_turn_on() -> None:
    """A turn that ends in an error is over."""
    turns = Turns()
    try:
        with turns:
            raise RuntimeError
    except RuntimeError:
        pass
    done = threading.Event()
    threading.Thread(target=lambda: (turns.__enter__(), done.set())).start()
    assert done.wait(30)
