"""``fasterseg predict``: overlays, colours and label masks of images, videos and cameras."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter

from fasterseg.console.option_values import PathOrText, SizeOrText
from fasterseg.console.options import Common, OptionsOfADevice
from fasterseg.datasets.submission_names import SubmissionName

if TYPE_CHECKING:
    from fasterseg.network.predicted import PredictResult


def predict(
    model: PathOrText,
    source: PathOrText,
    *,
    out: Annotated[
        Path | str, Parameter(help="The folder to write to; 'NAME-predictions' next to the source.")
    ] = "",
    overwrite: Annotated[
        bool, Parameter(negative="", help="Replace files that are there.")
    ] = False,
    size: Annotated[
        SizeOrText,
        Parameter(
            help="Show the network every image at HxW, or at its 'own' size; by default at the one "
            "that it was trained for, where it has one."
        ),
    ] = "",
    most_pixels: Annotated[
        int | None,
        Parameter(
            help="The most pixels of an image that is read; by default 32 million, and 4 million "
            "where a file has less than a byte for 128 of them."
        ),
    ] = None,
    submission: Annotated[
        SubmissionName | None,
        Parameter(
            help="Write what this benchmark's server takes: the test images' labels in its ids, "
            "under its names. SOURCE may then be the data set's folder."
        ),
    ] = None,
    label_maps: Annotated[
        bool,
        Parameter(
            negative="",
            help="Of a video or a camera, write each frame's mask too: NAME_labels/000001.png.",
        ),
    ] = False,
    frames: Annotated[
        int | None, Parameter(help="Of a video or a camera, segment so many frames at most.")
    ] = None,
    **options: Unpack[OptionsOfADevice],
) -> PredictResult:
    """Segment an image, a video, a folder of them, all that a pattern finds, or a camera's frames.

    For each image it writes the overlay, the classes in colour, and a mask of class ids, at the
    image's own size, into the folder that --out names.  The network sees what has more than 2
    million pixels in overlapping tiles.  Exit code 3 where something could not be read; the others
    are done.

    For each video it writes the overlay as a video (VP8 in WebM, which browsers and players show,
    without sound), and tells frames per second and the 95th percentile of a frame beside what was
    promised.  A frame that is broken is named and passed over.  Ctrl-C ends the video where it is,
    and it plays; it is how a camera is ended.

    Parameters
    ----------
    model
        A bundle's folder, a model by name, or a file that `fasterseg export` wrote.
    source
        An image, a video, a folder (and the folders in it), a text file with an image's path in
        each line, a pattern in quotes such as 'frames/*.jpg', or a camera by its number or device:
        0, /dev/video0.

    Returns
    -------
    PredictResult
        Where everything is; what could not be read is listed: then the exit code is 3.

    Examples
    --------
    fasterseg predict camvid-8ms photos --out seen
    fasterseg predict camvid-8ms drive.mp4 --label-maps
    """
    from fasterseg.console.progress import progress_for
    from fasterseg.network.showing import size_option_text
    from fasterseg.pipeline.models.predicting import predict_named

    common = Common.of(options)
    show = progress_for(json=common.json)
    return predict_named(
        str(model),
        str(source),
        common,
        out=out,
        overwrite=overwrite,
        size=size_option_text(size),
        most_pixels=most_pixels,
        submission=submission,
        label_maps=label_maps,
        frames=frames,
        show=show,
    )
