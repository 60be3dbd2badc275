from __future__ import annotations

import warnings

import pytest

from fasterseg.datasets.pictures.quiet import quiet


def test_blocks_of_several_threads_overlap_and_leave_the_filters_as_they_were() -> None:
    before = list(warnings.filters)
    first, second = quiet(), quiet()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    warnings.warn("of damaged tags", stacklevel=1)
    second.__exit__(None, None, None)
    assert warnings.filters == before
    with pytest.warns(UserWarning, match="of something else"):
        warnings.warn("of something else", stacklevel=1)
