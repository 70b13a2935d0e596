"""Models that were made with /api/create: a manifest in build/models/, which names a GGUF file in build/models/blobs/.

Nothing is taken over half: a blob gets its name when its digest is right, a manifest is written whole.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from helpers.files import CourseError, atomic_write, unwritable, write_json
from helpers.llm.server.api import get, model_name, read_options
from helpers.llm.server.errors import ApiError
from helpers.llm.server.library import gguf_file
from helpers.llm.server.models import ModelInfo, blob_path, created, created_folder, describe_file
from helpers.llm.server.prompts import check_template

NAME = re.compile(r"[a-z0-9_][\w.-]{0,79}(:[\w][\w.-]{0,79})?", re.ASCII | re.IGNORECASE)
DIGEST = re.compile(r"sha256[:-][0-9a-f]{64}")
Find = Callable[[str], ModelInfo | None]


def manifest_path(name: str) -> Path:
    """Where the manifest of a created model lies. ApiError 400 for a name that is none."""
    if not NAME.fullmatch(name):
        raise ApiError(400, f"invalid model name {name!r}: letters, digits, '.', '_' and '-', then perhaps ':tag'")
    return created_folder() / f"{name.removesuffix(':latest').replace(':', '+')}.json"


def create_model(body: dict, find: Find) -> list[str]:
    """Make the model that the body of /api/create describes; what was done, step by step. Raises ApiError."""
    name = model_name(body)
    path = manifest_path(name)
    if (known := find(name)) and known.name not in created():
        raise ApiError(400, f"{name} is a model of the course already: choose another name")
    for key in ("quantize", "adapters"):
        if body.get(key):
            raise ApiError(501, f"the embedded engine has no {key}: leave it out, and send the file as it shall be")
    template, system = get(body, "template", str, ""), get(body, "system", str, "")
    if template:
        check_template(template)
    options = read_options(get(body, "parameters", dict, {}))
    source = _source(body, find)
    settings = {"template": template or source.get("template", ""), "system": system or source.get("system", "")}
    settings |= {"options": source.get("options", {}) | options, "gguf": source["gguf"]}
    write_json(path, settings)
    return ["parsing GGUF", "using existing layer " + source["gguf"], "writing manifest"]


def _source(body: dict, find: Find) -> dict:
    """The GGUF file that the new model runs, and what it takes over from the model it is made from."""
    files, parent = get(body, "files", dict, {}), get(body, "from", str, "")
    if parent:
        info = find(parent)
        if info is None:
            raise ApiError(404, f"model '{parent}' not found")
        taken = {"template": info.template, "system": info.system, "options": info.options}
        return taken | {"gguf": keep_blob(gguf_file(info))}
    if len(files) != 1:
        raise ApiError(400, "neither 'from' or 'files' was specified" if not files else "send one GGUF file")
    digest = check_digest(*files.values())
    if not blob_path(digest).exists():
        raise ApiError(400, f"blob {digest!r} is not here: send it to /api/blobs/{digest} first")
    try:
        describe_file("", blob_path(digest))
    except CourseError as error:
        raise ApiError(400, str(error)) from error
    return {"gguf": digest}


def check_digest(digest) -> str:
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise ApiError(400, f"invalid digest {digest!r}: it is sha256: and 64 hexadecimal digits")
    return digest.replace("-", ":")


def keep_blob(path: Path) -> str:
    """The digest of a GGUF file, which now is a blob as well; without a second copy where the disk can do that."""
    with open(path, "rb") as file:
        digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    blob = blob_path(digest)
    if not blob.exists():
        try:
            blob.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, blob)
        except OSError:  # another disk, or one that knows no links
            with open(path, "rb") as source, atomic_write(blob) as file:
                shutil.copyfileobj(source, file)
    return digest


def copy_model(source: str, destination: str, find: Find):
    """The same model under a second name. Raises ApiError."""
    if find(source) is None:
        raise ApiError(404, f"model '{source}' not found")
    create_model({"model": destination, "from": source}, find)


def delete_model(name: str, find: Find):
    """Remove a created model, damaged or not, and its file if no other model needs it. Raises ApiError."""
    manifest = created().get(name.removesuffix(":latest"))
    if manifest is None:
        if find(name) is None:
            raise ApiError(404, f"model '{name}' not found")
        raise ApiError(400, f"{name} was not made by /api/create: remove its folder or file yourself")
    digest = DIGEST.search(manifest.read_text(encoding="utf-8", errors="replace"))
    manifest.unlink()
    if digest and not any(digest[0] in other.read_text(encoding="utf-8") for other in created().values()):
        blob_path(digest[0]).unlink(missing_ok=True)


class Blob:
    """A file that comes in pieces. `finish` gives it its name; what is not finished is discarded."""

    def __init__(self, digest: str):
        """Raises ApiError for a digest that is none, CourseError if the folder cannot be written."""
        self.path, self.hash, self.trouble = blob_path(check_digest(digest)), hashlib.sha256(), None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = tempfile.NamedTemporaryFile(dir=self.path.parent, prefix=".", delete=False)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def write(self, chunk: bytes):
        """Trouble, such as a full disk, is kept for `finish`: the client listens only when it has sent everything."""
        if self.trouble is None:
            try:
                self.file.write(chunk)
                self.hash.update(chunk)
            except OSError as error:
                self.trouble = unwritable(self.path, error)

    def finish(self):
        """Raises CourseError if the file could not be written, ApiError 400 if it is not the one that was announced."""
        if self.trouble is None and self.hash.hexdigest() != self.path.name[-64:]:
            expected, got = (f'"sha256:{digest}"' for digest in (self.path.name[-64:], self.hash.hexdigest()))
            self.trouble = ApiError(400, f"digest mismatch, expected {expected}, got {got}")
        if self.trouble:
            raise self.trouble
        try:
            self.file.close()  # writes what is left
            os.replace(self.file.name, self.path)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def discard(self):
        for leave in (self.file.close, Path(self.file.name).unlink):  # a full disk may show when it is closed
            with suppress(OSError):
                leave()
