"""TensorBoard: event files, a folder for each stage, so that trainings share their charts."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from fasterseg.callbacks import Picture
from fasterseg.tracking.told import Told
from fasterseg.tracking.tracker import Opening, as_name

RESULTS = "results"


class EventFiles:
    """Writes what TensorBoard reads below a folder."""

    def __init__(self, opening: Opening) -> None:
        self._folder = opening.folder / "tensorboard" / opening.about
        self._told: Told = opening.told
        self._writers: dict[str, Any] = {}
        if not opening.told.identity:
            self._text("recipe", f"```json\n{json.dumps(opening.recipe, indent=1)}\n```")

    @property
    def identity(self) -> str:
        """The folder's name: another session writes into it too."""
        return self._folder.name

    def numbers(self, group: str, step: int, values: Mapping[str, float], *, line: int) -> None:
        """A scalar for each."""
        self._add(group, step, [{"tag": tag, "simple_value": one} for tag, one in values.items()])

    def results(self, group: str, values: Mapping[str, float]) -> None:
        """Scalars at step 0 of the results."""
        told = [{"tag": f"{group}/{tag}", "simple_value": one} for tag, one in values.items()]
        self._add(RESULTS, 0, told)

    def pictures(self, group: str, pictures: Mapping[str, Picture], *, line: int) -> None:
        """An image for each."""
        told = [{"tag": f"{group}/{name}", "image": _image(one)} for name, one in pictures.items()]
        self._add(RESULTS, 0, told)

    def flush(self) -> None:
        """Write all files."""
        for writer in self._writers.values():
            writer.flush()

    def close(self, *, finished: bool) -> None:
        """Close all files."""
        for writer in self._writers.values():
            writer.close()

    def _add(self, group: str, step: int, values: list[dict[str, Any]]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        summary = Summary(value=[Summary.Value(**value) for value in values])
        self._writer(group).add_event(_timed(Event(step=step, summary=summary)))

    def _writer(self, group: str) -> Any:
        if group not in self._writers:
            from tensorboard.compat.proto.event_pb2 import Event, SessionLog
            from tensorboard.summary.writer.event_file_writer import EventFileWriter

            place: Path = self._folder / as_name(group)
            writer = self._writers[group] = EventFileWriter(str(place))
            if last := self._told.step_of(group):
                # What a killed session wrote and could not note is passed over by readers.
                start = SessionLog(status=SessionLog.START)
                writer.add_event(_timed(Event(step=last + 1, session_log=start)))
        return self._writers[group]

    def _text(self, tag: str, text: str) -> None:
        from tensorboard.compat.proto.summary_pb2 import SummaryMetadata
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
        from tensorboard.compat.proto.types_pb2 import DT_STRING

        plugin = SummaryMetadata.PluginData(plugin_name="text")
        one = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
        tensor = TensorProto(dtype=DT_STRING, string_val=[text.encode()], tensor_shape=one)
        metadata = SummaryMetadata(plugin_data=plugin)
        self._add(RESULTS, 0, [{"tag": tag, "tensor": tensor, "metadata": metadata}])


def _timed(event: Any) -> Any:
    event.wall_time = time.time()
    return event


def _image(picture: Picture) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    height, width, _ = picture.shape
    return Summary.Image(
        height=height, width=width, colorspace=3, encoded_image_string=buffer.getvalue()
    )
