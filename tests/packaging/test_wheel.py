"""The wheel holds every file of the packages, under one name, and runs from there."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRIVATE = (
    "data",
    "estimator",
    "importers",
    "ledger",
    "local_meter",
    "proxy",
    "reports",
    "tui",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def tracked() -> set[str]:
    """Files of our packages that git knows or would add, by the name they have in the wheel."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "tabwatt", *PRIVATE],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    there = [name for name in listed if (ROOT / name).exists()]
    return {name if name.startswith("tabwatt/") else f"tabwatt/lib/{name}" for name in there}


def test_the_wheel_holds_every_tracked_file_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == tracked()


def test_the_wheel_adds_one_name_to_an_environment(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"tabwatt"}


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's files as pip would lay them, on their own."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_in(project: Path, site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run tabwatt as from the wheel, inside a project with a `proxy.py` of its own."""
    # -P keeps the project's folder off the path, PYTHONPATH=. puts it back as users do.
    program = f"import sys; sys.path.insert(0, {str(site)!r}); from tabwatt.__main__ import main"
    return subprocess.run(
        [sys.executable, "-c", f"{program}; sys.argv[1:] = {list(words)!r}; sys.exit(main())"],
        cwd=project,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": f"{site}:.",
            "TABWATT_HOME": str(project / "home"),
            "XDG_RUNTIME_DIR": str(project),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_users_own_proxy_module_does_not_take_our_place(unpacked: Path, tmp_path: Path) -> None:
    (tmp_path / "proxy.py").write_text("raise SystemExit('the wrong proxy')\n")
    (tmp_path / "data.py").write_text("raise SystemExit('the wrong data')\n")
    asked = ("estimate", "--model", "qwen3-32b", "--input-tokens", "10", "--output-tokens", "10")
    answered = run_in(tmp_path, unpacked, *asked, "--json")
    assert answered.returncode == 0, answered.stderr
    assert json.loads(answered.stdout)["v"] == 1


def test_the_demo_runs_from_the_wheel(unpacked: Path, tmp_path: Path) -> None:
    played = run_in(tmp_path, unpacked, "demo", "--no-screen", "--seconds", "2", "--json")
    assert played.returncode == 0, played.stderr
    summary = json.loads(played.stdout)
    assert summary["requests"] > 0
    assert summary["developers"][0].endswith("@example.org")
