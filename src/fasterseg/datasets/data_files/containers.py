"""Files that hold images or masks in a form which is not read: what they are, and the way out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from fasterseg.datasets.decoding import VIDEO_SUFFIXES

_MASKS = "write each mask as PNG, ids as grey of 8 bits, under its image's name"
_BOTH = "write each image and its mask as PNG under one name, in a folder for images and one for "
_BOTH += "masks, and name the folder of the two"
_FRAMES = "take frames out of it, as by ffmpeg -i {} frames/%06d.png, and label them; "
_FRAMES += "fasterseg predict segments it"

Container = tuple[str, str]
"""What such a file is; what to do."""

_TABLE: Container = ("a table of Hugging Face datasets", f"load it with datasets; {_BOTH}")
_RECORDS: Container = ("TensorFlow's records", f"read it with tensorflow; {_BOTH}")
_MATLAB: Container = ("MATLAB's data", f"read it with scipy.io.loadmat; {_MASKS}")
_NUMPY: Container = ("NumPy's arrays", f"read it with numpy.load; {_MASKS}")
_HDF: Container = ("HDF5", f"read it with h5py; {_BOTH}")
_PICKLE: Container = ("a pickle, which can run anything", f"make masks of what wrote it: {_MASKS}")
_VOLUME: Container = ("a medical volume", f"take slices out of it, as with nibabel; {_BOTH}")

CONTAINERS: Mapping[str, Container] = {
    ".parquet": _TABLE,
    ".arrow": _TABLE,
    ".tfrecord": _RECORDS,
    ".tfrecords": _RECORDS,
    ".mat": _MATLAB,
    ".npy": _NUMPY,
    ".npz": _NUMPY,
    ".h5": _HDF,
    ".hdf5": _HDF,
    ".mdb": ("LMDB", f"read it with lmdb; {_BOTH}"),
    ".pkl": _PICKLE,
    ".pickle": _PICKLE,
    ".nii": _VOLUME,
    ".dcm": ("DICOM", f"read it with pydicom; {_BOTH}"),
    ".bag": ("a recording of ROS", f"take frames out of it, and label them; {_BOTH}"),
}
"""By how names end."""


def container_of(path: Path) -> Container | None:
    """What a file is by its name, and what to do; None for one that is no container known here."""
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return "a video", _FRAMES.format(shlex.quote(path.name))
    return CONTAINERS.get(suffix)
