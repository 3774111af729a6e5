"""Reads an upload of dbt artifacts: the parts of the form in their order, and the files in the zip."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
import zlib
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import IO, TYPE_CHECKING

from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from werkzeug.sansio.multipart import Event
    from werkzeug.wrappers import Request

RUN_TYPES = ("production", "pull_request")
FORMS = (
    ("commit_sha", "run_type", "artifacts"),
    ("commit_sha", "run_type", "run_id", "artifacts"),
)
"""The parts that Datafold's client sends, in its order; another order is refused here, to notice a difference."""
CHUNK = 1 << 16
LONGEST_TEXT = 1000


class InvalidUploadError(Exception):
    """The form is refused. `place`, `message` and `kind` are `loc`, `msg` and `type` of FastAPI's 422."""

    def __init__(self, place: tuple[str, ...], message: str, kind: str = "value_error") -> None:
        """`place` is `("body",)` or `("body", <part>)`."""
        super().__init__(message)
        self.place, self.message, self.kind = place, message, kind


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the form: its headers as they were sent, and the file name if it has one."""

    name: str
    headers: tuple[tuple[str, str], ...]
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class ZippedFile:
    """The content of a file in the zip, without the content itself."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An upload that was accepted. `run_id` is None when it was not sent; `files` has the names in the zip."""

    config_id: int
    commit_sha: str
    run_type: str
    run_id: str | None
    parts: tuple[Part, ...]
    files: Mapping[str, ZippedFile]


@dataclass
class _Form:
    """What was read of a form so far: texts in memory, the file in `artifacts`."""

    artifacts: IO[bytes]
    parts: list[Part] = field(default_factory=list)
    texts: dict[str, bytes] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        if isinstance(event, Field | File):
            filename = event.filename if isinstance(event, File) else None
            self.parts.append(Part(event.name or "", tuple(event.headers.items()), filename))
        elif isinstance(event, Data):
            self._add_data(event.data)

    def _add_data(self, data: bytes) -> None:
        part = self.parts[-1]
        if part.filename is not None:
            self.artifacts.write(data)
            return
        self.texts[part.name] = self.texts.get(part.name, b"") + data
        if len(self.texts[part.name]) > LONGEST_TEXT:
            raise InvalidUploadError(("body", part.name), f"has more than {LONGEST_TEXT} bytes")

    def text(self, name: str) -> str:
        try:
            return self.texts[name].decode()
        except UnicodeDecodeError:
            raise InvalidUploadError(("body", name), "is not UTF-8") from None


def read(request: Request, config_id: int) -> Upload:
    """Read an upload. Raises `InvalidUploadError`."""
    with tempfile.TemporaryFile() as artifacts:
        form = _Form(artifacts)
        try:
            for event in _events(request):
                form.add(event)
        except ValueError as error:
            raise InvalidUploadError(("body",), f"There was an error parsing the body: {error}") from None
        _check_parts(form.parts)
        for name in ("commit_sha", "run_type"):
            if not form.text(name):
                raise InvalidUploadError(("body", name), "field required", "value_error.missing")
        if form.text("run_type") not in RUN_TYPES:
            words = ", ".join(f"'{word}'" for word in RUN_TYPES)
            message = f"value is not a valid enumeration member; permitted: {words}"
            raise InvalidUploadError(("body", "run_type"), message, "type_error.enum")
        return Upload(
            config_id=config_id,
            commit_sha=form.text("commit_sha"),
            run_type=form.text("run_type"),
            run_id=form.text("run_id") if "run_id" in form.texts else None,
            parts=tuple(form.parts),
            files=_zipped_files(artifacts),
        )


def _events(request: Request) -> Iterator[Event]:
    """Yield the events of the form while it is read. Raises ValueError when it is not one, or has no end."""
    boundary = request.mimetype_params.get("boundary", "")
    if request.mimetype != "multipart/form-data" or not boundary:
        message = f"not multipart/form-data with a boundary: {request.content_type}"
        raise ValueError(message)
    decoder = MultipartDecoder(boundary.encode())
    while True:
        event = decoder.next_event()
        if isinstance(event, Epilogue):
            return
        if isinstance(event, NeedData):
            decoder.receive_data(request.stream.read(CHUNK) or None)
        else:
            yield event


def _check_parts(parts: list[Part]) -> None:
    names = tuple(part.name for part in parts)
    missing = [name for name in FORMS[0] if name not in names]
    if missing:
        raise InvalidUploadError(("body", missing[0]), "field required", "value_error.missing")
    if names not in FORMS:
        raise InvalidUploadError(("body",), f"unexpected parts or order: {', '.join(names)}")
    for part in parts:
        if (part.name == "artifacts") is not (part.filename is not None):
            expected = "a file" if part.name == "artifacts" else "a text"
            raise InvalidUploadError(("body", part.name), f"{expected} was expected")


def _zipped_files(artifacts: IO[bytes]) -> Mapping[str, ZippedFile]:
    """Read each file of the zip once; a wrong checksum is an error too."""
    try:
        with zipfile.ZipFile(artifacts) as archive:
            files = {info.filename: _zipped_file(archive, info) for info in archive.infolist() if not info.is_dir()}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InvalidUploadError(("body", "artifacts"), f"not a readable zip: {error}") from None
    if not any(name.rpartition("/")[2] == "manifest.json" for name in files):
        raise InvalidUploadError(("body", "artifacts"), "the zip has no manifest.json")
    return MappingProxyType(files)


def _zipped_file(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> ZippedFile:
    digest = hashlib.sha256()
    with archive.open(info) as content:
        for chunk in iter(lambda: content.read(CHUNK), b""):
            digest.update(chunk)
    return ZippedFile(info.file_size, digest.hexdigest())
