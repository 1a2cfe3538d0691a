"""The house has the rooms it says it has: a package that is new has its place among the walls, the types and the wheel."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
(LAYERS,) = (
    contract["layers"]
    for contract in PROJECT["tool"]["importlinter"]["contracts"]
    if contract["type"] == "layers" and "containers" not in contract  # of the house; others are of floors within a package
)
CLIENT = ROOT / "clients" / "python"
PACKAGES = {path.parent.name for folder in (ROOT, CLIENT) for path in folder.glob("*/__init__.py")} - {"tests"}


def test_every_package_has_its_place_among_the_layers() -> None:
    walls = PROJECT["tool"]["importlinter"]
    assert set(walls["root_packages"]) == PACKAGES
    assert {name.strip() for layer in LAYERS for name in layer.split("|")} == PACKAGES


def test_no_package_may_hold_a_cycle() -> None:
    (acyclic,) = (one for one in PROJECT["tool"]["importlinter"]["contracts"] if one["type"] == "acyclic_siblings")
    assert set(acyclic["ancestors"]) == PACKAGES


def test_the_client_may_import_the_wire_alone() -> None:
    """What is beside the client is walled off by the layers, what is below it by a contract of its own."""
    walls = PROJECT["tool"]["importlinter"]["contracts"]
    (forbidden,) = (
        one["forbidden_modules"] for one in walls if one["type"] == "forbidden" and one["source_modules"] == ["allaprima"]
    )
    beside_or_above = {name.strip() for layer in LAYERS[:-1] for name in layer.split("|")}
    assert "allaprima" in beside_or_above
    assert PACKAGES - beside_or_above - set(forbidden) == {"wire"}


def test_types_are_checked_in_every_package() -> None:
    assert set(PROJECT["tool"]["mypy"]["packages"]) == PACKAGES | {"tests", "comfyui"}


def test_every_python_file_is_in_a_package_or_a_test() -> None:
    """So that the linters and the types of `make check` reach them all."""
    tops = [
        path
        for path in ROOT.iterdir()
        if path.is_dir() and not path.name.startswith(".") and path.name not in {"build", "dist"}
    ]
    assert {top.name for top in tops if any(top.rglob("*.py"))} == PACKAGES - {"allaprima"} | {"clients", "tests"}
    of_clients = {path.relative_to(ROOT / "clients") for path in (ROOT / "clients").rglob("*.py")}
    assert {path.parts[:2] for path in of_clients} == {
        ("python", "allaprima"), ("python", "hatch_build.py"), ("comfyui", "__init__.py"), ("comfyui", "nodes.py"),
        ("examples", "repaint.py"), ("examples", "styles.py"), ("examples", "travel.py"),
    }  # fmt: skip
    assert not list(ROOT.glob("*.py"))
