"""The manuals' recipe for a frame that has come in part: no sample wraps around."""

import imagecodecs
import numpy as np
import pytest

import radgate as sdk
from radgate_server.core.dicom.transfer_syntaxes import HTJ2K_LOSSLESS_RPCL
from radgate_server.core.imaging.codestream import read_codestream
from tests.recipe import decoded

ROWS = 512


def checkered() -> np.ndarray:
    """White and black of 16 bits, between which wavelets overshoot."""
    rows, columns = np.mgrid[:ROWS, :ROWS]
    return np.where((rows // 37 + columns // 53) % 2, 65535, 0).astype("<u2")


@pytest.mark.parametrize("reduction", [0, 1, 2, 3])
def test_a_low_resolution_does_not_wrap_around(reduction: int) -> None:
    options = {"prog_order": "RPCL", "tlm": True, "tilepart": "RESOLUTIONS", "resolutions": 5, "bitspersample": 16}
    whole = bytes(imagecodecs.htj2k_encode(checkered(), reversible=True, **options))
    codestream = read_codestream(whole)
    assert codestream is not None
    came = whole[: codestream.bytes_for(reduction)] if reduction else whole
    frame = sdk.ViewedFrame("2.25.1", "2.25.2", 1, HTJ2K_LOSSLESS_RPCL, reduction, not reduction, came)
    pixels = decoded(frame).astype(int)
    step = 1 << reduction
    mean = checkered().reshape(ROWS // step, step, ROWS // step, step).mean(axis=(1, 3))
    even = (mean == 0) | (mean == 65535)
    assert np.abs(pixels - mean)[even].max() < 32768
    if reduction:
        wrapped = imagecodecs.htj2k_decode(came, skipres=reduction, resilient=True).astype(int)
        assert np.abs(wrapped - mean)[even].max() > 32768
    else:
        assert np.array_equal(pixels, checkered())
