"""OHIF's own page in Chromium: opening a study, and what is drawn of it."""

import io

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page

type Grey = np.ndarray[tuple[int, int], np.dtype[np.int16]]

LIKENESS = 0.97
"""Correlation that scaling leaves; what is not converted, or is in three planes, has a fraction of it."""

SEEN_BEFORE = """
    localStorage.setItem("shownTours", '["basicViewerTour"]');
    sessionStorage.setItem("investigationalUseDialog", "true");
"""
# As at a user's second visit: the tour and the notice of the first would cover the image.


def open_study(page: Page, study_instance_uid: str) -> Locator:
    """Open it in the viewer; returns where the image is drawn."""
    page.goto(f"/viewer/viewer?StudyInstanceUIDs={study_instance_uid}")
    viewport = page.locator("#viewerLayoutResizableViewportGridPanel canvas.cornerstone-canvas")
    viewport.wait_for()
    return viewport


def grey_of(viewport: Locator) -> Grey:
    """What is on the screen there, as grey levels by row and column."""
    with Image.open(io.BytesIO(viewport.screenshot())) as picture:
        return np.asarray(picture.convert("L"), dtype=np.int16)


def likeness(viewport: Locator, original: Image.Image) -> float:
    """Correlation of what is on the screen with the image, over blocks and colours."""
    with Image.open(io.BytesIO(viewport.screenshot())) as picture:
        shown = picture.convert("RGB")
    height = min(shown.height, shown.width * original.height // original.width)
    width = height * original.width // original.height
    left, top = (shown.width - width) // 2, (shown.height - height) // 2
    found, expected = _blocks(shown.crop((left, top, left + width, top + height))), _blocks(original)
    return float(np.corrcoef(found.ravel(), expected.ravel())[0, 1]) if found.std() > 1 else 0.0


def _blocks(picture: Image.Image) -> np.ndarray:
    """CallResources of blocks without the rim, where the viewer has its labels."""
    return np.asarray(picture.resize((64, 48), Image.Resampling.BOX), dtype=float)[8:40, 12:52]
