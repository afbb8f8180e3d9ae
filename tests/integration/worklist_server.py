"""DCMTK's modality worklist server, and the files that it answers from."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from tests.integration.ports import free_port

AE_TITLE = "RIS"


def scheduled_step(patient: str, accession: str, day: date, *, modality: str = "CT", study: str = "2.25.1") -> Dataset:
    """One step with what PS3.4 table K.6-1 requires."""
    step = Dataset()
    step.Modality = modality
    step.ScheduledStationAETitle = "SCANNER"
    step.ScheduledProcedureStepStartDate = f"{day:%Y%m%d}"
    step.ScheduledProcedureStepStartTime = "080000"
    step.ScheduledPerformingPhysicianName = "Nobody"
    step.ScheduledProcedureStepDescription = "Chest"
    step.ScheduledProcedureStepID = "SPS-1"
    dataset = Dataset()
    dataset.PatientID = patient
    dataset.PatientName = "Doe^Jane"
    dataset.PatientBirthDate = "19500101"
    dataset.PatientSex = "F"
    dataset.AccessionNumber = accession
    dataset.StudyInstanceUID = study
    dataset.RequestedProcedureID = "RP-1"
    dataset.RequestedProcedureDescription = "CT chest"
    dataset.ScheduledProcedureStepSequence = Sequence([step])
    return dataset


@contextmanager
def worklist_server(folder: Path, steps: list[Dataset]) -> Iterator[int]:
    """Serve the steps; its port. Whoever reads has to wait until it listens."""
    files = folder / AE_TITLE
    files.mkdir(parents=True)
    (files / "lockfile").touch()
    for number, step in enumerate(steps):
        step.file_meta = FileMetaDataset()
        step.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        step.file_meta.MediaStorageSOPClassUID = "1.2.276.0.7230010.3.1.0.1"
        step.file_meta.MediaStorageSOPInstanceUID = f"2.25.90{number}"
        step.save_as(files / f"{number}.wl", enforce_file_format=True)
    port = free_port()
    with (folder / "log").open("wb") as log:
        command = ["wlmscpfs", "--single-process", "--data-files-path", str(folder), str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(60)
