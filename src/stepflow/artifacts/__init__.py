"""Artifacts: files that a script named, copied to where nothing it does later can change them.

What a script prints is never trusted as a path: it is resolved, symlinks too, and must lie in the
working directory or a configured root. Whatever goes wrong is a state that the user sees.
"""

from stepflow.artifacts.bundle import pack_zip
from stepflow.artifacts.folder import ArtifactFolder, Limits

__all__ = ["ArtifactFolder", "Limits", "pack_zip"]
