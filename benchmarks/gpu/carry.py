"""What a machine without a network lacks, in folders small enough to be carried one by one.

    python -m benchmarks.gpu.carry --to .carry                    # where there is a package index: collect
    python3 benchmarks/gpu/carry.py --unpack .carry --to SITE     # where there is none: after each folder that came

Wheels are packed as one archive (xz, which makes TensorRT-RTX a third smaller than its wheel), cut into parts of at most
so many MiB. Unpacking needs nothing but Python; it waits until the last part has come.
"""

import argparse
import hashlib
import io
import json
import lzma
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20

Fetch = Callable[[Sequence[str], str, Path], None]

WHEELS = {
    "base": ("diffusers", "importlib_metadata", "zipp", "simplejpeg", "nvidia-ml-py", "prometheus-client"),
    "server": (
        "fastapi", "fastapi-offline", "starlette", "pydantic", "pydantic-core", "pydantic-settings", "annotated-types",
        "annotated-doc", "typing-extensions", "typing-inspection", "python-dotenv", "uvicorn", "click", "h11", "uvloop",
        "websockets", "anyio", "idna", "opentelemetry-api", "limits", "deprecated", "wrapt", "packaging",
        "msgpack", "python-multipart", "isal",
    ),
    "plots": ("matplotlib", "contourpy", "cycler", "fonttools", "kiwisolver", "pyparsing", "python-dateutil", "six"),
    "tensorrt": ("tensorrt-rtx-cu13-libs", "tensorrt-rtx-cu13-bindings", "onnx-ir"),
}  # fmt: skip
"""By group; `server` is what the server takes beside `base`, for figures through its sockets. Expected there already: torch
for CUDA with Triton, transformers, tokenizers, accelerate, safetensors, onnx, onnxscript, numpy, pillow, cuda-bindings with
NVRTC."""
_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
_MANIFEST = "manifest.json"


def collect(groups: Sequence[str], python: str, to: Path, most: int, fetch: Fetch) -> list[Path]:
    """Each group as GROUP-1, GROUP-2, ... under `to`, of at most `most` bytes each; the folders."""
    folders = []
    for group in groups:
        with tempfile.TemporaryDirectory() as temporary:
            fetch(_pinned(WHEELS[group]), python, Path(temporary))
            wheels = sorted(Path(temporary).glob("*.whl"))
            for wheel in wheels:
                print(f"{group}: {wheel.name}, {wheel.stat().st_size / MIB:.1f} MiB")
            packed = _pack(wheels)
        for number, start in enumerate(range(0, len(packed), most), 1):
            folder = to / f"{group}-{number}"
            folder.mkdir(parents=True, exist_ok=True)
            part = packed[start : start + most]
            (folder / "part").write_bytes(part)
            said = {"group": group, "number": number, "parts": -(-len(packed) // most), "sha256": _digest(packed)}
            (folder / _MANIFEST).write_text(json.dumps(said))
            folders.append(folder)
            print(f"{folder}: {len(part) / MIB:.1f} MiB")
    return folders


def unpack(source: Path, site: Path) -> list[str]:
    """Keep the parts that have come to `source` in `site`, and unpack the groups that are whole; those groups.

    Raises ValueError if a group's parts are not of one packing."""
    parts = site / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    whole = []
    for manifest in sorted(source.glob(f"*/{_MANIFEST}")):
        said = json.loads(manifest.read_text())
        name = f"{said['group']}-{said['sha256'][:12]}"
        (parts / f"{name}-{said['number']:02}").write_bytes((manifest.parent / "part").read_bytes())
        come = sorted(parts.glob(f"{name}-??"))
        if len(come) < said["parts"]:
            print(f"{said['group']}: part {said['number']} of {said['parts']} has come")
            continue
        packed = b"".join(part.read_bytes() for part in come)
        if _digest(packed) != said["sha256"]:
            raise ValueError(f"the parts of {said['group']} do not make the whole: collect and carry them again")
        with tarfile.open(fileobj=io.BytesIO(lzma.decompress(packed))) as archive:
            archive.extractall(site, filter="data")
        whole.append(said["group"])
        print(f"{said['group']}: unpacked into {site}")
    return whole


def _pack(wheels: Sequence[Path]) -> bytes:
    """The wheels' files, as they would lie when installed."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as files:
                for name in (name for name in files.namelist() if not name.endswith("/")):
                    info = tarfile.TarInfo(name)
                    data = files.read(name)
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
    return lzma.compress(raw.getvalue())


def _pinned(names: Sequence[str]) -> list[str]:
    """The names with the versions that pyproject.toml demands, or else those that are installed here: they fit each other,
    and were tested. A name that is not here is left to the index."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    demands = [demand.partition(";")[0].strip() for extra in extras.values() for demand in extra]
    exact = {demand.partition("==")[0]: demand for demand in demands if "==" in demand}
    return [exact.get(name) or _installed(name) for name in names]


def _installed(name: str) -> str:
    try:
        return f"{name}=={version(name)}"
    except PackageNotFoundError:
        return name


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _pip(names: Sequence[str], python: str, to: Path) -> None:
    platforms = [word for platform in _PLATFORMS for word in ("--platform", platform)]
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--implementation", "cp"]
    subprocess.run([*command, "--python-version", python, *platforms, "-d", str(to), *names], check=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, required=True, help="folder of the parts, or where to unpack")
    parser.add_argument("--unpack", type=Path, help="folder of the parts that have come")
    parser.add_argument("--groups", default="base,tensorrt", help=f"with commas, of {', '.join(WHEELS)}")
    parser.add_argument("--python", default="3.12", help="of the machine that the wheels are for")
    parser.add_argument("--most", type=int, default=34, help="MiB of a part")
    options = parser.parse_args(arguments)
    if options.unpack:
        unpack(options.unpack, options.to)
    else:
        collect(options.groups.split(","), options.python, options.to, options.most * MIB, _pip)


if __name__ == "__main__":
    main()
