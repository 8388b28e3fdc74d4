"""Action that keeps many small files: what differs is found by checksums, and only its content is sent."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible.plugins.action import ActionBase  # type: ignore[import-untyped]

_BATCH_BYTES = 8 * 1024 * 1024
"""What is sent at once, which the machine holds in its memory."""


def checksum(content: str) -> str:
    """Return what the module compares a file's content with."""
    return hashlib.sha256(content.encode()).hexdigest()


def batches(contents: Mapping[str, str], wanted: Sequence[str], most: int = _BATCH_BYTES) -> Iterator[dict[str, str]]:
    """Yield the wanted contents, as many at once as ``most`` bytes hold, and at least one."""
    batch: dict[str, str] = {}
    size = 0
    for path in wanted:
        if batch and size + len(contents[path]) > most:
            yield batch
            batch, size = {}, 0
        batch[path] = contents[path]
        size += len(contents[path])
    if batch:
        yield batch


class ActionModule(ActionBase):  # type: ignore[misc]
    """Arguments: those of the module, ``files`` with ``content`` in place of ``checksum``."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        contents = {str(one["path"]): str(one["content"]) for one in arguments.pop("files")}
        checksums = {path: checksum(content) for path, content in contents.items()}

        def ask(paths: Sequence[str], **more: object) -> dict[str, Any]:
            files = [{"path": path, "checksum": checksums[path]} for path in paths]
            answer: dict[str, Any] = self._execute_module(
                module_name="ecms_files", module_args={**arguments, "files": files, **more}, task_vars=task_vars
            )
            # It would repeat every content.
            answer.pop("invocation", None)
            return answer

        answer = ask(list(contents))
        changes, diffs = list(answer.get("changes", ())), list(answer.get("diff", ()))
        for batch in batches(contents, answer.get("wanted", ())):
            if answer.get("failed"):
                break
            encoded = {path: base64.b64encode(content.encode()).decode() for path, content in batch.items()}
            answer = ask(list(batch), directories=[], contents=encoded)
            changes += answer.get("changes", ())
            diffs += answer.get("diff", ())
        result.update(answer)
        result.update(changed=bool(changes), changes=changes, **({"diff": diffs} if self._task.diff else {}))
        result.pop("wanted", None)
        return result
