"""The real pynvml, on a stand-in for NVIDIA's library."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRINT = """
import sys
sys.path.insert(0, sys.argv[1])
from local_meter.nvidia import devices
found, reason = devices()
for one in found:
    print(one.uuid, one.name, one.counter)
print(reason)
"""


def ask(env: dict[str, str]) -> list[str]:
    asked = subprocess.run(
        [sys.executable, "-c", PRINT, str(ROOT)],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=True,
    )
    return asked.stdout.splitlines()


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_devices_are_listed_with_whether_they_count_energy(tmp_path: Path) -> None:
    library = tmp_path / "libnvidia-ml.so.1"
    source = Path(__file__).with_name("fake_nvml.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    assert ask({"LD_LIBRARY_PATH": str(tmp_path)}) == [
        "GPU-1 Fake H200 True",
        "GPU-2 Fake T4 False",
        "None",
    ]


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="this machine has a GPU")
def test_without_the_library_there_is_a_reason() -> None:
    assert ask({"LD_LIBRARY_PATH": ""}) == ["NVML: NVML Shared Library Not Found"]
