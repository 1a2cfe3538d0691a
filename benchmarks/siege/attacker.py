"""Hostile clients in a process of their own: python -m benchmarks.siege.attacker NAME[,NAME...] --port PORT ...

Each name is one client of that attack. The process says "armed" when all have what they need, waits for a line before the first
of them connects, says how many bytes they have sent when their time is over, and keeps their sockets until its input ends.
"""

import argparse
import json
import os
import sys
import threading
import time
from ipaddress import ip_address

from .attack import all_attacks
from .hostile import Hostile, Start

_NICE = 10
"""Attackers give way to the server: what is measured is what their bytes do to it, not who gets the processor."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.siege.attacker", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--address", required=True, help="127.x.y.z that the first client comes from; the others count on")
    parser.add_argument("--index", type=int, required=True, help="which of the clients of an attack this is")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--rate", type=float, required=True, help="bytes a second of each client")
    options = parser.parse_args()
    os.nice(_NICE)
    names = options.names.split(",")
    start = Start(len(names))
    address = ip_address(options.address)
    clients = [
        Hostile(options.port, str(address + number), options.index + number, options.seconds, options.rate, start)
        for number in range(len(names))
    ]
    for name, client in zip(names, clients, strict=True):
        threading.Thread(target=_attack, args=(name, client), name=name, daemon=True).start()
    start.armed()
    print("armed", flush=True)
    if not sys.stdin.readline():
        return 0
    start.give()
    time.sleep(options.seconds)
    print(json.dumps({"sent": sum(client.sent for client in clients)}), flush=True)
    sys.stdin.read()  # their sockets live until whoever began this hangs up
    return 0


def _attack(name: str, client: Hostile) -> None:
    all_attacks()[name].run(client)
    client.go()  # one that never connected is armed all the same


if __name__ == "__main__":
    sys.exit(main())
