"""OHIF's own page in Chromium: opening a study, and what is drawn of it."""

import io

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page

type Grey = np.ndarray[tuple[int, int], np.dtype[np.int16]]

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
