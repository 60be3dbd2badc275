"""The tail in C, compiled as a program that labels cases from a file, and how it is called."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from fasterseg.deploy.tail.beside import c_source

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror")
SANITISED = (*STRICT, "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")

PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include "tail.c"

int main(int count, char **words)
{
    FILE *in = fopen(words[1], "rb"), *out = fopen(words[2], "wb");
    int32_t n[7], parts; /* classes, height, width, rows and columns of labels, bytes, parts */
    while (count == 3 && fread(n, sizeof n, 1, in) == 1) {
        size_t logits = (size_t)n[0] * (size_t)n[1] * (size_t)n[2];
        size_t pixels = (size_t)n[3] * (size_t)n[4], bytes = pixels * (size_t)n[5];
        float *values = malloc(logits * sizeof(float));
        void *labels = malloc(bytes);
        size_t room = fasterseg_tail_bytes(n[0], n[1], n[2], n[3], n[4]);
        void *work = malloc(room);
        int fault = 0;
        if (!room || fread(values, sizeof(float), logits, in) != logits)
            return 3;
        memset(labels, 255, bytes);
        parts = n[6];
        for (int32_t part = 0; part < parts && fault == 0; part++)
            fault = n[5] == 1 ? fasterseg_tail_u8(values, n[0], n[1], n[2], labels, n[3], n[4],
                                                  work, part, parts)
                              : fasterseg_tail_i32(values, n[0], n[1], n[2], labels, n[3], n[4],
                                                   work, part, parts);
        fputc(fault, out);
        fwrite(labels, 1, bytes, out);
        free(values);
        free(labels);
        free(work);
    }
    fclose(in);
    return fclose(out);
}
"""


class Case(NamedTuple):
    """Logits, the size of their label map, and into how many parts the work is divided."""

    logits: npt.NDArray[np.float32]
    size: tuple[int, int]
    parts: int = 1


class Outcome(NamedTuple):
    """What the C file returned, and the labels."""

    fault: int
    labels: npt.NDArray[Any]


def compiler() -> str:
    """A C compiler; skips the test where there is none."""
    found = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if found is None:
        pytest.skip("no C compiler (cc, gcc or clang) is installed here")
    return found


def program(folder: Path, *flags: str) -> Path:
    """The program, compiled with these flags from the file that lies beside exports."""
    (folder / "tail.c").write_bytes(c_source())
    (folder / "program.c").write_text(PROGRAM)
    made = folder / "program"
    words = [compiler(), *flags, "-o", str(made), str(folder / "program.c")]
    found = subprocess.run(words, capture_output=True, text=True, cwd=folder, check=False)
    if "sanitize" in " ".join(flags) and "cannot find" in found.stderr:
        pytest.skip(f"this compiler has no sanitizers: {found.stderr.strip().splitlines()[-1]}")
    assert found.returncode == 0, found.stderr
    return made


def labelled(made: Path, cases: Sequence[Case]) -> list[Outcome]:
    """What the program makes of the cases, all in one process."""
    asked, told = made.with_name("cases"), made.with_name("labels")
    with asked.open("wb") as stream:
        for case in cases:
            kind = 1 if len(case.logits) <= 256 else 4
            numbers = [*case.logits.shape, *case.size, kind, case.parts]
            stream.write(np.array(numbers, dtype=np.int32).tobytes())
            stream.write(np.ascontiguousarray(case.logits).tobytes())
    found = subprocess.run([made, asked, told], capture_output=True, text=True, check=False)
    assert found.returncode == 0, f"{found.returncode}: {found.stderr[-2000:]}"
    data, at, outcomes = told.read_bytes(), 0, []
    for case in cases:
        kind = np.dtype(np.uint8 if len(case.logits) <= 256 else np.int32)
        pixels = case.size[0] * case.size[1]
        labels = np.frombuffer(data, kind, pixels, at + 1).reshape(case.size)
        outcomes.append(Outcome(data[at], labels))
        at += 1 + pixels * kind.itemsize
    assert at == len(data)
    return outcomes
