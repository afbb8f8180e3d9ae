"""DCMTK's storescu, and a file for it to send."""

import asyncio
import subprocess
from pathlib import Path

from pydicom import dcmread
from pydicom.data import get_testdata_file

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import ListedInstance

FILE = Path(str(get_testdata_file("CT_small.dcm", download=False)))


def listed(file: Path = FILE) -> list[ListedInstance]:
    """The file's instance, as a PACS would list it."""
    data_set = dcmread(file, stop_before_pixels=True)
    ref = InstanceRef(data_set.StudyInstanceUID, data_set.SeriesInstanceUID, data_set.SOPInstanceUID)
    return [ListedInstance(ref, data_set.SOPClassUID)]


async def storescu(
    port: int, *options: str, calling: str = "ARCHIVE", called: str = "RADGATE", file: Path = FILE
) -> str:
    """What storescu says when it sends the file; "" when all went well."""
    command = ["storescu", "-v", *options, "-aet", calling, "-aec", called, "127.0.0.1", str(port), str(file)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr if done.returncode else ""
