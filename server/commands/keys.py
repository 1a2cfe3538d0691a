"""allaprima keys: who may use a server, by names, with limits."""

import argparse
import sys
from pathlib import Path
from typing import Any

from ..key_file import Entry, KeyFileError, make_key, read_keys, write_keys
from ..settings import SettingsError, load_settings


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Make, list and remove keys. The file holds digests only: a key is shown once, when it is made. "
        "A server that runs sees a change within a second."
    )
    what = parser.add_subparsers(dest="what", required=True, metavar="add | list | remove")
    adding = what.add_parser("add", help="make a key, and print it")
    adding.add_argument("name", help="whose it is, as logs and limits call them")
    adding.add_argument("--rate", help="images and live sessions that it may begin: 60/minute; none: as --rate of serve")
    adding.add_argument("--sessions", type=int, help="live sessions at once")
    adding.add_argument("--stills", type=int, help="stills at once")
    removing = what.add_parser("remove", help="remove a key, so that it lets nobody in any more")
    removing.add_argument("name")
    for one in (adding, removing, what.add_parser("list", help="list names and limits")):
        one.add_argument("--keys-file", default=argparse.SUPPRESS, metavar="FILE", help="the file; as for serve")


def run(flags: dict[str, Any]) -> int:
    """Do what is asked; the exit status. Raises SettingsError."""
    file = load_settings({name: flags[name] for name in ("keys_file",) if name in flags}).keys_file
    if file is None:
        raise SettingsError("name the file of keys: --keys-file FILE, or ALLAPRIMA_KEYS_FILE")
    try:
        if flags["what"] == "add":
            limits = {name: flags[name] for name in ("rate", "sessions", "stills") if flags[name] is not None}
            return _add(file, flags["name"], limits)
        return _remove(file, flags["name"]) if flags["what"] == "remove" else _list(file)
    except KeyFileError as error:
        raise SettingsError(str(error)) from error


def _add(file: Path, name: str, limits: dict[str, Any]) -> int:
    known = read_keys(file) if file.exists() else ()
    if any(one.name == name for one in known):
        raise KeyFileError(f"there is a key {name!r} already: remove it first, or choose another name")
    key, entry = make_key(name, **limits)
    write_keys(file, (*known, entry))
    print(f"the key of {name}, which is shown this once:", file=sys.stderr)
    print(key)
    return 0


def _remove(file: Path, name: str) -> int:
    known = read_keys(file)
    left = tuple(one for one in known if one.name != name)
    if len(left) == len(known):
        raise KeyFileError(f"there is no key {name!r}; there are: {', '.join(one.name for one in known) or 'none'}")
    write_keys(file, left)
    return 0


def _list(file: Path) -> int:
    for one in read_keys(file):
        print(f"{one.name:24} {_limits(one)}".rstrip())
    return 0


def _limits(one: Entry) -> str:
    said = {"": one.rate, " live sessions": one.sessions, " stills at once": one.stills}
    return ", ".join(f"{value}{what}" for what, value in said.items() if value is not None)
